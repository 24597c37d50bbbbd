/**
 * A record of a build cache says that a blob was made of a source layer. It is a descriptor of the blob in the layers of a
 * manifest; its annotations say the rest (design: goharbor/acceleration-service pkg/cache).
 */
import type { Descriptor } from '../oci/descriptor.js';
import { type DiffId, type Digest, isDigest, sha256 } from '../oci/digest.js';
import { descriptorToJson, type JsonObject, type ListedDescriptor } from '../oci/manifest.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';

/**
 * Raised with every change of the bytes that equal options make of equal layers, so that blobs of earlier versions are not used
 * any more.
 */
const WRITER = 1;

/** Longer texts about directories are not kept: a registry bounds manifests. */
const MAX_ENTERED = 8192;

/** Everything that a run needs of a blob that a run before has made. */
export interface CachedBlob {
  readonly blob: Pick<Descriptor, 'digest' | 'size'>;
  readonly source: Digest;
  /** True if the blob refers to no other, so that it serves a tool which knows only the source layer. */
  readonly standsAlone: boolean;
  readonly key: string;
  readonly diffId: DiffId;
  /** The end of the blob: where it begins, and its digest. */
  readonly tail: { readonly start: number; readonly digest: Digest };
  /** See `SealedBlob`. */
  readonly entered: string;
}

/** A record as it stands in a cache. */
export interface CacheRecord {
  /** The descriptor with all its members, which an update keeps. */
  readonly json: JsonObject;
  readonly digest: Digest;
  readonly size: number;
  readonly source: Digest | undefined;
  /** Undefined for a record without a key, such as upstream's, and for a damaged one. */
  readonly usable: CachedBlob | undefined;
  /** True for a record that never had a key, of a blob that holds its chunks itself. */
  readonly isUnkeyed: boolean;
}

/** The options that decide about the bytes of blobs; each line is one of `formatLine`. */
export interface KeyedFormat {
  /** For blobs that depend on no other layer. */
  readonly alone: string;
  /** For blobs that depend on the layers below; undefined if there are none such. */
  readonly chained: string | undefined;
  /** The digest of the chunk dictionary. */
  readonly dictionary: Digest | undefined;
}

/** The keys by which the blob of a layer is found. */
export interface LayerKeys {
  /** Of the layer and the options alone. A blob with this key does for the layer only if no lower layer stores one of its chunks. */
  readonly own: string;
  /** Of the layers below, too; undefined where blobs do not depend on them. */
  readonly chain: string | undefined;
}

/** The keys of the layers of an image; `sources` are its distinct layers, lowest first. */
export function layerKeys(
  sources: readonly Digest[],
  { alone, chained, dictionary }: KeyedFormat,
): readonly LayerKeys[] {
  const foreign = dictionary === undefined ? '' : `dictionary ${dictionary}\n`;
  const key = (source: Digest, format: string, below: readonly Digest[]): string =>
    sha256(
      `blob of layer ${source}\n${format}\nwriter ${WRITER}\n${foreign}${below.map((one) => `over ${one}\n`).join('')}`,
    );
  return sources.map((source, place) => ({
    own: key(source, alone, []),
    chain: chained === undefined ? undefined : key(source, chained, sources.slice(0, place).toReversed()),
  }));
}

export function parseRecord(listed: ListedDescriptor): CacheRecord {
  const { digest, size, raw, annotations = {} } = listed;
  const source = annotations[ANNOTATION.nydusSourceDigest] ?? annotations[ANNOTATION.nydusCacheSource];
  return {
    json: raw,
    digest,
    size,
    source: source !== undefined && isDigest(source) ? source : undefined,
    usable: usable(listed),
    isUnkeyed: isUnkeyed(listed),
  };
}

function isUnkeyed({ annotations = {} }: ListedDescriptor): boolean {
  const has = (key: string): boolean => annotations[key] !== undefined;
  return (
    has(ANNOTATION.nydusBlob) &&
    ![ANNOTATION.nydusCacheKey, ANNOTATION.nydusRef, ANNOTATION.nydusEncryptedBlob].some(has)
  );
}

function usable({ digest, size, annotations = {} }: ListedDescriptor): CachedBlob | undefined {
  const alone = annotations[ANNOTATION.nydusSourceDigest];
  const source = alone ?? annotations[ANNOTATION.nydusCacheSource];
  const key = annotations[ANNOTATION.nydusCacheKey];
  const diffId = annotations[ANNOTATION.nydusCacheDiffId];
  const entered = annotations[ANNOTATION.nydusCacheEntered];
  const [start, tail, ...rest] = annotations[ANNOTATION.nydusCacheTail]?.split(' ') ?? [];
  if (source === undefined || key === undefined || diffId === undefined || entered === undefined)
    return undefined;
  if (start === undefined || tail === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,15})$/.test(start)) {
    return undefined;
  }
  if (!isDigest(source) || !isDigest(diffId) || !isDigest(tail) || Number(start) >= size) return undefined;
  return {
    blob: { digest, size },
    source,
    standsAlone: alone !== undefined,
    key,
    diffId: diffId as string as DiffId, // a diffID is a digest, and `isDigest` has checked it
    tail: { start: Number(start), digest: tail },
    entered,
  };
}

/** Undefined for a blob whose description is too long for a manifest. */
export function recordOf(cached: CachedBlob): CacheRecord | undefined {
  const { blob, source, standsAlone, key, diffId, tail, entered } = cached;
  if (entered.length > MAX_ENTERED) return undefined;
  const json = descriptorToJson({
    mediaType: MEDIA.nydusBlob,
    ...blob,
    annotations: {
      [ANNOTATION.nydusBlob]: 'true',
      // Upstream would use a blob that needs others for any image with the layer.
      [standsAlone ? ANNOTATION.nydusSourceDigest : ANNOTATION.nydusCacheSource]: source,
      [ANNOTATION.uncompressed]: blob.digest,
      [ANNOTATION.nydusCacheKey]: key,
      [ANNOTATION.nydusCacheDiffId]: diffId,
      [ANNOTATION.nydusCacheTail]: `${tail.start} ${tail.digest}`,
      [ANNOTATION.nydusCacheEntered]: entered,
    },
  });
  return { json, ...blob, source, usable: cached, isUnkeyed: false };
}

/** True for two records of the same layer in the same format: one of them is enough. */
export function isSameRecord(one: CacheRecord, other: CacheRecord): boolean {
  return one.usable === undefined || other.usable === undefined
    ? one.digest === other.digest && one.source === other.source && one.usable === other.usable
    : one.usable.key === other.usable.key;
}
