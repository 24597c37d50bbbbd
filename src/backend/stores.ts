/**
 * Stores of images whose blobs lie in a storage backend: blobs of Nydus go there, and everything else where it would go without
 * one. Abilities that are about blobs, such as mounting them from another repository, are those of the backend.
 */
import type { ByteStream, ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import type { Location } from '../registry/location.js';
import {
  type Attachable,
  type Backed,
  type FetchOptions,
  type ImageSource,
  type ImageTarget,
  isAttachable,
  isMeasurable,
  isMirrored,
  isMountable,
  isReferable,
  type Mirrored,
  type Mountable,
  type PushOptions,
  type PushOutcome,
  type Referable,
  type TagOptions,
  verifiedFor,
} from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { BlobBackend } from './backend.js';

/** Disposing of the result disposes of `source` and `backend` too. Blobs that the backend does not have come from `source`. */
export function withBackend(source: ImageSource, backend: BlobBackend): ImageSource & Backed {
  return withAbilities(new BackedSource(source, backend), source);
}

export interface BackedTargetOptions {
  /** Send blobs that the backend has, too. */
  readonly force?: boolean | undefined;
}

/** Disposing of the result disposes of `target` and `backend` too. */
export function withBackendTarget(
  target: ImageTarget,
  backend: BlobBackend,
  options: BackedTargetOptions = {},
): ImageTarget & Backed {
  return withAbilities(new BackedTarget(target, backend, options), target);
}

/** Adds the abilities of the store that is wrapped, as far as they are not about blobs. */
function withAbilities<T extends object>(wrapper: T, inner: object): T {
  if (isReferable(inner)) add(wrapper, { referrers: inner.referrers.bind(inner) } satisfies Referable);
  if (isAttachable(inner)) add(wrapper, { attach: inner.attach.bind(inner) } satisfies Attachable);
  if (isMirrored(inner)) {
    add(wrapper, { distrust: inner.distrust.bind(inner) } satisfies Partial<Mirrored>);
    Object.defineProperty(wrapper, 'distrusted' satisfies keyof Mirrored, { get: () => inner.distrusted });
  }
  return wrapper;
}

function add(wrapper: object, methods: object): void {
  Object.assign(wrapper, methods);
}

function isBlob({ mediaType }: Descriptor): boolean {
  return mediaType === MEDIA.nydusBlob;
}

/** What reading and writing have in common. */
abstract class BackedStore<S extends ImageSource | ImageTarget> implements Backed, AsyncDisposable {
  readonly place: Location;
  readonly location: string;
  readonly backend: string;
  protected readonly inner: S;
  protected readonly blobs: BlobBackend;
  /** Blobs are never changed, so the answer about one that is there stays true. */
  readonly #sizes = new Map<Digest, number>();

  constructor(inner: S, blobs: BlobBackend) {
    this.inner = inner;
    this.blobs = blobs;
    this.place = inner.place;
    this.location = inner.location;
    this.backend = blobs.location;
  }

  async sizeOf(digest: Digest, call?: CallOptions): Promise<number | undefined> {
    const size = await this.sizeInBackend(digest, call);
    if (size !== undefined) return size;
    return isMeasurable(this.inner) ? this.inner.sizeOf(digest, call) : undefined;
  }

  async sizeInBackend(digest: Digest, call?: CallOptions): Promise<number | undefined> {
    const known = this.#sizes.get(digest);
    if (known !== undefined) return known;
    const size = await this.blobs.sizeOf(digest, call);
    if (size !== undefined) this.#sizes.set(digest, size);
    return size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.inner[Symbol.asyncDispose]();
    } finally {
      await this.blobs[Symbol.asyncDispose]();
    }
  }

  protected note({ digest, size }: Descriptor): void {
    this.#sizes.set(digest, size);
  }

  protected readBlob(descriptor: Descriptor, options: FetchOptions): ByteStream {
    const { digest } = descriptor;
    return verifiedFor(options, this.blobs.read(digest, options.range, options), descriptor, this.backend);
  }
}

class BackedSource extends BackedStore<ImageSource> implements ImageSource {
  resolve(call?: CallOptions): Promise<Descriptor> {
    return this.inner.resolve(call);
  }

  async *fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    const isThere =
      isBlob(descriptor) && (await this.sizeInBackend(descriptor.digest, options)) !== undefined;
    yield* isThere ? this.readBlob(descriptor, options) : this.inner.fetch(descriptor, options);
  }

  async exists(descriptor: Descriptor, call?: CallOptions): Promise<boolean> {
    if (isBlob(descriptor) && (await this.sizeInBackend(descriptor.digest, call)) === descriptor.size)
      return true;
    return this.inner.exists(descriptor, call);
  }
}

class BackedTarget extends BackedStore<ImageTarget> implements ImageTarget, Mountable {
  readonly #force: boolean;
  /** Blobs that this run has sent. */
  readonly #sent = new Set<Digest>();

  constructor(target: ImageTarget, backend: BlobBackend, { force = false }: BackedTargetOptions) {
    super(target, backend);
    this.#force = force;
  }

  resolve(call?: CallOptions): Promise<Descriptor | undefined> {
    return this.inner.resolve(call);
  }

  fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    return isBlob(descriptor) ? this.readBlob(descriptor, options) : this.inner.fetch(descriptor, options);
  }

  /** A blob of another size is none: a tool that writes in place may have been killed. */
  async exists(descriptor: Descriptor, call?: CallOptions): Promise<boolean> {
    if (!isBlob(descriptor)) return this.inner.exists(descriptor, call);
    if (this.#force && !this.#sent.has(descriptor.digest)) return false;
    return (await this.sizeInBackend(descriptor.digest, call)) === descriptor.size;
  }

  async push(
    descriptor: Descriptor,
    content: ReplayableContent,
    options: PushOptions = {},
  ): Promise<PushOutcome> {
    if (!isBlob(descriptor)) return this.inner.push(descriptor, content, options);
    if (await this.exists(descriptor, options)) return 'present';
    const { digest, size } = descriptor;
    await this.blobs.put({ digest, size }, content, options);
    this.note(descriptor);
    this.#sent.add(digest);
    return 'pushed';
  }

  tag(manifest: Descriptor, bytes: Uint8Array, options?: TagOptions): Promise<void> {
    return this.inner.tag(manifest, bytes, options);
  }

  async mount(descriptor: Descriptor, from: Location, call?: CallOptions): Promise<boolean> {
    if (isBlob(descriptor) || !isMountable(this.inner)) return false;
    return this.inner.mount(descriptor, from, call);
  }
}
