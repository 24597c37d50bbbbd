/**
 * Reads a cache. The tag leads to an index with a manifest for each platform, or to one manifest; OCI's and Docker's types are
 * read alike.
 */
import { FormatError, RegistryError } from '../errors.js';
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
import { parseJsonObject } from '../oci/json/value.js';
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
}

/** Configs of caches are a few bytes. */
const MAX_CONFIG = 64 * 1024;

/** Undefined when there is no cache yet. Throws FormatError for a tag that leads to something else. */
export async function readCache(store: CacheStore, call: CallOptions): Promise<CacheRoot | undefined> {
  const descriptor = await rootOf(store, call);
  if (descriptor === undefined) return undefined;
  const root = await read(store, descriptor, call);
  if (root.kind === 'manifest') {
    const platform = await platformOf(store, root, call);
    return { descriptor, index: undefined, manifests: [manifestOf(store, root, platform, undefined)] };
  }
  const manifests: CacheManifest[] = [];
  for (const entry of root.manifests) {
    if (!isDocumentType(entry.mediaType)) throw notCache(store);
    const child = await read(store, entry, call);
    if (child.kind !== 'manifest') throw notCache(store);
    manifests.push(manifestOf(store, child, entry.platform, entry));
  }
  return { descriptor, index: root, manifests };
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

async function platformOf(
  store: CacheStore,
  { config }: Manifest,
  call: CallOptions,
): Promise<Platform | undefined> {
  if (config.mediaType !== MEDIA.ociConfig && config.mediaType !== MEDIA.dockerConfig) return undefined;
  if (config.size > MAX_CONFIG) return undefined;
  const json = parseJsonObject(
    await collect(store.fetch(config, call), MAX_CONFIG, 'config of the cache'),
    'config',
  );
  const text = (key: string): string | undefined => {
    const value = json.get(key);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [os, architecture, variant] = [text('os'), text('architecture'), text('variant')];
  return os === undefined || architecture === undefined ? undefined : { os, architecture, variant };
}
