/** A damaged chunk is told with the files that hold it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../../src/check/finding.js';
import { displayName } from '../../../src/oci/raw-name.js';
import { check, converted, flip, sourceImage, withBytes } from '../../support/images/memory-conversion.js';
import { noise } from '../../support/images/opaque-image.js';
import { file, hardlink, layer } from '../../support/images/tar.js';

const CHUNK = 0x10_0000;

/** The findings about chunks of the image of these layers, in whose first blob one byte is wrong. */
async function damaged(layers: readonly Uint8Array[], at = 5): Promise<readonly Finding[]> {
  const { findings } = await check(withBytes(await converted(sourceImage(layers)), 0, flip(at)));
  return findings.filter(({ id }) => id === 'CHUNK-DATA');
}

const filesOf = ({ files }: Finding): readonly string[] =>
  (files?.first ?? []).map(({ path, offset }) => `${displayName(path)} ${offset}`);

test('the file that holds a damaged chunk is named, with the place of the chunk in it', async () => {
  const [found, ...more] = await damaged([layer(file('a', noise(CHUNK + 5000, 1)))], CHUNK + 100);
  assert.ok(found !== undefined && more.length === 0);
  assert.equal(found.chunk, 1);
  assert.match(found.message, /^chunk 1: .*; in \/a at 0x100000$/);
  assert.deepEqual([found.files?.count, filesOf(found)], [1, [`a ${CHUNK}`]]);
});

test('of many files three are named and the others counted; a file with two names or the chunk twice is one', async () => {
  const content = noise(3000, 2);
  const twice = Buffer.concat([Buffer.alloc(CHUNK, 7), Buffer.alloc(CHUNK, 7), content]);
  const names = ['b', 'c', 'd', 'e'].map((name) => file(name, content));
  const [found] = await damaged([layer(file('a', content), ...names, hardlink('z', 'a'))]);
  assert.match(found?.message ?? '', /; in \/a at 0x0, \/b at 0x0, \/c at 0x0 and 2 more files$/);
  assert.equal(found?.files?.count, 5);
  const [again] = await damaged([layer(file('t', twice))]);
  assert.match(again?.message ?? '', /; in \/t at 0x0$/);
});

test('a chunk of a file that a later layer has removed is in no file', async () => {
  const [found] = await damaged([layer(file('a', noise(3000, 3)), file('b', 'b')), layer(file('.wh.a', ''))]);
  assert.match(found?.message ?? '', /; no file holds it$/);
  assert.deepEqual(found?.files, { count: 0, first: [] });
});

test('names are told as a person may read them', async () => {
  const [found] = await damaged([layer(file('a\u001b[31mb', noise(3000, 4)))]);
  assert.ok(found !== undefined && !found.message.includes('\u001b'), found?.message);
});
