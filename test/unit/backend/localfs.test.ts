/** A folder as a storage backend. */
import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalBackend } from '../../../src/backend/localfs.js';
import { contentOf } from '../../../src/io/streams.js';
import { digestHex, sha256 } from '../../../src/oci/digest.js';
import { backendContract } from '../../support/backends/contract.js';
import { tempFolder } from '../../support/temp-folder.js';

backendContract('localfs', [1, 1_000_000], async (t) => {
  const dir = join(await tempFolder(t), 'not', 'there', 'yet');
  return {
    backend: new LocalBackend({ type: 'localfs', dir }),
    names: () => readdir(dir),
    stray: async (name) => {
      await mkdir(dir, { recursive: true });
      await writeFile(join(dir, name), 'x');
    },
  };
});

test('links and folders under the name of a blob are no blobs: the link is replaced, and what it leads to stays', async (t) => {
  const dir = await tempFolder(t);
  const [bytes, other] = [Buffer.from('one'), Buffer.from('two')];
  const elsewhere = join(await tempFolder(t), 'elsewhere');
  await writeFile(elsewhere, bytes);
  await symlink(elsewhere, join(dir, digestHex(sha256(bytes))));
  await mkdir(join(dir, digestHex(sha256(other))));
  const backend = new LocalBackend({ type: 'localfs', dir });
  for (const one of [bytes, other]) assert.equal(await backend.sizeOf(sha256(one)), undefined);
  await backend.put({ digest: sha256(bytes), size: 3 }, contentOf(bytes));
  assert.equal(await backend.sizeOf(sha256(bytes)), 3);
  await assert.rejects(backend.put({ digest: sha256(other), size: 3 }, contentOf(other)), {
    code: 'IO',
    message: /^cannot write .*: it is a folder$/,
  });
  assert.equal((await readdir(dir)).length, 2);
});
