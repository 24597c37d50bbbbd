import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImage } from '../../../src/check/check.js';
import type { CheckOptions } from '../../../src/check/options.js';
import { convertImage } from '../../../src/convert/convert.js';
import { plainLines } from '../../../src/cli/text/check.js';
import type { Digest } from '../../../src/oci/digest.js';
import { sourceImage } from '../../support/images/memory-conversion.js';
import { file, layer } from '../../support/images/tar.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

/** A merged index whose OCI half has a layer with another byte in it, and the right size. */
async function damaged(location: string): Promise<MemoryStore> {
  const source = sourceImage([layer(file('a', 'text'))]);
  const target = new MemoryStore(location);
  await convertImage({ source, target }, { mergePlatform: true, threads: 1 });
  const [digest] = layersOf(source);
  const bytes = Buffer.from((digest && target.content.get(digest)) ?? []);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  if (digest !== undefined) target.content.set(digest, bytes);
  return target;
}

function layersOf({ root, content }: MemoryStore): readonly Digest[] {
  const bytes = root === undefined ? undefined : content.get(root.digest);
  const manifest = JSON.parse(Buffer.from(bytes ?? []).toString()) as { layers: { digest: Digest }[] };
  return manifest.layers.map(({ digest }) => digest);
}

async function outcomeOf(target: MemoryStore, options: CheckOptions = {}): Promise<readonly unknown[]> {
  const result = await checkImage({ target }, { threads: 1, ...options });
  const errors = result.findings.filter(({ severity }) => severity === 'error');
  const [said] = /both halves[^\n]*/.exec(plainLines(result).join('\n')) ?? [];
  return [errors.map(({ id, where }) => `${id} ${where.half ?? ''} ${where.part ?? ''}`), said];
}

const FOUND = ['CONTENT-DIGEST oci layer 2'];
const NOT_READ = 'both halves, OCI layers unread';

test('layers of the OCI half are read where nothing has compared them yet', async () => {
  for (const location of ['oci:/images:1', 'oci-archive:/images.tar:1'])
    assert.deepEqual(await outcomeOf(await damaged(location)), [FOUND, 'both halves']);
});

test('in a registry they are read when all content is asked for, and the report says what was not read', async () => {
  const target = await damaged('registry.test/app:1');
  assert.deepEqual(await outcomeOf(target), [[], NOT_READ]);
  assert.deepEqual(await outcomeOf(target, { allContent: true }), [FOUND, 'both halves']);
});

test('a quick look reads no layer, and says so', async () => {
  const target = await damaged('oci:/images:1');
  assert.deepEqual(await outcomeOf(target, { sample: 5 }), [[], NOT_READ]);
  assert.deepEqual(await outcomeOf(target, { bootstrapOnly: true }), [
    [],
    `${NOT_READ}, chunk data not read`,
  ]);
});
