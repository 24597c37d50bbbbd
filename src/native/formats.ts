/** What images can be written with: codecs by number, RAFS versions with the default first. Written by tools/docs/main.ts. Do not edit: npm run docs. */
export const CODECS = [
  { name: 'none', isWritten: true },
  { name: 'lz4_block', isWritten: false },
  { name: 'gzip', isWritten: false },
  { name: 'zstd', isWritten: true, levels: { min: 1, max: 22, default: 3 } },
] as const;
export const DEFAULT_COMPRESSOR = 'zstd';
export const FS_VERSIONS = [6] as const;

/** Names of the codecs that chunks can be stored with. */
export type WrittenCompressor = Extract<(typeof CODECS)[number], { readonly isWritten: true }>['name'];
export type FsVersion = (typeof FS_VERSIONS)[number];
