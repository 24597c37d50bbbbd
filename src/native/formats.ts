/** The codecs by number, the RAFS versions, the oldest readers and the defaults that the addon reports. Written by tools/docs/main.ts. Do not edit: npm run docs. */
import type { FormatOptions } from './addon-types.js';

export const CODECS = [
  { name: 'none', isWritten: true },
  { name: 'lz4_block', isWritten: true },
  { name: 'gzip', isWritten: false },
  { name: 'zstd', isWritten: true, levels: { min: 1, max: 22, default: 3 } },
] as const;
export const FS_VERSIONS = [6, 5] as const;
export const READERS = [
  { name: 'latest', checksums: true, batches: true },
  { name: 'nydusd-2.3', checksums: false, batches: true },
  { name: 'nydusd-2.2', checksums: false, batches: false },
] as const;

/** Bytes below which a batch stays, and below which a file is in one, if the packer chooses. */
export const AUTO_BATCHES = { size: 1048576, below: 65536 } as const;

/** The addon uses these values for options that the caller leaves out. */
export const FORMAT_DEFAULTS = {
  fsVersion: 6,
  compressor: 'zstd',
  compressionLevel: 3,
  chunkSize: 1048576,
  batchSize: 0,
  digester: 'blake3',
  alignChunks: false,
  compat: 'latest',
  dedup: 'layer',
  flatten: 'none',
  ociRef: 'off',
  zranSpan: 2097152,
} as const satisfies FormatOptions;

/** Names of the codecs that chunks can be stored with. */
export type WrittenCompressor = Extract<(typeof CODECS)[number], { readonly isWritten: true }>['name'];
export type FsVersion = (typeof FS_VERSIONS)[number];
export type OldestReader = (typeof READERS)[number]['name'];
