/** Layers that chunks cannot stay in: one that shows it at its first bytes, and one that shows it only at its end. */
import { entry, type TarItem } from './tar.js';

/** A block of zstd has at most so many bytes. */
const BLOCK = 128 << 10;

/** A tar as a frame of zstd that stores it: a layer of zstd has no contexts. */
export function zstdStored(tar: Uint8Array): Buffer {
  // No checksum, no content size, and a window of 8 MiB.
  const parts: Uint8Array[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x68])];
  for (let at = 0; at < tar.length; at += BLOCK) {
    const bytes = tar.subarray(at, at + BLOCK);
    const header = Buffer.alloc(3);
    header.writeUIntLE((at + BLOCK >= tar.length ? 1 : 0) | (bytes.length << 3), 0, 3);
    parts.push(header, bytes);
  }
  return Buffer.concat(parts);
}

/** A file that begins with a hole of 4 KiB: its chunks do not lie in the tar. What stands before it was referred to until then. */
export function sparse(path: string, content: string): TarItem {
  const map = Buffer.alloc(512);
  map.write(`1\n4096\n${content.length}\n`);
  return entry('0', `GNUSparseFile.0/${path}`, {
    data: Buffer.concat([map, Buffer.from(content)]),
    pax: [
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', path],
      ['GNU.sparse.realsize', String(4096 + content.length)],
    ],
  });
}
