/**
 * A storage backend holds the blobs of Nydus images as objects that are named by their digests. Only bootstraps that a build has sent
 * have other names, which nothing here lists.
 */
import type { ByteRange, ByteStream, ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { CallOptions } from '../reporter.js';

export type BackendType = 'oss' | 's3' | 'localfs';
/** Upstream's names, in its order. */
export const BACKEND_TYPES = ['oss', 's3', 'localfs'] as const satisfies readonly BackendType[];

/** A blob by its name. */
export type NamedBlob = Pick<Descriptor, 'digest' | 'size'>;

/** A blob that a listing has found. */
export interface StoredBlob extends NamedBlob {
  /** When it was written. */
  readonly modified: Date;
}

/** An upload that no run has ended, whose parts take room. */
export interface UnfinishedUpload {
  readonly digest: Digest;
  readonly id: string;
  readonly started: Date;
}

export interface BlobBackend extends AsyncDisposable {
  readonly type: BackendType;
  /** Printable, and without secrets. */
  readonly location: string;
  /** Bytes of the blob; undefined when the backend does not have it. */
  sizeOf(digest: Digest, call?: CallOptions): Promise<number | undefined>;
  /**
   * Stores a blob, in place of one that is there. Memory does not grow with its size. Throws ContentMismatchError when `content` is not
   * the blob; whatever is thrown, nothing of the blob stays.
   */
  put(blob: NamedBlob, content: ReplayableContent, call?: CallOptions): Promise<void>;
  /** The bytes, or a range of them, as they come: the caller verifies them. Throws RegistryError with status 404 for an absent blob. */
  read(digest: Digest, range: ByteRange | undefined, call?: CallOptions): ByteStream;
  /** Where the blob is, as upstream names it: a URL, or a path. */
  nameOf(digest: Digest): string;
  /** Stores a small file under a name that is no digest, in place of one that is there; returns where it is. */
  putFile(name: string, bytes: Uint8Array, call?: CallOptions): Promise<string>;
  /** Removes the blob, if it is there. */
  remove(digest: Digest, call?: CallOptions): Promise<void>;
  /** Every blob; objects with other names are passed over. */
  list(call?: CallOptions): AsyncIterable<StoredBlob>;
  /** Uploads that a killed run has left. */
  unfinished(call?: CallOptions): AsyncIterable<UnfinishedUpload>;
  /** Ends such an upload, whose parts are removed. */
  abandon(upload: UnfinishedUpload, call?: CallOptions): Promise<void>;
}
