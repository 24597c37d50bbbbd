import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect, contentOf } from '../../../../src/io/streams.js';
import { packTar, readTar } from '../../../../src/io/tar/stream.js';

const entries = [
  { name: 'folder', mode: 0o755 },
  { name: `folder/${'n'.repeat(120)}`, mode: 0o444, bytes: Buffer.from('content') },
];

test('a packed tar is read back, folders and long names included', async () => {
  const tar = Buffer.concat(await packTar(entries));
  const read: unknown[] = [];
  for await (const { name, isFile, content } of readTar(contentOf(tar).open()))
    read.push([name, isFile, (await collect(content, 100, name)).toString()]);
  assert.deepEqual(read, [
    ['folder', false, ''],
    [entries[1]?.name, true, 'content'],
  ]);
});

test('a failure of the stream reaches the reader of the tar', async () => {
  const tar = Buffer.concat(await packTar(entries));
  const cut = async function* (): AsyncGenerator<Uint8Array> {
    yield* contentOf(tar.subarray(0, 700)).open();
    throw new Error('the connection was cut');
  };
  await assert.rejects(async () => {
    for await (const { name, content } of readTar(cut())) await collect(content, 100, name);
  }, /the connection was cut/);
});
