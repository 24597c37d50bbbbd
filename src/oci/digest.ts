/**
 * Digests that cannot be mixed up: branded strings compare, sort, key a Map and print as JSON for free.
 * Grammar: OCI image-spec, descriptor.md, "Digests".
 */
import { createHash } from 'node:crypto';
import { FormatError } from '../errors.js';

declare const brand: unique symbol;
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Of bytes as stored or sent, for example `sha256:9f86…`. */
export type Digest = Branded<string, 'Digest'>;
/** Of a layer's uncompressed tar. */
export type DiffId = Branded<string, 'DiffId'>;

const SHA256 = /^sha256:[0-9a-f]{64}$/;

/** Throws FormatError unless `text` is a well-formed sha256 digest, the only algorithm registries use. */
export function parseDigest(text: string): Digest {
  if (!SHA256.test(text)) throw new FormatError(`"${text}" is not a sha256 digest`);
  return text as Digest; // the grammar above is what the brand promises
}

export function isDigest(text: string): text is Digest {
  return SHA256.test(text);
}

/** Of all parts, one behind the other. */
export function sha256(...parts: readonly (Uint8Array | string)[]): Digest {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return `sha256:${hash.digest('hex')}` as Digest; // by construction
}

export function digestFromHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`);
}

/** The 64 hex characters after `sha256:`. RAFS blob ids are this. */
export function digestHex(digest: Digest | DiffId): string {
  return digest.slice('sha256:'.length);
}
