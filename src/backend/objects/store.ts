/** One bucket of an object store, by single requests: nothing here is tried again, and no object is more than the bytes that are given. */
import type { ByteRange, ByteStream } from '../../io/streams.js';
import type { CallOptions } from '../../reporter.js';
import type { BackendType } from '../backend.js';

export interface StoredObject {
  readonly key: string;
  readonly size: number;
  readonly modified: Date;
}

/** An upload in parts, which makes an object when it is completed. */
export interface PartUpload {
  readonly key: string;
  readonly id: string;
}

export interface UnfinishedPartUpload extends PartUpload {
  readonly started: Date;
}

/** A part that the store has. */
export interface StoredPart {
  /** From 1. */
  readonly number: number;
  readonly size: number;
  /** What completing the upload needs to say about the part. */
  readonly tag: string;
  readonly checksum?: string | undefined;
}

/** Every verb throws AuthError and RegistryError, of which `retryable` is true where another attempt may succeed. */
export interface ObjectStore extends AsyncDisposable {
  readonly type: BackendType;
  /** Printable, and without secrets. */
  readonly location: string;
  /** Bytes of the object; undefined when there is none. */
  head(key: string, call: CallOptions): Promise<number | undefined>;
  get(key: string, range: ByteRange | undefined, call: CallOptions): ByteStream;
  /** `sha256Hex` is the digest of the bytes. */
  put(key: string, bytes: Uint8Array, sha256Hex: string, call: CallOptions): Promise<void>;
  remove(key: string, call: CallOptions): Promise<void>;
  list(prefix: string, call: CallOptions): AsyncIterable<StoredObject>;
  beginUpload(key: string, call: CallOptions): Promise<PartUpload>;
  putPart(upload: PartUpload, number: number, bytes: Uint8Array, call: CallOptions): Promise<StoredPart>;
  /** `parts` are in order. */
  completeUpload(upload: PartUpload, parts: readonly StoredPart[], call: CallOptions): Promise<void>;
  abortUpload(upload: PartUpload, call: CallOptions): Promise<void>;
  /** The parts of an upload that an earlier run has left. */
  partsOf(upload: PartUpload, call: CallOptions): AsyncIterable<StoredPart>;
  unfinishedUploads(prefix: string, call: CallOptions): AsyncIterable<UnfinishedPartUpload>;
  /** True if the part, as it was listed, is these bytes; false also when the list does not say so much. */
  isPart(part: StoredPart, bytes: Uint8Array): boolean;
}
