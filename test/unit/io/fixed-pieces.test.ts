/** Memory is shared only between readers that leave it as it is, and only where nothing else can change it. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ContentMismatchError } from '../../../src/errors.js';
import { forReading, verifiedDigest, withFixedPieces } from '../../../src/io/fixed-pieces.js';
import { type ByteStream, collect } from '../../../src/io/streams.js';
import { shareContent } from '../../../src/io/tee.js';
import { digestHex, sha256 } from '../../../src/oci/digest.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { tempFolder } from '../../support/temp-folder.js';

const OCTETS = 'application/octet-stream';

/** A stream of one piece, and the piece. */
function onePiece(): { readonly piece: Uint8Array; readonly stream: ByteStream } {
  const piece = new Uint8Array(20).fill(7);
  const stream = async function* (): ByteStream {
    yield await Promise.resolve(piece);
  };
  return { piece, stream: stream() };
}

async function first(stream: ByteStream): Promise<Uint8Array> {
  for await (const piece of stream) return piece;
  throw new Error('the stream is empty');
}

test('fixed pieces are shared with a side that only reads, and copied for a side that may change them', async () => {
  for (const isReading of [true, false]) {
    const { piece, stream } = onePiece();
    const { main, side } = shareContent({ size: piece.length, open: () => withFixedPieces(stream) });
    const content = isReading ? forReading(side) : side;
    const [mine, others] = await Promise.all([first(main), first(content.open())]);
    assert.equal(mine, piece);
    assert.equal(others === piece, isReading);
    if (isReading) continue;
    structuredClone(others, { transfer: [others.buffer as ArrayBuffer] });
    assert.deepEqual(mine, new Uint8Array(20).fill(7));
  }
});

test('pieces of a stream without the mark are copied for both readers', async () => {
  const { piece, stream } = onePiece();
  const { main, side, verified } = shareContent({ size: piece.length, open: () => stream });
  const both = await Promise.all([first(main), first(forReading(side).open())]);
  piece.fill(0);
  for (const got of both) {
    assert.deepEqual(Uint8Array.from(got), new Uint8Array(20).fill(7));
    structuredClone(got, { transfer: [got.buffer as ArrayBuffer] });
  }
  assert.equal(verified, undefined);
});

test('a stream of a store says which digest it verifies, and one that is made from it does not', async (t) => {
  const folder = await tempFolder(t);
  const bytes = Buffer.from('content of a layout');
  const descriptor = { mediaType: OCTETS, digest: sha256(bytes), size: bytes.length };
  const blobs = join(folder, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  writeFileSync(join(blobs, digestHex(descriptor.digest)), bytes);
  await using source = openSource(`oci:${folder}`);
  const wrapped = (async function* () {
    yield* source.fetch(descriptor);
  })();
  assert.equal(verifiedDigest(source.fetch(descriptor)), descriptor.digest);
  assert.equal(verifiedDigest(source.fetch(descriptor, { digestedByCaller: true })), undefined);
  assert.equal(verifiedDigest(source.fetch(descriptor, { range: { start: 0, end: 4 } })), undefined);
  assert.equal(verifiedDigest(source.fetch(descriptor, { unverified: true })), undefined);
  assert.equal(verifiedDigest(wrapped), undefined);

  await using target = openTarget(`oci:${await tempFolder(t)}:tag`);
  const other = { ...descriptor, digest: sha256('other content') };
  const content = { size: bytes.length, open: () => source.fetch(descriptor) };
  await assert.rejects(target.push(other, content), ContentMismatchError);
  assert.equal(await target.push(descriptor, content), 'pushed');
  assert.deepEqual(await collect(target.fetch(descriptor), 100, 'content'), bytes);
});
