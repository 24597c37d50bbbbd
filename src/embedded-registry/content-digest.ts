/**
 * The digests that a registry must know: sha256 and sha512 (OCI image-spec, descriptor.md, "Registered algorithms"). The rest of
 * the program reads and writes sha256 alone, so a `Digest` is a `ContentDigest` too.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Branded, Digest } from '../oci/digest.js';

export type ContentDigest = Digest | Branded<string, 'Sha512Digest'>;

const FORMS = { sha256: /^sha256:[0-9a-f]{64}$/, sha512: /^sha512:[0-9a-f]{128}$/ } as const;
type Algorithm = keyof typeof FORMS;

export function isContentDigest(text: string): text is ContentDigest {
  return FORMS.sha256.test(text) || FORMS.sha512.test(text);
}

export function algorithmOf(digest: ContentDigest): Algorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** A new hash of the algorithm of `digest`. */
export function hasherFor(digest: ContentDigest): Hash {
  return createHash(algorithmOf(digest));
}

export function contentDigest(bytes: Uint8Array, algorithm: Algorithm): ContentDigest {
  return finishedDigest(createHash(algorithm).update(bytes), algorithm);
}

export function finishedDigest(hash: Hash, algorithm: Algorithm): ContentDigest {
  return `${algorithm}:${hash.digest('hex')}` as ContentDigest; // by construction
}

/** The part behind the algorithm, whose length identifies the algorithm. */
export function contentHex(digest: ContentDigest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function contentDigestFromHex(hex: string): ContentDigest {
  return `${hex.length === 128 ? 'sha512' : 'sha256'}:${hex}` as ContentDigest; // names that storage itself has written
}
