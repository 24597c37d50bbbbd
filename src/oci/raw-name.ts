/**
 * File names are bytes, not text. A RawName holds one character per byte (latin1): it round-trips, keys a Map, and
 * compares with `<` exactly as the kernel compares bytes, which is the order that directory entries need.
 */
import type { Branded } from './digest.js';

/** One component of a path. */
export type RawName = Branded<string, 'RawName'>;
/** Components joined by `/`, without a leading slash; empty for the root. */
export type RawPath = Branded<string, 'RawPath'>;

export function rawNameFromBytes(bytes: Uint8Array): RawName {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as RawName; // latin1 has one character a byte
}

/** Returns the raw name of typed text: its UTF-8 bytes. */
export function rawNameFromText(text: string): RawName {
  return Buffer.from(text, 'utf8').toString('latin1') as RawName; // latin1, as above
}

export function rawNameBytes(name: RawName | RawPath): Buffer {
  return Buffer.from(name, 'latin1');
}

/** Compares raw strings by code unit, which is by byte. */
export function compareRaw(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Formats a name for people: UTF-8, and `\xHH` for bytes that are not UTF-8 or not printable. */
export function displayName(name: RawName | RawPath): string {
  const text = rawNameBytes(name).toString('utf8');
  if (!text.includes('\uFFFD') && !/[\x00-\x1f\x7f-\x9f\\]/.test(text)) return text;
  return name.replace(
    /[^\x21-\x5b\x5d-\x7e ]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
