/**
 * The build cache in a run: what it has for a layer, and what the run used of it. Any fault of the cache costs a conversion, never
 * the image; the caller may ask for an error instead.
 */
import { LocalCache } from '../cache/local/local-cache.js';
import { type BuildCache, isTarget, MAX_RECORDS } from '../cache/options.js';
import {
  type CachedBlob,
  type CacheRecord,
  type KeyedFormat,
  type LayerKeys,
  layerKeys,
  recordOf,
} from '../cache/record.js';
import { type CacheRoot, readCache } from '../cache/root.js';
import type { TouchedRecords } from '../cache/update.js';
import { writeCache } from '../cache/write.js';
import { CacheError, NydusError } from '../errors.js';
import { localIoError } from '../io/system-error.js';
import type { Digest } from '../oci/digest.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { formatLine, type FormatOptions } from './format.js';
import type { ConvertOptions } from './options.js';

/** A blob that the cache names for a layer. */
export interface FoundBlob {
  readonly blob: Pick<CachedBlob['blob'], 'digest' | 'size'>;
  /** Undefined for a record without a key, which says nothing but the blob. */
  readonly cached: CachedBlob | undefined;
  /** What the run writes into the cache of it; undefined if that does not fit. */
  readonly record: CacheRecord | undefined;
}

/** How blobs are made, as far as the cache must know it. */
type RunFormat = FormatOptions & Partial<Pick<ConvertOptions, 'keepTarRecipe'>>;

export class RunCache implements AsyncDisposable {
  /** Where blobs of the cache lie; undefined if there is only a folder. */
  readonly store: ImageTarget | ImageSource | undefined;
  readonly verify: boolean;
  readonly #cache: BuildCache;
  /** False if every layer is read, because a recipe is made of its tar; its blob is recorded for other runs. */
  readonly #isSearched: boolean;
  readonly #format: Omit<KeyedFormat, 'dictionary'>;
  readonly #touched: TouchedRecords[] = [];
  readonly #known = new Map<string, CachedBlob>();
  readonly #unkeyed = new Map<Digest, CacheRecord>();
  /** What the folder knows, by key. */
  readonly #here = new Map<string, CachedBlob>();
  #local: Promise<LocalCache | undefined> | undefined;
  /** The remote cache as it was read. */
  #root: CacheRoot | undefined;
  #loading: Promise<void> = Promise.resolve();
  #isRead = false;
  #isAbandoned = false;
  #isUnreadable = false;
  #hasWarned = false;
  #fault: unknown;

  constructor(cache: BuildCache, format: RunFormat) {
    this.#cache = cache;
    this.#isSearched = format.keepTarRecipe !== true;
    const chained = format.dedup === 'image' ? formatLine(format) : undefined;
    this.#format = { alone: formatLine({ ...format, dedup: 'layer' }), chained };
    this.store = cache.store;
    this.verify = cache.verify === true;
  }

  /** True if new blobs are recorded. */
  get isWritten(): boolean {
    return (this.store !== undefined && this.#cache.mode !== 'ro') || this.#cache.folder !== undefined;
  }

  /** True when a blob of the cache has spoilt the run, which must then start anew without it. */
  get isFaulty(): boolean {
    return this.#fault !== undefined;
  }

  /** Reads the cache, unless that was done before. A start of the run that ended while it read does not count. */
  async load(call: CallOptions): Promise<void> {
    const before = this.#loading.catch(() => undefined);
    this.#loading = before.then(() => this.#load(call));
    await this.#loading;
  }

  async #load(call: CallOptions): Promise<void> {
    if (this.#isRead || this.#isAbandoned || this.store === undefined || this.#cache.mode === 'wo') return;
    try {
      const root = await readCache(this.store, call);
      this.#isRead = true;
      this.#root = root;
      for (const { digest } of root?.lost ?? [])
        this.passOver(`manifest ${digest} is not there, or has other bytes`, call);
      const { version, trustUnkeyed } = this.#cache;
      for (const manifest of root?.manifests ?? []) {
        if (version !== undefined && manifest.version !== version) {
          this.passOver(`it has version "${manifest.version}" instead of "${version}"`, call);
          continue;
        }
        for (const record of manifest.records) {
          const { usable, source, isUnkeyed } = record;
          if (usable !== undefined && !this.#known.has(usable.key)) this.#known.set(usable.key, usable);
          const isTrusted = trustUnkeyed === true && isUnkeyed;
          if (isTrusted && source !== undefined && !this.#unkeyed.has(source))
            this.#unkeyed.set(source, record);
        }
      }
    } catch (error) {
      call.signal?.throwIfAborted();
      this.#isRead = true;
      this.#isUnreadable = true;
      this.#problem(error, 'the build cache cannot be read', call);
    }
  }

  /**
   * The keys of an image's distinct layers, lowest first, which can be found from then on. `dictionary` is the digest of the chunk
   * dictionary.
   */
  async keys(
    sources: readonly Digest[],
    dictionary: Digest | undefined,
    call: CallOptions,
  ): Promise<readonly LayerKeys[]> {
    const all = layerKeys(sources, { ...this.#format, dictionary });
    if (this.#isAbandoned) return all;
    await this.#withLocal(call, async (local) => {
      for (const key of all.flatMap(({ own, chain }) => (chain === undefined ? [own] : [chain, own]))) {
        const found = this.#here.has(key) ? undefined : await local.find(key);
        if (found !== undefined) this.#here.set(key, found);
      }
    });
    return all;
  }

  /**
   * What the cache has for a layer: the blob that was made of it over the same layers, or else one that depends on none of them, or
   * else one of which only the source layer is known. Nothing if recipes are made of the layers' tars.
   */
  find(source: Digest, { own, chain }: LayerKeys): FoundBlob | undefined {
    if (this.#isAbandoned || !this.#isSearched) return undefined;
    const keyed = (key: string): CachedBlob | undefined => this.#known.get(key) ?? this.#here.get(key);
    const cached = (chain === undefined ? undefined : keyed(chain)) ?? keyed(own);
    if (cached?.source === source) return { blob: cached.blob, cached, record: recordOf(cached) };
    const record = this.#unkeyed.get(source);
    return record === undefined ? undefined : { blob: record, cached: undefined, record };
  }

  /** True if the remote cache names the blob. */
  isRemote(cached: CachedBlob | undefined): boolean {
    return cached === undefined || this.#known.has(cached.key);
  }

  /** True if the cache can give the blob itself, as far as it says: the folder may know no more than a blob's end. */
  async hasBlob({ blob, cached }: FoundBlob, call: CallOptions): Promise<boolean> {
    if (this.isRemote(cached)) return true;
    return (await this.#withLocal(call, (local) => local.hasBlob(blob.digest))) === true;
  }

  /** Runs `use` with the cache in the folder, if there is one. A failure of the folder is a problem of the cache. */
  async #withLocal<T>(call: CallOptions, use: (local: LocalCache) => Promise<T>): Promise<T | undefined> {
    const { folder } = this.#cache;
    if (folder === undefined) return undefined;
    try {
      this.#local ??= LocalCache.open(folder);
      const local = await this.#local;
      return local === undefined ? undefined : await use(local);
    } catch (error) {
      this.#local = Promise.resolve(undefined);
      const known =
        error instanceof NydusError ? error : localIoError(`the cache in ${folder.path} fails`, error);
      this.#problem(known, 'the cache in the folder is not used', call);
      return undefined;
    }
  }

  /** The end of a blob, if the folder has it. */
  async tailHere(cached: CachedBlob, call: CallOptions): Promise<Buffer | undefined> {
    const tail = await this.#withLocal(call, (local) => local.tailOf(cached));
    // A bad entry was dropped, so it is written anew.
    if (tail === undefined) this.#here.delete(cached.key);
    return tail;
  }

  /** A blob of the folder. The run's end releases it. */
  async blobHere(
    blob: FoundBlob['blob'],
    call: CallOptions,
  ): Promise<Awaited<ReturnType<LocalCache['blob']>>> {
    return await this.#withLocal(call, (local) => local.blob(blob));
  }

  /** Keeps the end of a blob in the folder. */
  async keepLayer(
    record: CacheRecord,
    tail: () => Parameters<LocalCache['keepLayer']>[2],
    call: CallOptions,
  ): Promise<void> {
    const { usable } = record;
    if (usable === undefined || this.#here.has(usable.key)) return;
    await this.#withLocal(call, (local) => local.keepLayer(usable.key, record, tail()));
  }

  /** Keeps a blob in the folder, which lies in `file`. */
  async keepBlob(blob: FoundBlob['blob'], file: string, call: CallOptions): Promise<void> {
    await this.#withLocal(call, (local) => local.keepBlob(blob, file));
  }

  /** Reports that a record is of no use: one warning for all of them. Throws CacheError if the caller wants no such thing. */
  passOver(reason: string, call: CallOptions, cause?: unknown): void {
    const place = this.store?.location ?? this.#cache.folder?.path ?? '';
    if (this.#cache.strict === true) throw new CacheError(`build cache ${place}: ${reason}`, { cause });
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const message = `the build cache ${place} is not used as a whole: ${reason}`;
    call.reporter?.emit({ type: 'warning', code: 'CACHE_PASSED_OVER', message });
  }

  /** Reports that a blob of the cache has spoilt the run. */
  fault(error: unknown): void {
    this.#fault ??= error;
  }

  /** Uses the cache no more, so that the run can start anew. Throws CacheError if the caller wants no such thing. */
  abandon(call: CallOptions): void {
    const error = this.#fault;
    this.#fault = undefined;
    this.#isAbandoned = true;
    this.#touched.length = 0;
    this.passOver(textOf(error), call, error);
    call.reporter?.emit({ type: 'step', message: 'starting over, without the build cache' });
  }

  /** Notes what an image used or made, in layer order. */
  touch(touched: TouchedRecords): void {
    this.#touched.push(touched);
  }

  /** Writes what the run used and made. Returns true if the remote cache has changed. */
  async write(target: ImageTarget, call: CallOptions): Promise<boolean> {
    await this.#withLocal(call, (local) => local.trim());
    const { mode, layout = 'auto', version, maxRecords = MAX_RECORDS } = this.#cache;
    const { store } = this;
    // What could not be read may be no cache at all, which must not be replaced.
    if (store === undefined || mode === 'ro' || this.#isUnreadable || !isTarget(store)) return false;
    try {
      const writing = { cache: store, target, layout, version, maxRecords, before: this.#root };
      return await writeCache(writing, this.#touched, call);
    } catch (error) {
      this.#problem(error, 'the build cache cannot be written', call);
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const local = await this.#local?.catch(() => undefined);
    await local?.[Symbol.asyncDispose]();
  }

  #problem(error: unknown, what: string, call: CallOptions): void {
    call.signal?.throwIfAborted();
    if (!(error instanceof NydusError)) throw error;
    if (this.#cache.strict === true) throw error;
    call.reporter?.emit({ type: 'warning', code: 'CACHE_PROBLEM', message: `${what}: ${error.message}` });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
