/** Content stores as small interfaces that add up. Registries, layout folders and archives implement them. */
import { RegistryError, UnsupportedError } from '../../errors.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { withFixedPieces } from '../../io/fixed-pieces.js';
import type { GrowingContent } from '../../io/growing.js';
import { type ReplayableContent, type ByteStream, sized, verified } from '../../io/streams.js';
import type { CallOptions } from '../../reporter.js';
import type { ReferrerList, ReferrerOptions } from '../distribution/referrers.js';
import type { Location } from '../location.js';

export type { ReferrerList, ReferrerOptions };

export interface FetchOptions extends CallOptions {
  /** A half-open byte range, which excludes verifying the digest. */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
  /** Passes any bytes on, whatever the descriptor says: `check` replays clients that do not verify. */
  readonly unverified?: boolean | undefined;
  /** Verifies the size alone, because the caller digests all bytes anyway, and compares. */
  readonly digestedByCaller?: boolean | undefined;
}

/** Verifies the bytes as `options` say; `location` is named in errors. */
export function verifiedFor(
  { range, unverified, digestedByCaller }: FetchOptions,
  stream: ByteStream,
  descriptor: Descriptor,
  location: string,
): ByteStream {
  if (range !== undefined || unverified === true) return stream;
  const what = nameOf(descriptor, location);
  return digestedByCaller === true ? sized(stream, descriptor, what) : verified(stream, descriptor, what);
}

/** Marks the bytes that a store of ours reads from a socket or a file: their memory is fixed, and `verifiedFor` has seen them. */
export function ownStream(
  { range, unverified, digestedByCaller }: FetchOptions,
  stream: ByteStream,
  { digest }: Descriptor,
): ByteStream {
  const isVerified = range === undefined && unverified !== true && digestedByCaller !== true;
  return withFixedPieces(stream, isVerified ? digest : undefined);
}

/** Names some content and its store in errors. */
export function nameOf(descriptor: Descriptor, location: string): string {
  return `${descriptor.digest} of ${location}`;
}

export interface ContentSource {
  /** Reads a blob or a manifest, according to its media type. Lazy; size and digest are verified while it is read, unless a range is asked for. */
  fetch(descriptor: Descriptor, options?: FetchOptions): ByteStream;
  /** True when the store has the content, with the descriptor's size. */
  exists(descriptor: Descriptor, options?: CallOptions): Promise<boolean>;
}

export type PushOutcome = 'pushed' | 'present' | 'mounted';

export interface PushOptions extends CallOptions {
  /** The place of a source that has the blob: a registry that holds both repositories takes the blob over without a transfer. */
  readonly mountFrom?: Location | undefined;
}

export interface ContentSink {
  /** Sends a blob or a manifest, according to its media type, unless the target has it. Manifests go by digest. */
  push(descriptor: Descriptor, content: ReplayableContent, options?: PushOptions): Promise<PushOutcome>;
}

/** A store with a name: `location` is `place` as text, which is printable and holds no secret. */
export interface Located {
  readonly place: Location;
  readonly location: string;
}

export interface ImageSource extends ContentSource, Located, AsyncDisposable {
  /** The manifest or index that the location's tag or digest points to. */
  resolve(options?: CallOptions): Promise<Descriptor>;
}

export interface TagOptions extends CallOptions {
  /**
   * The manifest that the tag must name, for it to be set. A registry is asked right before, which leaves other clients a moment; a layout holds
   * its lock. Otherwise RegistryError is thrown, of which `isMovedTag` is true.
   */
  readonly expected?: Digest | 'absent' | undefined;
}

/** The status by which HTTP says that a condition of the request does not hold. */
const PRECONDITION_FAILED = 412;

/** Throws unless the tag names what is expected. */
export function demandTag(
  location: string,
  found: Digest | undefined,
  { expected }: Pick<TagOptions, 'expected'>,
): void {
  if (expected === undefined || (found ?? 'absent') === expected) return;
  throw new RegistryError(`${location} was changed by another client`, { status: PRECONDITION_FAILED });
}

/** True for the failure of a `tag` whose `expected` does not hold. */
export function isMovedTag(error: unknown): boolean {
  return error instanceof RegistryError && error.status === PRECONDITION_FAILED;
}

export interface ImageTarget extends ContentSource, ContentSink, Located, AsyncDisposable {
  /** Makes the location's tag point to `manifest`. Registries tag by pushing, hence the bytes. The last write of a run. */
  tag(manifest: Descriptor, bytes: Uint8Array, options?: TagOptions): Promise<void>;
  /** The manifest that the tag points to now; undefined when there is no such tag. */
  resolve(options?: CallOptions): Promise<Descriptor | undefined>;
}

/** The push of a blob that is still being made. */
export interface GrowingPush {
  /** Settles when nothing reads the growing content any more; never rejects. */
  readonly ended: Promise<void>;
  /**
   * The blob is complete and is `descriptor`. Returns when the target has it: what was not sent before is sent now, as `push`
   * does it. Throws what `push` throws.
   */
  finish(descriptor: Descriptor, content: ReplayableContent, options?: CallOptions): Promise<PushOutcome>;
  /** Stops sending. Idempotent; after it, `finish` is an ordinary push. */
  cancel(): void;
}

/** An optional ability: the target takes a blob before its end, and with it its digest, is known. */
export interface GrowingSink {
  /** Undefined when the target has turned out not to take such blobs. Never throws, because `finish` repairs any failure. */
  pushGrowing(content: GrowingContent, options?: CallOptions): GrowingPush | undefined;
}

export function takesGrowing(store: object): store is GrowingSink {
  return 'pushGrowing' in store && typeof store.pushGrowing === 'function';
}

/**
 * An optional ability: the target writes a blob before its digest is known. Unlike a `GrowingSink` it asks nothing of the caller but
 * the bytes, and costs no second copy of a blob that it has.
 */
export interface UnnamedSink {
  pushUnnamed(content: GrowingContent, options?: CallOptions): Promise<GrowingPush>;
}

export function takesUnnamed(store: object): store is UnnamedSink {
  return 'pushUnnamed' in store && typeof store.pushUnnamed === 'function';
}

/** An optional ability: the target takes a blob over from another repository of the same registry, without a transfer. */
export interface Mountable {
  /** True when the blob is now in the target, which did not have it when the caller asked. `from` is the place of the source. */
  mount(descriptor: Descriptor, from: Location, options?: CallOptions): Promise<boolean>;
}

export function isMountable(store: object): store is Mountable {
  return 'mount' in store && typeof store.mount === 'function';
}

/** An optional ability, of a target without a list of referrers: it notes that a document refers to another one, so that readers find it. */
export interface Attachable {
  /** Pushes a document with a subject, and lists it. A registry does so whenever one is pushed. */
  attach(manifest: Descriptor, bytes: Uint8Array, options?: CallOptions): Promise<PushOutcome>;
}

export function isAttachable(store: object): store is Attachable {
  return 'attach' in store && typeof store.attach === 'function';
}

/** An optional ability: the store says how large a blob is of which only the digest is known. */
export interface Measurable {
  /** Undefined when the store does not have the blob. */
  sizeOf(digest: Digest, options?: CallOptions): Promise<number | undefined>;
}

export function isMeasurable(store: object): store is Measurable {
  return 'sizeOf' in store && typeof store.sizeOf === 'function';
}

/** An optional ability: blobs of Nydus lie in a storage backend, so that manifests need not list them. */
export interface Backed extends Measurable {
  /** The backend's name. It is printable and holds no secret. */
  readonly backend: string;
  /** As `sizeOf`, of a blob in the backend alone. */
  sizeInBackend(digest: Digest, options?: CallOptions): Promise<number | undefined>;
}

export function hasBackend(store: object): store is Backed {
  return 'backend' in store && 'sizeInBackend' in store && typeof store.sizeInBackend === 'function';
}

/** An optional ability: the store lists the manifests that refer to a manifest. */
export interface Referable {
  /** An empty list when nothing refers to it, also when the manifest itself is not there. */
  referrers(subject: Digest, options?: ReferrerOptions): Promise<ReferrerList>;
}

export function isReferable(store: object): store is Referable {
  return 'referrers' in store && typeof store.referrers === 'function';
}

/** Throws UnsupportedError for a store without that ability. */
export async function listReferrers(
  store: Located,
  subject: Digest,
  options: ReferrerOptions = {},
): Promise<ReferrerList> {
  if (isReferable(store)) return store.referrers(subject, options);
  throw new UnsupportedError(`${store.location}: this kind of store knows no referrers`);
}

/** An optional ability: the store reads from mirrors, which may be wrong, and can leave one out. */
export interface Mirrored {
  /** The number of mirrors left out because of their content: when it grows, reading again may give another result. */
  readonly distrusted: number;
  /** Reports that the content made no sense, for the reason `why`. A mirror that gave it is left out from now on. */
  distrust(descriptor: Descriptor, why: string, options?: CallOptions): void;
}

export function isMirrored(store: object): store is Mirrored {
  return 'distrust' in store && typeof store.distrust === 'function';
}

/** An optional ability: the store lists the tags of its repository. */
export interface TagLister {
  /** An empty list when there is no such repository. */
  tags(options?: CallOptions): Promise<readonly string[]>;
}

/** An optional ability: the store lists the repositories of its registry. */
export interface RepositoryLister {
  repositories(options?: CallOptions): Promise<readonly string[]>;
}

export function listsRepositories(store: object): store is RepositoryLister {
  return 'repositories' in store && typeof store.repositories === 'function';
}

export function listsTags(store: object): store is TagLister {
  return 'tags' in store && typeof store.tags === 'function';
}
