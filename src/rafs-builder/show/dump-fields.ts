/** Formats the fields of a dump's lines that both versions of RAFS share. */
import type { RawName, RawPath } from '../../oci/raw-name.js';
import type * as v6 from '../layout/v6.js';

export const KIND_LETTERS = {
  file: 'f',
  directory: 'd',
  symlink: 'l',
  char: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
} as const;

export function escapeRaw(raw: RawName | RawPath | string): string {
  if (raw === '') return '-';
  return raw.replace(/[^\x21-\x5b\x5d-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Formats a chunk at `fileOffset` of a file. */
export function chunkFields(info: v6.ChunkInfo, fileOffset: number): string {
  return [
    info.blobIndex,
    info.index,
    toHex(info.digest),
    fileOffset,
    info.compressedOffset,
    info.compressedSize,
    info.uncompressedOffset,
    info.uncompressedSize,
    `0x${info.flags.toString(16)}`,
    info.crc32.toString(16).padStart(8, '0'),
  ].join(' ');
}

export function hex8(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
