/** How some content is compressed, by its first bytes: names and media types may be wrong. */
export type Compression = 'gzip' | 'zstd' | 'none';

/** Bytes from the start of the content that decide. */
export const SNIFF_BYTES = 4;

/** True for an archive in a compression that `ArchiveUnpacker` knows. */
export function isCompressedArchive(start: Uint8Array): boolean {
  if (sniffCompression(start) !== 'none') return true;
  const isXz = start[0] === 0xfd && start[1] === 0x37 && start[2] === 0x7a && start[3] === 0x58;
  // zstd may begin with a frame that is to be skipped.
  const isSkippable =
    (start[0] ?? 0) >> 4 === 5 && start[1] === 0x2a && start[2] === 0x4d && start[3] === 0x18;
  const isBzip2 = start[0] === 0x42 && start[1] === 0x5a && start[2] === 0x68;
  return isXz || isSkippable || isBzip2;
}

export function sniffCompression(start: Uint8Array): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd) return 'zstd';
  return 'none';
}
