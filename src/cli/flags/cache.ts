/** The flags of the build cache, after upstream's (design: nydusify `convert`). */
import type { LocalCacheOptions } from '../../cache/local/local-cache.js';
import { type CacheMode, MAX_RECORDS } from '../../cache/options.js';
import type { CacheLayout } from '../../cache/update.js';
import { UsageError } from '../../errors.js';
import { withTag } from '../../oci/reference.js';
import { type Location, parseLocation } from '../../registry/location.js';
import { parseByteSize } from './byte-size.js';
import type { Flag, FlagValues } from './flags.js';
import type { RegistryFlags } from './registry.js';

const CACHE = 'Build cache:';

const CACHE_MODES = ['rw', 'ro', 'wo'] as const;
const CACHE_LAYOUTS = ['auto', 'index', 'manifest'] as const;

const CACHE_PLACES: readonly Flag[] = [
  {
    name: 'build-cache',
    type: 'string',
    value: 'image',
    env: 'BUILD_CACHE',
    overrules: ['build-cache-tag'],
    group: CACHE,
    help: 'keep records of converted layers under this tag, and take from there what was converted before',
  },
  {
    name: 'build-cache-tag',
    type: 'string',
    value: 'tag',
    env: 'BUILD_CACHE_TAG',
    overrules: ['build-cache'],
    group: CACHE,
    help: "the same under this tag of the target's repository",
  },
];

const CACHE_WAYS: readonly Flag[] = [
  {
    name: 'build-cache-version',
    type: 'string',
    value: 'text',
    env: 'BUILD_CACHE_VERSION',
    group: CACHE,
    help: 'use and write records of this version alone; default: any is used, and what is there is kept',
  },
  {
    name: 'build-cache-insecure',
    type: 'boolean',
    env: 'BUILD_CACHE_INSECURE',
    group: CACHE,
    help: "do not verify the certificate of the cache's registry; if it speaks no TLS, speak HTTP with it, and say so",
  },
  {
    name: 'build-cache-max-records',
    type: 'string',
    value: 'n',
    default: String(MAX_RECORDS),
    env: 'BUILD_CACHE_MAX_RECORDS',
    group: CACHE,
    help: 'records of each platform at most, 1 to 200; those used last are kept',
  },
  {
    name: 'build-cache-mode',
    type: 'string',
    value: 'mode',
    choices: CACHE_MODES,
    default: 'rw',
    group: CACHE,
    help: 'rw; ro reads the cache and leaves it as it is; wo converts everything and writes it',
  },
  {
    name: 'build-cache-layout',
    type: 'string',
    value: 'form',
    choices: CACHE_LAYOUTS,
    default: 'auto',
    group: CACHE,
    help: 'auto keeps the form that is there, and makes one manifest for one platform; index or manifest make that',
  },
  {
    name: 'build-cache-strict',
    type: 'boolean',
    group: CACHE,
    help: 'end the run when something is wrong with the cache; without it the image is made as if there were none',
  },
  {
    name: 'build-cache-verify',
    type: 'boolean',
    group: CACHE,
    help: 'read and digest every blob that is taken from the cache',
  },
  {
    name: 'build-cache-trust-unkeyed',
    type: 'boolean',
    group: CACHE,
    help: "use records of upstream's cache too, which do not say with which options their blobs were made; only with --dedup layer",
  },
];

const CACHE_FOLDER: readonly Flag[] = [
  {
    name: 'cache-dir',
    type: 'string',
    value: 'folder',
    group: CACHE,
    help: 'keep the metadata of converted layers in this folder, too, with the same keys; alone, or beside --build-cache',
  },
  {
    name: 'cache-blobs',
    type: 'string',
    value: 'size',
    group: CACHE,
    help: 'keep blobs of so many bytes in that folder, for targets that have lost them; those used last are kept; default: none',
  },
];

export const CACHE_FLAGS: readonly Flag[] = [...CACHE_PLACES, ...CACHE_WAYS, ...CACHE_FOLDER];

/** The build cache of a run, before its store is opened. */
export interface CacheRequest {
  /** Undefined if only a folder is a cache. */
  readonly location: Location | undefined;
  readonly folder: LocalCacheOptions | undefined;
  readonly registry: RegistryFlags;
  readonly mode: CacheMode;
  readonly layout: CacheLayout;
  readonly version: string | undefined;
  readonly maxRecords: number;
  readonly strict: boolean;
  readonly verify: boolean;
  readonly trustUnkeyed: boolean;
}

/** Undefined without a cache; the notes name flags that then have no effect. Throws UsageError and InvalidReferenceError. */
export function cacheRequest(
  flags: FlagValues,
  target: Location,
  registry: RegistryFlags,
  notes: string[],
): CacheRequest | undefined {
  const image = flags.text('build-cache');
  const tag = flags.text('build-cache-tag');
  if (image !== undefined && tag !== undefined)
    throw new UsageError('--build-cache conflicts with --build-cache-tag');
  const folder = folderOf(flags);
  if (image === undefined && tag === undefined) {
    const idle = CACHE_WAYS.filter(
      ({ name }) => flags.isGiven(name) && (flags.isOn(name) || flags.text(name) !== undefined),
    );
    const works = folder === undefined ? [] : ['build-cache-strict', 'build-cache-verify'];
    const without = idle.filter(({ name }) => !works.includes(name));
    notes.push(
      ...without.map(({ name }) => `--${name} has no effect without --build-cache or --build-cache-tag`),
    );
    if (folder === undefined) return undefined;
  }
  const beside = tag === undefined ? undefined : besideTarget(target, tag);
  return {
    location: image === undefined ? beside : parseLocation(image),
    folder,
    registry: { ...registry, insecure: flags.isOn('build-cache-insecure') || registry.insecure },
    mode: flags.oneOf('build-cache-mode', CACHE_MODES) ?? 'rw',
    layout: flags.oneOf('build-cache-layout', CACHE_LAYOUTS) ?? 'auto',
    version: flags.isGiven('build-cache-version') ? (flags.text('build-cache-version') ?? '') : undefined,
    maxRecords: maxRecordsOf(flags),
    strict: flags.isOn('build-cache-strict'),
    verify: flags.isOn('build-cache-verify'),
    trustUnkeyed: flags.isOn('build-cache-trust-unkeyed'),
  };
}

function folderOf(flags: FlagValues): LocalCacheOptions | undefined {
  const path = flags.text('cache-dir');
  const size = flags.text('cache-blobs');
  if (path === undefined) {
    if (size !== undefined)
      throw new UsageError('--cache-blobs needs a folder', { hint: 'name it with --cache-dir' });
    return undefined;
  }
  return { path, blobBytes: size === undefined ? undefined : parseByteSize('cache-blobs', size) };
}

/** In upstream's sentences. */
function maxRecordsOf(flags: FlagValues): number {
  const count = flags.number('build-cache-max-records') ?? MAX_RECORDS;
  if (count < 1) throw new UsageError('--build-cache-max-records should be greater than 0');
  if (count > MAX_RECORDS)
    throw new UsageError(`--build-cache-max-records should not be greater than ${MAX_RECORDS}`);
  return count;
}

function besideTarget(target: Location, tag: string): Location {
  if (target.kind === 'registry') return { kind: 'registry', reference: withTag(target.reference, tag) };
  if (target.kind === 'oci') return { kind: 'oci', path: target.path, name: tag };
  throw new UsageError('--build-cache-tag needs a target in a registry or a folder', {
    hint: 'an archive is written whole; name the cache with --build-cache',
  });
}
