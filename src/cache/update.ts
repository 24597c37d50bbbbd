/** Decides what a cache holds after a run: the records that the run used come first, in layer order, and those used last go first. */
import type { Platform } from '../oci/descriptor.js';
import { formatPlatform, normalizePlatform } from '../oci/platform.js';
import { type CacheRecord, isSameRecord } from './record.js';
import type { CacheManifest, CacheRoot } from './root.js';

export type CacheLayout = 'auto' | 'index' | 'manifest';

/** What a run used of a cache or made, for one platform, in layer order. */
export interface TouchedRecords {
  readonly platform: Platform;
  readonly records: readonly CacheRecord[];
}

/** A manifest to be. */
export interface NextManifest {
  readonly platform: Platform | undefined;
  readonly records: readonly CacheRecord[];
  /** The manifest that it replaces or, if it has not changed, is. */
  readonly before: CacheManifest | undefined;
}

export interface NextCache {
  readonly isIndex: boolean;
  readonly manifests: readonly NextManifest[];
  /** False if the cache already says all this. */
  readonly isNew: boolean;
}

/** `max` bounds the records of each platform. */
export function nextCache(
  root: CacheRoot | undefined,
  touched: readonly TouchedRecords[],
  { max, layout }: { readonly max: number; readonly layout: CacheLayout },
): NextCache {
  const before = withPlatforms(root?.manifests ?? [], touched);
  const changed = before.map((manifest) => {
    const own = touched.find(({ platform }) => isSame(platform, manifest.platform));
    return own === undefined ? manifest : { ...manifest, records: lru(own.records, manifest.records, max) };
  });
  const added = touched
    .filter(({ platform }) => !before.some((manifest) => isSame(platform, manifest.platform)))
    .map(({ platform, records }) => ({ platform, records: lru(records, [], max), before: undefined }));
  const all: readonly NextManifest[] = [...changed, ...added].filter(
    ({ records, before }) => records.length > 0 || before !== undefined,
  );
  const isIndex = layout === 'auto' ? root?.index !== undefined || all.length > 1 : layout === 'index';
  const manifests = isIndex || all.length < 2 ? all : [oneOf(all, max)];
  const isNew =
    (root?.index !== undefined) !== isIndex ||
    (root?.lost ?? []).length > 0 ||
    manifests.some(({ records, before }) => before === undefined || !areSame(records, before.records));
  return { isIndex, manifests, isNew: isNew && manifests.length > 0 };
}

/** Touched records, then the others as they stood; the tail beyond the maximum is dropped. */
export function lru(
  touched: readonly CacheRecord[],
  others: readonly CacheRecord[],
  max: number,
): readonly CacheRecord[] {
  const kept: CacheRecord[] = [];
  for (const record of [...touched, ...others]) {
    if (kept.length >= max) break;
    if (!kept.some((known) => isSameRecord(known, record))) kept.push(record);
  }
  return kept;
}

/** A root that is a manifest of no platform belongs to the platform of the run with which it shares most source layers. */
function withPlatforms(
  manifests: readonly CacheManifest[],
  touched: readonly TouchedRecords[],
): readonly NextManifest[] {
  return manifests.map((before) => ({
    platform: before.platform ?? closest(before, touched),
    records: before.records,
    before,
  }));
}

function closest({ records }: CacheManifest, touched: readonly TouchedRecords[]): Platform | undefined {
  const sources = new Set(records.map(({ source }) => source));
  const shared = (own: TouchedRecords): number =>
    own.records.filter(({ source }) => sources.has(source)).length;
  const [first] = touched.toSorted((one, other) => shared(other) - shared(one));
  return first?.platform;
}

function oneOf(all: readonly NextManifest[], max: number): NextManifest {
  const [first] = all;
  const records = lru(
    all.flatMap((manifest) => manifest.records),
    [],
    max,
  );
  return { platform: first?.platform, before: first?.before, records };
}

function areSame(one: readonly CacheRecord[], other: readonly CacheRecord[]): boolean {
  return (
    one.length === other.length &&
    one.every((record, i) => record.json === other[i]?.json || isEqual(record, other[i]))
  );
}

function isEqual(one: CacheRecord, other: CacheRecord | undefined): boolean {
  return other !== undefined && one.digest === other.digest && isSameRecord(one, other);
}

function isSame(one: Platform, other: Platform | undefined): boolean {
  return (
    other !== undefined && formatPlatform(normalizePlatform(one)) === formatPlatform(normalizePlatform(other))
  );
}
