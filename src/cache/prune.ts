/** Removes records from a cache. The blobs stay in the registry, whose own collection of garbage removes those that nothing names. */
import type { Descriptor } from '../oci/descriptor.js';
import { MEDIA } from '../oci/media-types.js';
import type { ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { listed, type ListedRecord } from './listing.js';
import type { CacheRecord } from './record.js';
import { type CacheManifest, type CacheStore, readCache } from './root.js';
import { rewriteCache } from './write.js';

export interface PruneOptions {
  /** Records of each platform at most; those used last stay. */
  readonly maxRecords?: number | undefined;
  /** True: records without a key go, too. */
  readonly unkeyed?: boolean | undefined;
  /** True: nothing is written. */
  readonly dryRun?: boolean | undefined;
}

/** Why a record goes: its blob is gone, its annotations are wrong, it has no key, or it is beyond the maximum. */
export type PruneReason = 'gone' | 'damaged' | 'unkeyed' | 'beyond';

export interface PrunedRecord extends ListedRecord {
  readonly reason: PruneReason;
}

export interface PruneResult {
  readonly cache: string;
  readonly removed: readonly PrunedRecord[];
  readonly kept: number;
  readonly written: boolean;
}

/** Undefined when there is no cache. Throws FormatError for a tag that leads to something else, and what the store throws. */
export async function pruneCache(
  cache: ImageTarget,
  options: PruneOptions = {},
  call: CallOptions = {},
): Promise<PruneResult | undefined> {
  let removed: PrunedRecord[] = [];
  let kept = 0;
  const keep = async (manifest: CacheManifest): Promise<readonly CacheRecord[]> => {
    const staying: CacheRecord[] = [];
    for (const record of manifest.records) {
      const reason = await reasonOf(cache, record, staying.length, options, call);
      if (reason === undefined) staying.push(record);
      else removed.push({ ...listed(record), reason });
    }
    kept += staying.length;
    return staying;
  };
  if (options.dryRun === true) {
    const root = await readCache(cache, call);
    if (root === undefined) return undefined;
    for (const manifest of root.manifests) await keep(manifest);
    return { cache: cache.location, removed, kept, written: false };
  }
  const done = await rewriteCache(
    cache,
    async (root) => {
      removed = [];
      kept = 0;
      const manifests: (readonly CacheRecord[])[] = [];
      for (const manifest of root.manifests) manifests.push(await keep(manifest));
      return manifests;
    },
    call,
  );
  if (done === undefined) return undefined;
  return { cache: cache.location, removed, kept, written: done.isWritten };
}

async function reasonOf(
  store: CacheStore,
  record: CacheRecord,
  staying: number,
  { maxRecords, unkeyed }: PruneOptions,
  call: CallOptions,
): Promise<PruneReason | undefined> {
  const { state, digest, size } = listed(record);
  if (state === 'damaged') return 'damaged';
  if (state === 'unkeyed' && unkeyed === true) return 'unkeyed';
  if (maxRecords !== undefined && staying >= maxRecords) return 'beyond';
  const blob: Descriptor = { mediaType: MEDIA.nydusBlob, digest, size };
  return (await store.exists(blob, call)) ? undefined : 'gone';
}
