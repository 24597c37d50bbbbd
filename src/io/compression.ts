/** How some content is compressed, by its first bytes: names and media types may be wrong. */
export type Compression = 'gzip' | 'zstd' | 'none';

/** Bytes from the start of the content that decide. */
export const SNIFF_BYTES = 4;

export function sniffCompression(start: Uint8Array): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd) return 'zstd';
  return 'none';
}
