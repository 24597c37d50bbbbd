/**
 * The build cache in a run: what it has for a layer, and what the run used of it. Any fault of the cache costs a conversion, never
 * the image; the caller may ask for an error instead.
 */
import { type BuildCache, isTarget, MAX_RECORDS } from '../cache/options.js';
import { type CachedBlob, cacheKey } from '../cache/record.js';
import { readCache } from '../cache/root.js';
import type { TouchedRecords } from '../cache/update.js';
import { writeCache } from '../cache/write.js';
import { CacheError, NydusError } from '../errors.js';
import type { Digest } from '../oci/digest.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { formatLine, type FormatOptions } from './format.js';

export class RunCache {
  readonly store: ImageTarget | ImageSource;
  readonly verify: boolean;
  readonly #cache: BuildCache;
  readonly #format: string;
  readonly #touched: TouchedRecords[] = [];
  #known: ReadonlyMap<string, CachedBlob> | undefined;
  #isRead: boolean;
  #isUnreadable = false;
  #hasWarned = false;
  #fault: unknown;

  constructor(cache: BuildCache, format: FormatOptions) {
    this.#cache = cache;
    this.#format = formatLine(format);
    this.#isRead = cache.mode !== 'wo';
    this.store = cache.store;
    this.verify = cache.verify === true;
  }

  /** True if new blobs are recorded. */
  get isWritten(): boolean {
    return this.#cache.mode !== 'ro';
  }

  /** True when a blob of the cache has spoilt the run, which must then start anew without it. */
  get isFaulty(): boolean {
    return this.#fault !== undefined;
  }

  /** Reads the cache, unless that was done before. */
  async load(call: CallOptions): Promise<void> {
    if (!this.#isRead || this.#known !== undefined) return;
    const known = new Map<string, CachedBlob>();
    this.#known = known;
    try {
      const root = await readCache(this.store, call);
      const { version } = this.#cache;
      for (const manifest of root?.manifests ?? []) {
        if (version !== undefined && manifest.version !== version) {
          this.passOver(`it has version "${manifest.version}" instead of "${version}"`, call);
          continue;
        }
        for (const { usable } of manifest.records) {
          if (usable !== undefined && !known.has(usable.key)) known.set(usable.key, usable);
        }
      }
    } catch (error) {
      this.#isUnreadable = true;
      this.#problem(error, 'the build cache cannot be read', call);
    }
  }

  key(source: Digest): string {
    return cacheKey(source, this.#format);
  }

  /** What the cache has for a layer. */
  find(source: Digest): CachedBlob | undefined {
    if (!this.#isRead) return undefined;
    const found = this.#known?.get(this.key(source));
    return found?.source === source ? found : undefined;
  }

  /** Reports that a record is of no use: one warning for all of them. Throws CacheError if the caller wants no such thing. */
  passOver(reason: string, call: CallOptions, cause?: unknown): void {
    if (this.#cache.strict === true)
      throw new CacheError(`build cache ${this.store.location}: ${reason}`, { cause });
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const message = `the build cache ${this.store.location} is not used as a whole: ${reason}`;
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
    this.#isRead = false;
    this.#touched.length = 0;
    this.passOver(textOf(error), call, error);
    call.reporter?.emit({ type: 'step', message: 'starting over, without the build cache' });
  }

  /** Notes what an image used or made, in layer order. */
  touch(touched: TouchedRecords): void {
    this.#touched.push(touched);
  }

  /** Writes what the run used and made. Returns true if the cache has changed. */
  async write(target: ImageTarget, call: CallOptions): Promise<boolean> {
    const { mode, layout = 'auto', version, maxRecords = MAX_RECORDS } = this.#cache;
    // What could not be read may be no cache at all, which must not be replaced.
    if (mode === 'ro' || this.#isUnreadable || !isTarget(this.store)) return false;
    try {
      return await writeCache(
        { cache: this.store, target, layout, version, maxRecords },
        this.#touched,
        call,
      );
    } catch (error) {
      this.#problem(error, 'the build cache cannot be written', call);
      return false;
    }
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
