/**
 * Reads a cache. The tag leads to an index with a manifest for each platform, or to one manifest; OCI's and Docker's types are
 * read alike.
 */
import { ContentMismatchError, FormatError, type NydusError, RegistryError } from '../errors.js';
import { collect } from '../io/streams.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import {
  type Index,
  isDocumentType,
  type ListedDescriptor,
  type Manifest,
  MAX_DOCUMENT_SIZE,
  parseDocument,
} from '../oci/manifest.js';
import { type JsonObject, parseJsonObject } from '../oci/json/value.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import type { ContentSource, Located } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { type CacheRecord, parseRecord } from './record.js';

/** A store whose tag leads to a cache, opened for reading or for both. */
export interface CacheStore extends ContentSource, Located {
  resolve(call?: CallOptions): Promise<Descriptor | undefined>;
}

/** The records of one platform. */
export interface CacheManifest {
  /** Undefined for a manifest that is the root and whose config names no platform, as upstream writes it. */
  readonly platform: Platform | undefined;
  readonly version: string;
  readonly records: readonly CacheRecord[];
  readonly value: Manifest;
  /** The entry in the index; undefined for a manifest that is the root. */
  readonly entry: ListedDescriptor | undefined;
}

export interface CacheRoot {
  readonly descriptor: Descriptor;
  /** Undefined when one manifest is the root. */
  readonly index: Index | undefined;
  readonly manifests: readonly CacheManifest[];
  /** Entries of an index whose manifests the registry has lost. What it still has counts, and an update leaves these out. */
  readonly lost: readonly ListedDescriptor[];
}

/** Configs of caches are a few bytes. */
const MAX_CONFIG = 64 * 1024;

/**
 * Undefined when there is no cache yet. Throws FormatError for a tag that leads to something else. A cache that was read before, and to
 * which the tag still leads, is not read again.
 */
export async function readCache(
  store: CacheStore,
  call: CallOptions,
  before?: CacheRoot,
): Promise<CacheRoot | undefined> {
  const descriptor = await rootOf(store, call);
  if (descriptor === undefined) return undefined;
  if (descriptor.digest === before?.descriptor.digest) return before;
  const root = await read(store, descriptor, call);
  if (root.kind === 'manifest') {
    const platform = await platformOf(store, root, call);
    const only = manifestOf(store, root, platform, undefined);
    return { descriptor, index: undefined, manifests: [only], lost: [] };
  }
  const manifests: CacheManifest[] = [];
  const lost: ListedDescriptor[] = [];
  let failure: NydusError | undefined;
  for (const entry of root.manifests) {
    if (!isDocumentType(entry.mediaType)) throw notCache(store);
    try {
      const child = await read(store, entry, call);
      if (child.kind !== 'manifest') throw notCache(store);
      manifests.push(manifestOf(store, child, entry.platform, entry));
    } catch (error) {
      if (!isLoss(error)) throw error;
      failure ??= error;
      lost.push(entry);
    }
  }
  // Without any manifest it is not certain that this is a cache, which may be written again.
  if (failure !== undefined && manifests.length === 0) throw failure;
  return { descriptor, index: root, manifests, lost };
}

/** True if a registry does not have what it should have, or has other bytes; other failures may pass. */
function isLoss(error: unknown): error is ContentMismatchError | RegistryError {
  return error instanceof ContentMismatchError || (error instanceof RegistryError && error.status === 404);
}

/** The root that the tag leads to now; undefined when there is no such tag. */
export async function rootOf(store: CacheStore, call: CallOptions): Promise<Descriptor | undefined> {
  try {
    return await store.resolve(call);
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return undefined;
    throw error;
  }
}

async function read(store: CacheStore, descriptor: Descriptor, call: CallOptions): Promise<Manifest | Index> {
  const bytes = await collect(store.fetch(descriptor, call), MAX_DOCUMENT_SIZE, `cache ${store.location}`);
  return parseDocument(bytes, descriptor.mediaType);
}

function manifestOf(
  store: CacheStore,
  value: Manifest,
  platform: Platform | undefined,
  entry: ListedDescriptor | undefined,
): CacheManifest {
  const version = value.annotations?.[ANNOTATION.nydusCacheVersion];
  if (version === undefined) throw notCache(store);
  return { platform, version, records: value.layers.map(parseRecord), value, entry };
}

/** An image must never be taken for a cache, since an update would replace it. */
function notCache(store: CacheStore): FormatError {
  return new FormatError(
    `${store.location} is no build cache: its manifest has no ${ANNOTATION.nydusCacheVersion}`,
    {
      hint: 'name a tag of its own for the cache',
    },
  );
}

/** Undefined also for a config that is gone or makes no sense, since the records are good without it. */
async function platformOf(
  store: CacheStore,
  { config }: Manifest,
  call: CallOptions,
): Promise<Platform | undefined> {
  if (config.mediaType !== MEDIA.ociConfig && config.mediaType !== MEDIA.dockerConfig) return undefined;
  if (config.size > MAX_CONFIG) return undefined;
  try {
    const bytes = await collect(store.fetch(config, call), MAX_CONFIG, 'config of the cache');
    return platformIn(parseJsonObject(bytes, 'config'));
  } catch (error) {
    if (error instanceof FormatError || isLoss(error)) return undefined;
    throw error;
  }
}

function platformIn(json: JsonObject): Platform | undefined {
  const text = (key: string): string | undefined => {
    const value = json.get(key);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [os, architecture, variant] = [text('os'), text('architecture'), text('variant')];
  return os === undefined || architecture === undefined ? undefined : { os, architecture, variant };
}
