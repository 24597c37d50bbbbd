/**
 * Writes a cache: blobs and configs, then manifests by digest, then the root, once. Nothing locks a tag, so the root is read
 * directly before it is written, and again afterwards: a writer whose records another one has overwritten merges them again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheError, RegistryError } from '../errors.js';
import { contentOf, type ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type Digest, sha256 } from '../oci/digest.js';
import { descriptorToJson, serialise } from '../oci/manifest.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import { type ImageTarget, isMountable } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { goIndex } from './go-index.js';
import { type CacheRecord, isSameRecord } from './record.js';
import { MAX_RECORDS } from './options.js';
import { type CacheRoot, readCache, rootOf } from './root.js';
import {
  type CacheLayout,
  type NextCache,
  nextCache,
  type NextManifest,
  type TouchedRecords,
} from './update.js';

export interface CacheWriting {
  readonly cache: ImageTarget;
  /** The target of the run, which has the blobs of all touched records. */
  readonly target: ImageTarget;
  readonly maxRecords: number;
  readonly layout: CacheLayout;
  /** The version to write; undefined keeps the one that is there. */
  readonly version: string | undefined;
  /** The cache as the run has read it. */
  readonly before?: CacheRoot | undefined;
}

/** So often a writer puts the root before it gives up; with others in the way each time is further from the one before. */
const ROUNDS = 10;
/** Milliseconds that the look afterwards waits at least: longer than others take between their reading and their writing. */
const MIN_WAIT_MS = 60;
/** Milliseconds at random before the next try, times two for each try before; at least as long as the last try took. */
const BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 3000;
/** Where a try takes long, others come between as long, so the bound is so many tries. */
const MAX_BACKOFF_TRIES = 20;

/** Returns true if the cache was written, false if it said everything already. Throws what the store throws, and CacheError when others overwrite it all the time. */
export async function writeCache(
  writing: CacheWriting,
  touched: readonly TouchedRecords[],
  call: CallOptions,
): Promise<boolean> {
  const placed = new Set<Digest>();
  let isChecked = false;
  for (let round = 0; round <= ROUNDS; round++) {
    const started = performance.now();
    const root = await readOwn(writing, call);
    const next = nextOf(writing, root, touched);
    // Others may have put their own records in front since, which takes nothing from this run's.
    if (round === 0 ? !next.isNew : hasAll(root, touched, writing.maxRecords)) return round > 0;
    if (round === ROUNDS) break;
    let isPut = false;
    try {
      isPut = await putRoot(writing, { root, next, touched, placed, isChecked }, call);
    } catch (error) {
      if (isChecked || !isRefusal(error)) throw error;
      isChecked = true;
      continue;
    }
    const took = performance.now() - started;
    const bound = Math.max(MAX_BACKOFF_MS, MAX_BACKOFF_TRIES * took);
    const most = Math.min(bound, Math.max(BACKOFF_MS, took) * 2 ** round);
    const wait = isPut ? MIN_WAIT_MS + 2 * took : Math.random() * most;
    await sleep(wait + (round === 0 ? 0 : Math.random() * most), undefined, { signal: call.signal });
  }
  throw overwritten(writing.cache);
}

function overwritten({ location }: ImageTarget): CacheError {
  return new CacheError(`build cache ${location}: others overwrite it all the time`);
}

/** Returns the records that stay, in their order, of each manifest. */
export type KeepRecords = (root: CacheRoot) => Promise<readonly (readonly CacheRecord[])[]>;

/**
 * Rewrites a cache with fewer records, in the form that it has. `keep` is asked again when another writer has come between. Returns
 * the root that was read, and true if it was replaced; undefined when there is no cache.
 */
export async function rewriteCache(
  cache: ImageTarget,
  keep: KeepRecords,
  call: CallOptions,
): Promise<{ readonly root: CacheRoot; readonly isWritten: boolean } | undefined> {
  for (let round = 0; round < ROUNDS; round++) {
    const root = await readCache(cache, call);
    if (root === undefined) return undefined;
    const kept = await keep(root);
    const manifests = root.manifests.map((before, place) => {
      const records = kept[place] ?? before.records;
      const isSame = records.length === before.records.length;
      return { platform: before.platform, records: isSame ? before.records : records, before };
    });
    if (root.lost.length === 0 && manifests.every(({ records, before }) => records === before.records))
      return { root, isWritten: false };
    const next = { isIndex: root.index !== undefined, manifests, isNew: true };
    const writing = {
      cache,
      target: cache,
      maxRecords: MAX_RECORDS,
      layout: 'auto',
      version: undefined,
    } as const;
    const attempt = { root, next, touched: [], placed: new Set<Digest>(), isChecked: false };
    if (await putRoot(writing, attempt, call)) return { root, isWritten: true };
    await sleep(Math.random() * BACKOFF_MS * 2 ** round, undefined, { signal: call.signal });
  }
  throw overwritten(cache);
}

/** True if a cache has all these records, as far as they can be kept. */
function hasAll(root: CacheRoot | undefined, touched: readonly TouchedRecords[], max: number): boolean {
  const known = root?.manifests.flatMap(({ records }) => records) ?? [];
  return touched.every(({ records }) =>
    records.slice(0, max).every((record) => known.some((other) => isSameRecord(record, other))),
  );
}

function nextOf(
  { maxRecords, layout }: CacheWriting,
  root: CacheRoot | undefined,
  touched: readonly TouchedRecords[],
): NextCache {
  return nextCache(root, touched, { max: maxRecords, layout });
}

/** A manifest of another version is replaced, so its records count for nothing. */
async function readOwn(
  { cache, version, before }: CacheWriting,
  call: CallOptions,
): Promise<CacheRoot | undefined> {
  const root = await readCache(cache, call, before);
  if (root === undefined || version === undefined) return root;
  const manifests = root.manifests.map((manifest) =>
    manifest.version === version ? manifest : { ...manifest, records: [] },
  );
  return { ...root, manifests };
}

interface Round {
  readonly root: CacheRoot | undefined;
  readonly next: NextCache;
  readonly touched: readonly TouchedRecords[];
  /** The blobs that this run has seen in the cache's repository. */
  readonly placed: Set<Digest>;
  /** True if the blobs of all records are asked for, because the registry has refused a manifest. */
  readonly isChecked: boolean;
}

/** Returns false when another writer has come between. */
async function putRoot(
  writing: CacheWriting,
  { root, next, touched, placed, isChecked }: Round,
  call: CallOptions,
): Promise<boolean> {
  const { cache } = writing;
  for (const { records } of touched) await placeBlobs(writing, records, placed, call);
  const whole = isChecked
    ? { ...next, manifests: await Promise.all(next.manifests.map((one) => withoutLost(cache, one, call))) }
    : next;
  const made = await putManifests(writing, { root, next: whole }, call);
  const now = await rootOf(cache, call);
  if (now?.digest !== root?.descriptor.digest) return false;
  await cache.tag(made.descriptor, made.bytes, call);
  return true;
}

/** So a registry answers to a manifest whose blobs it lacks. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof RegistryError && (error.status === 400 || error.status === 404 || error.status === 422)
  );
}

/** The registry refuses a manifest with blobs that it lacks, so the blobs of other repositories come over first. */
async function placeBlobs(
  { cache, target }: CacheWriting,
  records: readonly CacheRecord[],
  placed: Set<Digest>,
  call: CallOptions,
): Promise<void> {
  for (const { digest, usable } of records) {
    if (placed.has(digest) || usable === undefined) continue;
    const blob: Descriptor = { mediaType: MEDIA.nydusBlob, ...usable.blob };
    const isThere = await cache.exists(blob, call);
    if (!isThere && !(isMountable(cache) && (await cache.mount(blob, target.place, call)))) {
      await cache.push(blob, contentFrom(target, blob, call), call);
    }
    placed.add(digest);
  }
}

function contentFrom(target: ImageTarget, blob: Descriptor, call: CallOptions): ReplayableContent {
  return { size: blob.size, open: (range) => target.fetch(blob, { ...call, range }) };
}

interface Made {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** Puts the manifests of an index by digest; a manifest that is the root is put with the tag. */
async function putManifests(
  writing: CacheWriting,
  { root, next }: Pick<Round, 'root' | 'next'>,
  call: CallOptions,
): Promise<Made> {
  const entries: Descriptor[] = [];
  let only: Made | undefined;
  for (const manifest of next.manifests) {
    const { before } = manifest;
    if (next.isIndex && before?.entry !== undefined && before.records === manifest.records) {
      entries.push(before.entry);
      continue;
    }
    only = await putManifest(writing, manifest, next.isIndex, call);
    entries.push({ ...only.descriptor, platform: manifest.platform });
  }
  if (!next.isIndex && only !== undefined) return only;
  const bytes = goIndex(MEDIA.ociIndex, entries, root?.index?.annotations);
  return { descriptor: { mediaType: MEDIA.ociIndex, digest: sha256(bytes), size: bytes.length }, bytes };
}

/** Leaves out the records whose blobs the registry has lost, since it refuses the manifest for their sake. */
async function withoutLost(cache: ImageTarget, next: NextManifest, call: CallOptions): Promise<NextManifest> {
  const records: CacheRecord[] = [];
  for (const record of next.records) {
    const { size } = record;
    if (await cache.exists({ mediaType: MEDIA.nydusBlob, digest: record.digest, size }, call))
      records.push(record);
  }
  return { ...next, records };
}

async function putManifest(
  { cache, version }: CacheWriting,
  { platform, records, before }: NextManifest,
  isIndex: boolean,
  call: CallOptions,
): Promise<Made> {
  const { os, architecture, variant } = platform ?? {};
  const config = serialise({ architecture, os, variant });
  const configDescriptor: Descriptor = {
    mediaType: MEDIA.ociConfig,
    digest: sha256(config),
    size: config.length,
  };
  await cache.push(configDescriptor, contentOf(config), call);
  const bytes = serialise({
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: descriptorToJson(configDescriptor),
    layers: records.map(({ json }) => json),
    annotations: { [ANNOTATION.nydusCacheVersion]: version ?? before?.version ?? '' },
  });
  const descriptor: Descriptor = { mediaType: MEDIA.ociManifest, digest: sha256(bytes), size: bytes.length };
  if (isIndex) await cache.push(descriptor, contentOf(bytes), call);
  return { descriptor, bytes };
}
