/**
 * Digests are branded strings: they compare, sort, key a Map and print as JSON like strings, and the compiler keeps the
 * kinds apart. Grammar: OCI image-spec, descriptor.md, "Digests".
 */
import { createHash } from 'node:crypto';
import { FormatError } from '../errors.js';

declare const brand: unique symbol;
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** The digest of bytes as stored or sent, for example `sha256:9f86…`. */
export type Digest = Branded<string, 'Digest'>;
/** The digest of a layer's uncompressed tar. */
export type DiffId = Branded<string, 'DiffId'>;

const SHA256 = /^sha256:[0-9a-f]{64}$/;

/** Throws FormatError unless `text` is a well-formed sha256 digest. No registry uses another algorithm. */
export function parseDigest(text: string): Digest {
  if (!SHA256.test(text)) throw new FormatError(`"${text}" is not a sha256 digest`);
  return text as Digest; // the text matches the grammar that the brand stands for
}

export function isDigest(text: string): text is Digest {
  return SHA256.test(text);
}

/** Digests all parts, one after the other. */
export function sha256(...parts: readonly (Uint8Array | string)[]): Digest {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return `sha256:${hash.digest('hex')}` as Digest; // well-formed by construction
}

export function digestFromHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`);
}

/** Returns the 64 hex characters after `sha256:`, the form of RAFS blob ids. */
export function digestHex(digest: Digest | DiffId): string {
  return digest.slice('sha256:'.length);
}
