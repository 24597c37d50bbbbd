/**
 * File names are bytes, not text. A RawName holds one character per byte (latin1): it round-trips, keys a Map, and
 * compares with `<` exactly as the kernel compares bytes, which is the order that directory entries need.
 */
import type { Branded } from './digest.js';
import { hasUnseen, replaceUnseen } from './unseen.js';

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

/**
 * Formats a name for people: UTF-8, and `\xHH` for bytes that are not UTF-8, and for characters that cannot be seen or reorder
 * what is seen.
 */
export function displayName(name: RawName | RawPath): string {
  const text = rawNameBytes(name).toString('utf8');
  if (text.includes('\uFFFD')) return hexBytes(name, /[^\x21-\x5b\x5d-\x7e ]/g);
  if (!text.includes('\\') && !hasUnseen(text)) return text;
  return replaceUnseen(text.replaceAll('\\', '\\x5c'), (character) =>
    hexBytes(Buffer.from(character, 'utf8').toString('latin1'), /[^]/g),
  );
}

/** `latin1` holds one character a byte. */
function hexBytes(latin1: string, bytes: RegExp): string {
  return latin1.replace(bytes, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
