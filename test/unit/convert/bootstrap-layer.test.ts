import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { bootstrapLayer } from '../../../src/convert/bootstrap-layer.js';
import { digestHex, sha256 } from '../../../src/oci/digest.js';

interface Member {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly mtime: number;
  readonly content: string;
}

async function members(tar: Uint8Array): Promise<Member[]> {
  const reader = extract();
  reader.end(tar);
  const found: Member[] = [];
  for await (const entry of reader) {
    const { name, type, mode, uid, mtime } = entry.header;
    let content = '';
    for await (const part of entry) content += String(part);
    found.push({ name, type, mode, uid, mtime: mtime.getTime(), content });
  }
  return found;
}

const [one, two] = [sha256('1'), sha256('2')];

test('the bootstrap layer holds the bootstrap and a blob.meta file for each blob with chunks, without times and owners', async () => {
  const layer = await bootstrapLayer(Buffer.from('boot'), [
    { blob: one, bytes: Buffer.from('m1') },
    { blob: two, bytes: Buffer.from('m2') },
  ]);
  const tar = gunzipSync(layer.bytes);
  const common = { uid: 0, mtime: 0 };
  assert.deepEqual(await members(tar), [
    { ...common, name: 'image', type: 'directory', mode: 0o755, content: '' },
    { ...common, name: 'image/image.boot', type: 'file', mode: 0o444, content: 'boot' },
    { ...common, name: `image/${digestHex(one)}.blob.meta`, type: 'file', mode: 0o444, content: 'm1' },
    { ...common, name: `image/${digestHex(two)}.blob.meta`, type: 'file', mode: 0o444, content: 'm2' },
  ]);
  assert.equal(layer.diffId, sha256(tar));
  assert.equal(layer.digest, sha256(layer.bytes));
});

test('a blob that is listed twice has one blob.meta file', async () => {
  const meta = { blob: one, bytes: Buffer.from('m') };
  const layer = await bootstrapLayer(Buffer.from('boot'), [meta, meta]);
  assert.equal((await members(gunzipSync(layer.bytes))).length, 3);
});

test('the gzip header holds no time, no name, and an unknown system', async () => {
  const { bytes } = await bootstrapLayer(Buffer.alloc(5000, 'x'), []);
  assert.equal(Buffer.from(bytes.subarray(0, 10)).toString('hex'), '1f8b08000000000000ff');
  assert.deepEqual((await bootstrapLayer(Buffer.alloc(5000, 'x'), [])).bytes, bytes);
});
