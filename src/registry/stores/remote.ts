/** A repository of a registry, as a source and as a target. */
import {
  AuthError,
  ContentMismatchError,
  InvalidReferenceError,
  NydusError,
  RegistryError,
} from '../../errors.js';
import { forReading } from '../../io/fixed-pieces.js';
import type { GrowingContent } from '../../io/growing.js';
import { type ByteStream, collect, measure, type ReplayableContent } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { isDocumentType, MAX_DOCUMENT_SIZE, parseDocument } from '../../oci/manifest.js';
import type { Reference } from '../../oci/reference.js';
import type { CallOptions } from '../../reporter.js';
import { ANSWERS, meaningOf } from '../answers.js';
import { repositoryScope } from '../auth/challenge.js';
import { type ClientOptions, RegistryClient } from '../distribution/client.js';
import { download } from '../distribution/download.js';
import type { Headers, HttpResponse } from '../http/transport.js';
import { formatLocation, inOneRegistry, type Location } from '../location.js';
import {
  MANIFEST_ACCEPT,
  manifestPath,
  type Pointer,
  putManifest,
  resolveManifest,
} from '../distribution/manifests.js';
import { referrerOf } from './referrer-scan.js';
import { addReferrer } from '../distribution/referrers-tag.js';
import { remoteReferrers } from '../distribution/referrers.js';
import { remoteRepositories, remoteTags } from '../distribution/name-lists.js';
import {
  type ContentSource,
  demandTag,
  type FetchOptions,
  type GrowingPush,
  type GrowingSink,
  type ImageSource,
  type ImageTarget,
  type Located,
  type Mirrored,
  type Mountable,
  nameOf,
  ownStream,
  type PushOptions,
  type PushOutcome,
  type Referable,
  type ReferrerList,
  type ReferrerOptions,
  type RepositoryLister,
  type TagLister,
  type TagOptions,
  verifiedFor,
} from './store.js';
import { RepositoryUploads } from '../upload/uploads.js';

export function openRemoteSource(reference: Reference, options: ClientOptions): ImageSource {
  return new RemoteSource(reference, options);
}

export function openRemoteTarget(reference: Reference, options: ClientOptions): ImageTarget & Mountable {
  return new RemoteTarget(reference, options);
}

/** Reading, which sources and targets share. */
abstract class RemoteRepository
  implements ContentSource, Located, Mirrored, Referable, TagLister, RepositoryLister, AsyncDisposable
{
  readonly place: Location;
  readonly location: string;
  protected readonly client: RegistryClient;
  protected readonly reference: Reference;
  protected readonly pointer: Pointer;
  readonly #access: 'pull' | 'pull,push';

  constructor(reference: Reference, access: 'pull' | 'pull,push', options: ClientOptions) {
    this.reference = reference;
    this.place = { kind: 'registry', reference };
    this.location = formatLocation(this.place);
    this.client = new RegistryClient(reference, access, options);
    this.#access = access;
    this.pointer = { client: this.client, reference, access, location: this.location };
  }

  fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    const isPlain = options.range === undefined && options.unverified !== true;
    const stream =
      isPlain && this.client.mayHaveMirrors
        ? this.#fetchFromMirrors(descriptor, options)
        : this.#fetch(descriptor, options);
    return ownStream(options, stream, descriptor);
  }

  get distrusted(): number {
    return this.client.distrusted;
  }

  distrust(descriptor: Descriptor, why: string, options: CallOptions = {}): void {
    this.client.distrust(this.path(descriptor), why, options);
  }

  /**
   * Verifies everything. Small content is verified before any of it is passed on, so that another host can replace a wrong answer.
   * Larger content has been passed on when its end shows that it is wrong, which is an error; the mirror is then left out.
   */
  async *#fetchFromMirrors(descriptor: Descriptor, options: FetchOptions): ByteStream {
    const isHeld = descriptor.size <= MAX_DOCUMENT_SIZE;
    for (;;) {
      const stream = this.#fetch(descriptor, { ...options, digestedByCaller: false });
      try {
        if (!isHeld) yield* stream;
        else yield await collect(stream, MAX_DOCUMENT_SIZE, nameOf(descriptor, this.location));
        return;
      } catch (error) {
        if (!(error instanceof ContentMismatchError)) throw error;
        const isMirrors = this.client.distrust(this.path(descriptor), error.message, options);
        if (!isMirrors || !isHeld) throw error;
      }
    }
  }

  #fetch(descriptor: Descriptor, options: FetchOptions): ByteStream {
    const isDocument = isDocumentType(descriptor.mediaType);
    const stream = download(this.client, {
      path: this.path(descriptor),
      headers: isDocument ? { accept: MANIFEST_ACCEPT } : {},
      // Unverified content may have another size than the descriptor's, so the first answer counts as all of it.
      size: options.unverified === true ? Math.min(descriptor.size, 1) : descriptor.size,
      range: options.range,
      what: `cannot read ${isDocument ? 'manifest' : 'blob'} ${descriptor.digest} of ${this.location}`,
      scopes: this.scopes,
      signal: options.signal,
      reporter: options.reporter,
    });
    return verifiedFor(options, stream, descriptor, this.location);
  }

  async exists(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    const found = await this.#look(descriptor, options);
    return found !== undefined && (found.size === undefined || found.size === descriptor.size);
  }

  async sizeOf(digest: Digest, options: CallOptions = {}): Promise<number | undefined> {
    return (await this.#look({ mediaType: 'application/octet-stream', digest, size: 0 }, options))?.size;
  }

  /** Asks by HEAD, and by GET where that is refused or not answered. */
  async #look(
    descriptor: Descriptor,
    options: CallOptions,
  ): Promise<{ readonly size: number | undefined } | undefined> {
    const isDocument = isDocumentType(descriptor.mediaType);
    const accept: Headers = isDocument ? { accept: MANIFEST_ACCEPT } : {};
    const request = {
      url: this.path(descriptor),
      what: `cannot look for ${descriptor.digest} in ${this.location}`,
      scopes: this.scopes,
      once: true,
      ...options,
    };
    const look = async (n: number): Promise<HttpResponse> => {
      const head =
        n > 1
          ? undefined
          : await this.client.optional({
              ...request,
              method: 'HEAD',
              headers: accept,
              answers: ANSWERS.lookForBlob,
            });
      if (head !== undefined) return head;
      const headers = isDocument ? accept : { range: 'bytes=0-0' };
      return this.client.request({ ...request, method: 'GET', headers, answers: ANSWERS.touchBlob });
    };
    const response = await this.client.retry(request.what, look, options);
    await response.discard();
    return meaningOf(ANSWERS.touchBlob, response.status) === 'there' ? { size: sizeIn(response) } : undefined;
  }

  async referrers(subject: Digest, options: ReferrerOptions = {}): Promise<ReferrerList> {
    return remoteReferrers(this.pointer, subject, options);
  }

  async tags(options: CallOptions = {}): Promise<readonly string[]> {
    return remoteTags(this.pointer, options);
  }

  async repositories(options: CallOptions = {}): Promise<readonly string[]> {
    return remoteRepositories(this.pointer, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
  }

  protected get scopes(): readonly string[] {
    return [repositoryScope(this.reference.repository, this.#access)];
  }

  protected path(descriptor: Descriptor): string {
    return isDocumentType(descriptor.mediaType)
      ? manifestPath(this.reference, descriptor.digest)
      : `/v2/${this.reference.repository}/blobs/${descriptor.digest}`;
  }
}

class RemoteSource extends RemoteRepository implements ImageSource {
  constructor(reference: Reference, options: ClientOptions) {
    super(reference, 'pull', options);
  }

  async resolve(options: CallOptions = {}): Promise<Descriptor> {
    const descriptor = await resolveManifest(this.pointer, options);
    if (descriptor !== undefined) return descriptor;
    throw new RegistryError(`${this.location} does not exist`, {
      status: 404,
      hint: 'check repository and tag; a private repository may need a login',
    });
  }
}

class RemoteTarget extends RemoteRepository implements ImageTarget, Mountable, GrowingSink {
  readonly #uploads: RepositoryUploads;
  /** By digest: a second push of the same content waits for the first one. */
  readonly #running = new Map<string, Promise<PushOutcome>>();
  readonly #verifyPresent: boolean;
  /** Content that was read and is right. */
  readonly #verified = new Set<Digest>();

  constructor(reference: Reference, options: ClientOptions) {
    super(reference, 'pull,push', options);
    if (reference.digest !== undefined) {
      throw new InvalidReferenceError(
        `"${this.location}" is no target: a push makes a tag, and its digest follows from the content`,
        {
          hint: 'give the target a tag instead of a digest',
        },
      );
    }
    this.#verifyPresent = options.verifyPresent === true;
    this.#uploads = new RepositoryUploads({
      client: this.client,
      repository: reference.repository,
      location: this.location,
      chunkSize: options.chunkSize,
      exists: (descriptor, call) => this.exists(descriptor, call),
    });
  }

  async resolve(options: CallOptions = {}): Promise<Descriptor | undefined> {
    return resolveManifest(this.pointer, options);
  }

  /** A registry that answers no such question may still take the content, so its refusal counts as absent. */
  override async exists(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    try {
      return (await super.exists(descriptor, options)) && (await this.#isRight(descriptor, options));
    } catch (error) {
      const isAnswer = error instanceof RegistryError && error.status !== undefined;
      if (isAnswer || error instanceof AuthError) return false;
      throw error;
    }
  }

  /** Reads the content, if that is asked for: a registry that does not verify what is pushed may keep something else. */
  async #isRight(descriptor: Descriptor, options: CallOptions): Promise<boolean> {
    if (!this.#verifyPresent || this.#verified.has(descriptor.digest)) return true;
    try {
      await measure(this.fetch(descriptor, options));
    } catch (error) {
      if (error instanceof ContentMismatchError) return false;
      throw error;
    }
    this.#verified.add(descriptor.digest);
    return true;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#uploads[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
  }

  async push(
    descriptor: Descriptor,
    content: ReplayableContent,
    options: PushOptions = {},
  ): Promise<PushOutcome> {
    return this.#once(descriptor, () => this.#push(descriptor, forReading(content), options));
  }

  pushGrowing(content: GrowingContent, options: CallOptions = {}): GrowingPush | undefined {
    const growing = this.#uploads.pushGrowing(content, options);
    if (growing === undefined) return undefined;
    return {
      ended: growing.ended,
      finish: (descriptor, whole, call = {}) =>
        this.#once(descriptor, async () => {
          if (await this.exists(descriptor, call)) {
            growing.cancel();
            return 'present';
          }
          await this.#uploads.push(descriptor, whole, call, await growing.handOver());
          return 'pushed';
        }),
      cancel: () => {
        growing.cancel();
      },
    };
  }

  async mount(descriptor: Descriptor, from: Location, options: CallOptions = {}): Promise<boolean> {
    if (from.kind !== 'registry' || !inOneRegistry(from, this.place)) return false;
    const { repository } = from.reference;
    if (repository === this.reference.repository) return false;
    const isMounted = await this.#uploads.mount(descriptor, repository, options);
    return isMounted && (await this.#isRight(descriptor, options));
  }

  async tag(
    manifest: Descriptor,
    bytes: Uint8Array,
    { expected, ...options }: TagOptions = {},
  ): Promise<void> {
    // The manifest is listed with its subject before the tag makes it public.
    if (referrerIn(manifest, bytes) !== undefined) await this.#putDocument(manifest, bytes, options);
    if (expected !== undefined) demandTag(this.location, (await this.resolve(options))?.digest, { expected });
    await putManifest(this.pointer, manifest, bytes, this.reference.tag ?? 'latest', options);
  }

  /** Runs one push of a digest at a time; another one waits for it. */
  async #once(descriptor: Descriptor, push: () => Promise<PushOutcome>): Promise<PushOutcome> {
    for (;;) {
      const running = this.#running.get(descriptor.digest);
      if (running === undefined) break;
      // The other push may have failed for a reason of its own, such as its signal, so this one is still needed.
      const outcome = await running.catch(() => undefined);
      if (outcome !== undefined) return 'present';
    }
    const own = push();
    this.#running.set(descriptor.digest, own);
    try {
      return await own;
    } finally {
      this.#running.delete(descriptor.digest);
    }
  }

  async #push(
    descriptor: Descriptor,
    content: ReplayableContent,
    { mountFrom, ...options }: PushOptions,
  ): Promise<PushOutcome> {
    if (isDocumentType(descriptor.mediaType)) {
      const bytes = await collect(content.open(), MAX_DOCUMENT_SIZE, `manifest ${descriptor.digest}`);
      if (referrerIn(descriptor, bytes) === undefined && (await this.exists(descriptor, options)))
        return 'present';
      await this.#putDocument(descriptor, bytes, options);
    } else {
      if (await this.exists(descriptor, options)) return 'present';
      if (mountFrom !== undefined && (await this.mount(descriptor, mountFrom, options))) return 'mounted';
      await this.#uploads.push(descriptor, content, options);
    }
    return 'pushed';
  }

  /**
   * Pushes a document by its digest. A document with a subject is pushed even if it exists, because only the answer shows whether the
   * registry keeps the list of referrers, and an earlier run may have been interrupted before it wrote that list.
   */
  async #putDocument(descriptor: Descriptor, bytes: Uint8Array, options: CallOptions): Promise<void> {
    const known = await putManifest(this.pointer, descriptor, bytes, descriptor.digest, options);
    const referring = referrerIn(descriptor, bytes);
    if (known || referring === undefined) return;
    await addReferrer(this.pointer, referring.subject, referring.referrer, options);
  }
}

/** The size of all the content, as an answer gives it. */
function sizeIn({ status, headers }: HttpResponse): number | undefined {
  const total = /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1];
  const size = status === 206 || status === 416 ? total : headers['content-length'];
  return size === undefined ? undefined : Number(size);
}

/** The subject of a manifest, and the manifest's entry in the subject's list. A document that does not parse is left to the registry to refuse. */
function referrerIn(
  descriptor: Descriptor,
  bytes: Uint8Array,
): { readonly subject: Digest; readonly referrer: Descriptor } | undefined {
  try {
    const document = parseDocument(bytes, descriptor.mediaType);
    if (document.subject === undefined) return undefined;
    return { subject: document.subject.digest, referrer: referrerOf(descriptor, document) };
  } catch (error) {
    if (error instanceof NydusError) return undefined;
    throw error;
  }
}
