/** What a cache holds, for people and programs that look after it. */
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { formatPlatform } from '../oci/platform.js';
import type { CallOptions } from '../reporter.js';
import type { CacheRecord } from './record.js';
import { type CacheRoot, type CacheStore, readCache } from './root.js';

/**
 * `keyed`: made with the options that its key stands for; `unkeyed`: of upstream's tool, used only on demand; `damaged`: of no use,
 * since annotations are missing or wrong.
 */
export type RecordState = 'keyed' | 'unkeyed' | 'damaged';

export interface ListedRecord {
  readonly digest: Digest;
  readonly size: number;
  /** The source layer; undefined if the record does not say it. */
  readonly source: Digest | undefined;
  readonly state: RecordState;
  readonly key: string | undefined;
  /** True if the blob refers to no other. */
  readonly standsAlone: boolean;
}

export interface ListedCacheManifest {
  /** Undefined for one manifest whose config names no platform, as upstream writes it. */
  readonly platform: string | undefined;
  readonly version: string;
  /** Those used last come first. */
  readonly records: readonly ListedRecord[];
}

export interface CacheListing {
  readonly cache: string;
  readonly root: Descriptor;
  readonly form: 'manifest' | 'index';
  readonly manifests: readonly ListedCacheManifest[];
  /** Bytes of the blobs of all records, each once. */
  readonly blobBytes: number;
}

/** Undefined when there is no cache. Throws FormatError for a tag that leads to something else. */
export async function listCache(
  store: CacheStore,
  call: CallOptions = {},
): Promise<CacheListing | undefined> {
  const root = await readCache(store, call);
  return root === undefined ? undefined : listingOf(store.location, root);
}

function listingOf(cache: string, root: CacheRoot): CacheListing {
  const manifests = root.manifests.map(({ platform, version, records }) => ({
    platform: platform === undefined ? undefined : formatPlatform(platform),
    version,
    records: records.map(listed),
  }));
  const sizes = new Map(
    manifests.flatMap(({ records }) => records.map(({ digest, size }) => [digest, size])),
  );
  return {
    cache,
    root: root.descriptor,
    form: root.index === undefined ? 'manifest' : 'index',
    manifests,
    blobBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
  };
}

export function listed(record: CacheRecord): ListedRecord {
  const { digest, size, source, usable, isUnkeyed } = record;
  const isSound = usable !== undefined || (isUnkeyed && source !== undefined);
  const state = usable !== undefined ? 'keyed' : isSound ? 'unkeyed' : 'damaged';
  return { digest, size, source, state, key: usable?.key, standsAlone: usable?.standsAlone ?? isSound };
}
