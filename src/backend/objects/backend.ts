/** Blobs as objects of a bucket: small ones in one request, others in parts. What may pass is tried again. */
import { RegistryError } from '../../errors.js';
import { DEFAULT_RETRY, retry, type RetryPolicy, type Verdict } from '../../io/retry.js';
import { type ByteRange, type ByteStream, type ReplayableContent, verified } from '../../io/streams.js';
import { type Digest, digestFromHex, digestHex, sha256 } from '../../oci/digest.js';
import { MEDIA } from '../../oci/media-types.js';
import type { CallOptions } from '../../reporter.js';
import type { BlobBackend, BackendType, NamedBlob, StoredBlob, UnfinishedUpload } from '../backend.js';
import { isBlobName } from '../names.js';
import { PartBuffers } from './part-buffers.js';
import type { ObjectStore } from './store.js';
import { PART_BYTES, type UploadContext, uploadInParts } from './upload.js';

/** Parts in memory, of all blobs together. */
const PARTS_IN_MEMORY = 6;

export interface ObjectBackendOptions {
  /** Put before the digits of a digest. */
  readonly prefix: string;
  /** Put before the names of bootstraps. */
  readonly metaPrefix?: string | undefined;
  /** What the key of an object makes a URL of. */
  readonly base?: string | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Bytes of a part at least; smaller blobs are sent in one request. */
  readonly partBytes?: number | undefined;
}

export class ObjectBackend implements BlobBackend {
  readonly type: BackendType;
  readonly location: string;
  readonly #store: ObjectStore;
  readonly #prefix: string;
  readonly #metaPrefix: string;
  readonly #base: string;
  readonly #uploads: UploadContext;

  constructor(
    store: ObjectStore,
    {
      prefix,
      metaPrefix = '',
      base = '',
      retry: policy = DEFAULT_RETRY,
      partBytes = PART_BYTES,
    }: ObjectBackendOptions,
  ) {
    this.type = store.type;
    this.location = store.location;
    this.#store = store;
    this.#prefix = prefix;
    this.#metaPrefix = metaPrefix;
    this.#base = base;
    this.#uploads = {
      store,
      partBytes,
      buffers: new PartBuffers(PARTS_IN_MEMORY),
      retry: (what, attempt, call) => retry(what, attempt, { ...call, policy, judge }),
    };
  }

  sizeOf(digest: Digest, call: CallOptions = {}): Promise<number | undefined> {
    return this.#again(
      `blob ${digest} of ${this.location}`,
      () => this.#store.head(this.#key(digest), call),
      call,
    );
  }

  async put(blob: NamedBlob, content: ReplayableContent, call: CallOptions = {}): Promise<void> {
    const key = this.#key(blob.digest);
    if (blob.size > this.#uploads.partBytes)
      await uploadInParts(this.#uploads, { ...blob, key }, content, call);
    else await this.#putWhole(key, blob, content, call);
  }

  async *read(digest: Digest, range: ByteRange | undefined, call: CallOptions = {}): ByteStream {
    const what = `blob ${digest} of ${this.location}`;
    const end = range?.end;
    let at = range?.start ?? 0;
    // A body that breaks off is gone on with behind the bytes that came.
    for (;;) {
      const before = at;
      try {
        const rest = at === 0 && end === undefined ? undefined : { start: at, end: end ?? Infinity };
        if (end !== undefined && at >= end) return;
        const stream = await this.#again(
          what,
          () => started(this.#store.get(this.#key(digest), rest, call)),
          call,
        );
        for await (const bytes of stream) {
          at += bytes.length;
          yield bytes;
        }
        return;
      } catch (error) {
        call.signal?.throwIfAborted();
        if (at > before && judge(error).again) continue;
        if (!isAbsent(error)) throw error;
        throw new RegistryError(`${this.location} does not have blob ${digest}`, {
          status: 404,
          cause: error,
        });
      }
    }
  }

  nameOf(digest: Digest): string {
    return `${this.#base}${this.#key(digest)}`;
  }

  async putFile(name: string, bytes: Uint8Array, call: CallOptions = {}): Promise<string> {
    const key = `${this.#metaPrefix}${name}`;
    const digest = digestHex(sha256(bytes));
    await this.#again(`${name} for ${this.location}`, () => this.#store.put(key, bytes, digest, call), call);
    return `${this.#base}${key}`;
  }

  remove(digest: Digest, call: CallOptions = {}): Promise<void> {
    return this.#again(
      `blob ${digest} of ${this.location}`,
      () => this.#store.remove(this.#key(digest), call),
      call,
    );
  }

  async *list(call: CallOptions = {}): AsyncIterable<StoredBlob> {
    for await (const { key, size, modified } of this.#store.list(this.#prefix, call)) {
      const digest = this.#digest(key);
      if (digest !== undefined) yield { digest, size, modified };
    }
  }

  async *unfinished(call: CallOptions = {}): AsyncIterable<UnfinishedUpload> {
    for await (const { key, id, started: since } of this.#store.unfinishedUploads(this.#prefix, call)) {
      const digest = this.#digest(key);
      if (digest !== undefined) yield { digest, id, started: since };
    }
  }

  abandon({ digest, id }: UnfinishedUpload, call: CallOptions = {}): Promise<void> {
    const upload = { key: this.#key(digest), id };
    return this.#again(`upload of ${digest}`, () => this.#store.abortUpload(upload, call), call);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#store[Symbol.asyncDispose]());
  }

  async #putWhole(
    key: string,
    { digest, size }: NamedBlob,
    content: ReplayableContent,
    call: CallOptions,
  ): Promise<void> {
    const { buffers, partBytes } = this.#uploads;
    const buffer = await buffers.take(partBytes, call.signal);
    let isIdle = false;
    try {
      const descriptor = { mediaType: MEDIA.nydusBlob, digest, size };
      let length = 0;
      for await (const bytes of verified(content.open(), descriptor, `${digest} for ${this.location}`)) {
        call.signal?.throwIfAborted();
        buffer.set(bytes, length);
        length += bytes.length;
      }
      call.signal?.throwIfAborted();
      const bytes = buffer.subarray(0, length);
      const what = `blob ${digest} for ${this.location}`;
      await this.#again(what, () => this.#store.put(key, bytes, digestHex(digest), call), call);
      isIdle = true;
    } catch (error) {
      call.signal?.throwIfAborted();
      throw error;
    } finally {
      buffers.giveBack(buffer, isIdle);
    }
  }

  #again<T>(what: string, attempt: () => Promise<T>, call: CallOptions): Promise<T> {
    return this.#uploads.retry(what, attempt, call);
  }

  #key(digest: Digest): string {
    return `${this.#prefix}${digestHex(digest)}`;
  }

  #digest(key: string): Digest | undefined {
    const name = key.slice(this.#prefix.length);
    return key.startsWith(this.#prefix) && isBlobName(name) ? digestFromHex(name) : undefined;
  }
}

/** Reads the first piece, so that a refusal comes while the request can be made again. */
async function started(stream: ByteStream): Promise<ByteStream> {
  const iterator = stream[Symbol.asyncIterator]();
  const first = await iterator.next();
  return (async function* () {
    try {
      for (let next = first; next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  })();
}

/** False for an absent bucket. */
function isAbsent(error: unknown): boolean {
  return (
    error instanceof RegistryError && error.status === 404 && !error.registryCodes.includes('NoSuchBucket')
  );
}

function judge(error: unknown): Verdict {
  if (!(error instanceof RegistryError) || !error.retryable) return { again: false };
  return { again: true, afterMs: error.retryAfterMs };
}
