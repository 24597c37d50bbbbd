import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../../../src/errors.js';
import { nydusConfig } from '../../../../src/oci/config-edit.js';
import { type DiffId, sha256 } from '../../../../src/oci/digest.js';
import { boundShape, MAX_JSON_DEPTH, MAX_JSON_VALUES } from '../../../../src/oci/json/shape.js';
import { parseJson, parseJsonObject, printJson } from '../../../../src/oci/json/value.js';
import { parseConfig, parseManifest } from '../../../../src/oci/manifest.js';

const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;

test('a document that is nested deeper than any real one is refused before it is read', () => {
  boundShape(Buffer.from(nested(MAX_JSON_DEPTH)), 'x');
  for (const depth of [MAX_JSON_DEPTH + 1, 3500, 400_000]) {
    const bytes = Buffer.from(nested(depth));
    for (const read of [parseJson, parseJsonObject, parseConfig, parseManifest] as const)
      assert.throws(() => read(bytes, 'x'), FormatError, String(depth));
  }
  assert.ok(printJson(parseJson(Buffer.from(nested(MAX_JSON_DEPTH)), 'x')).length < 16 * 1024);
});

test('a document that holds more values than any real one is refused before it is read', () => {
  const list = (count: number): Buffer => Buffer.from(`{"a":[${Array(count).fill('0').join(',')}]}`);
  boundShape(list(MAX_JSON_VALUES - 3), 'x');
  assert.throws(() => parseJsonObject(list(MAX_JSON_VALUES), 'x'), /holds more than 131072 values/);
});

test('brackets, commas and quotes inside of strings count for nothing', () => {
  const text = JSON.stringify({ a: `${'['.repeat(5000)}"\\"${',{'.repeat(MAX_JSON_VALUES)}\\\\`, b: '\\' });
  boundShape(Buffer.from(text), 'x');
  boundShape(Buffer.from('{"cut":"'), 'x');
});

test('white space that a document has once is not written again before every child of a list', () => {
  const digest = sha256(Buffer.from('x')) as string as DiffId; // any digest will do
  const space = ' '.repeat(4000);
  const config = Buffer.from(`{"rootfs":{"diff_ids":[${space}"${digest}"]},"history":[${space}{}]}`);
  const made = nydusConfig(config, Array<DiffId>(2000).fill(digest), digest, 'config');
  assert.ok(made.length < 400_000, `${made.length} bytes`);
});
