/**
 * Members of a manifest or an index that speak of that very document: what it is attached to, its type as an artifact, digests of its
 * own bytes or of an index over them. A document that is made from it must not repeat them, because it would claim what is true of
 * the source alone: a registry would list it as a referrer, a SOCI snapshotter would look for its layers in another image.
 */
import type { Annotations } from '../oci/descriptor.js';

/** The claim that a document is attached to another, and what it is then. */
export const IDENTITY_MEMBERS = ['subject', 'artifactType'] as const;

/** SOCI writes the digests of its index and of the image into each other's annotations. */
const SOCI = 'com.amazon.soci.';

/** podman prefers an entry with this mark, which names the compression of the source's layers. */
export const ZSTD_MARK = 'io.github.containers.compression.zstd';

/** True for an annotation that no derived document may inherit; `own` are the digests that name the source or its parts. */
export function isIdentity(key: string, value: unknown, own: ReadonlySet<string>): boolean {
  return (key.startsWith(SOCI) && key.endsWith('digest')) || (typeof value === 'string' && own.has(value));
}

/** The keys of those annotations that speak of the document itself. */
export function identityKeys(
  annotations: Annotations | undefined,
  own: ReadonlySet<string>,
): readonly string[] {
  return Object.entries(annotations ?? {})
    .filter(([key, value]) => isIdentity(key, value, own))
    .map(([key]) => key);
}

/** The digests by which an image's manifest can be meant: its own, its config's and its layers'. */
export function ownDigests({
  descriptor,
  value: { config, layers },
}: {
  readonly descriptor: { readonly digest: string };
  readonly value: {
    readonly config: { readonly digest: string };
    readonly layers: readonly { readonly digest: string }[];
  };
}): ReadonlySet<string> {
  return new Set([descriptor, config, ...layers].map(({ digest }) => digest));
}
