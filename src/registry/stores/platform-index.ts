/**
 * The index of an image that a layout holds as one entry for each platform, all under one name or without any. The layout
 * has no such index as a blob, so the store makes it, the same bytes each time.
 */
import { contentOf, type ByteStream } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { type Digest, sha256 } from '../../oci/digest.js';
import { isManifestType, type JsonObject, type ListedDescriptor, serialise } from '../../oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../oci/media-types.js';
import { formatPlatform } from '../../oci/platform.js';
import type { FetchOptions } from './store.js';

const NAMES: ReadonlySet<string> = new Set([ANNOTATION.ociRefName, ANNOTATION.containerdImageName]);

/** A document that only this store has. */
export interface MadeDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/**
 * Undefined unless the entries are images for platforms of which each occurs once. `unknown`, the platform of
 * attestations, may occur more often.
 */
export function platformIndex(entries: readonly ListedDescriptor[]): MadeDocument | undefined {
  const seen = new Set<string>();
  for (const { mediaType, platform } of entries) {
    if (platform === undefined || !isManifestType(mediaType)) return undefined;
    const name = formatPlatform(platform);
    if (platform.os !== 'unknown' && seen.has(name)) return undefined;
    seen.add(name);
  }
  const bytes = serialise({
    schemaVersion: 2,
    mediaType: MEDIA.ociIndex,
    manifests: entries.map(({ raw }) => withoutNames(raw)),
  });
  return { descriptor: { mediaType: MEDIA.ociIndex, digest: sha256(bytes), size: bytes.length }, bytes };
}

/** Names belong to the layout and not to the image. */
function withoutNames(entry: JsonObject): JsonObject {
  const { annotations, ...members } = entry;
  const kept = Object.entries((annotations ?? {}) as JsonObject).filter(([key]) => !NAMES.has(key)); // the index's parser has checked it
  return kept.length === 0 ? members : { ...members, annotations: Object.fromEntries(kept) };
}

/** The documents that a store has made so far. */
export class MadeDocuments {
  readonly #documents = new Map<Digest, MadeDocument>();

  /** Remembers the document, and returns its descriptor. */
  add(document: MadeDocument): Descriptor {
    this.#documents.set(document.descriptor.digest, document);
    return document.descriptor;
  }

  has({ digest, size }: Descriptor): boolean {
    return this.#documents.get(digest)?.bytes.length === size;
  }

  /** Undefined for content that was not made. */
  read({ digest }: Descriptor, { range }: FetchOptions = {}): ByteStream | undefined {
    const bytes = this.#documents.get(digest)?.bytes;
    return bytes && contentOf(bytes).open(range);
  }
}
