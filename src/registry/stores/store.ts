/** Content stores as one-method interfaces, added up: a registry, a layout folder and an archive all speak these. */
import type { Descriptor } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import type { GrowingContent } from '../../io/growing-file.js';
import { type ReplayableContent, type ByteStream, sized, verified } from '../../io/streams.js';
import type { CallOptions } from '../../reporter.js';
import type { Location } from '../location.js';

export interface FetchOptions extends CallOptions {
  /** Half-open byte range; then the digest cannot be, and is not, verified. */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
  /** Bytes as they come, whatever size and digest the descriptor has: for replaying clients that do not look. */
  readonly unverified?: boolean | undefined;
  /** Only the size is verified: the caller has all bytes digested anyway, and compares. */
  readonly digestedByCaller?: boolean | undefined;
}

/** The bytes as `options` want them verified; `location` is where they come from. */
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

/** Content and its side, for errors. */
export function nameOf(descriptor: Descriptor, location: string): string {
  return `${descriptor.digest} of ${location}`;
}

export interface ContentSource {
  /** Blob or manifest, told apart by media type. Lazy; size and digest are verified while it is read (but for ranges). */
  fetch(descriptor: Descriptor, options?: FetchOptions): ByteStream;
  /** True when the store holds it. Also false for a blob whose size differs from the descriptor's. */
  exists(descriptor: Descriptor, options?: CallOptions): Promise<boolean>;
}

export type PushOutcome = 'pushed' | 'present' | 'mounted';

export interface ContentSink {
  /** Blob or manifest, told apart by media type. Asks first; present content is not sent. Manifests go by digest. */
  push(descriptor: Descriptor, content: ReplayableContent, options?: CallOptions): Promise<PushOutcome>;
}

/** The place of an image. `location` is `place` as text: it is printable and holds no secret. */
export interface Located {
  readonly place: Location;
  readonly location: string;
}

export interface ImageSource extends ContentSource, Located, AsyncDisposable {
  /** What the location's tag or digest points to. */
  resolve(options?: CallOptions): Promise<Descriptor>;
}

export interface ImageTarget extends ContentSource, ContentSink, Located, AsyncDisposable {
  /** Makes the location's tag point to `manifest`, whose bytes are given (registries tag by pushing). The last write of a run. */
  tag(manifest: Descriptor, bytes: Uint8Array, options?: CallOptions): Promise<void>;
  /** What the tag points to now; undefined when there is none. */
  resolve(options?: CallOptions): Promise<Descriptor | undefined>;
}

/** A blob on its way while it is still being written. */
export interface EarlyPush {
  /**
   * The content is complete and this is what it is. Returns when the target has it; what did not work early is done now, as
   * `push` does it. Throws what `push` throws.
   */
  finish(descriptor: Descriptor, content: ReplayableContent, options?: CallOptions): Promise<PushOutcome>;
  /** It is not wanted any more, or not early. Idempotent; after it, `finish` is an ordinary push. */
  cancel(): void;
}

/** Asked for, not assumed: the target can begin to take a blob before its end, and with it its digest, are known. */
export interface EarlySink {
  /** Undefined when the target turned out not to be able to. Never throws: whatever fails is made good by `finish`. */
  pushEarly(content: GrowingContent, options?: CallOptions): EarlyPush | undefined;
}

export function takesEarly(store: object): store is EarlySink {
  return 'pushEarly' in store && typeof store.pushEarly === 'function';
}

/** Asked for, not assumed: the target can take a blob of another repository of the same registry without a transfer. */
export interface Mountable {
  /** True when the blob is now in the target. `from` is the place of the source. */
  mount(descriptor: Descriptor, from: Location, options?: CallOptions): Promise<boolean>;
}

export function isMountable(store: object): store is Mountable {
  return 'mount' in store && typeof store.mount === 'function';
}

export interface ReferrerOptions extends CallOptions {
  /** Only those of this type; all by default. */
  readonly artifactType?: string | undefined;
}

/** The manifests that name one manifest as their `subject`: signatures, attestations, Nydus images made from it. */
export interface ReferrerList {
  /**
   * Who said so: the registry's referrers API, the index under the tag `sha256-…` that clients keep where there is no such
   * API, or the store's own documents, each looked at.
   */
  readonly way: 'api' | 'tag' | 'scan';
  /** In the order of that answer, which matters: some readers look at the first one alone. */
  readonly referrers: readonly Descriptor[];
}

/** Asked for, not assumed: the store can say who refers to a manifest. */
export interface Referable {
  /** An empty list when nothing refers to it, also when the manifest itself is not there. */
  referrers(subject: Digest, options?: ReferrerOptions): Promise<ReferrerList>;
}

export function isReferable(store: object): store is Referable {
  return 'referrers' in store && typeof store.referrers === 'function';
}

/** Asked for, not assumed: content may come from mirrors, which may be wrong. */
export interface Mirrored {
  /** Mirrors that were left out because of what they gave: when it grows, reading again may give another result. */
  readonly distrusted: number;
  /** The content made no sense, for the reason `why`. If a mirror gave it, that mirror is left out from now on. */
  distrust(descriptor: Descriptor, why: string, options?: CallOptions): void;
}

export function isMirrored(store: object): store is Mirrored {
  return 'distrust' in store && typeof store.distrust === 'function';
}
