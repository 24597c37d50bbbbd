/** A descriptor refers to content by media type, digest and size. OCI image-spec, descriptor.md. */
import type { Digest } from './digest.js';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures?: readonly string[] | undefined;
}

export type Annotations = Readonly<Record<string, string>>;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform?: Platform | undefined;
  readonly annotations?: Annotations | undefined;
  readonly artifactType?: string | undefined;
}

/** A document as bytes and as a value. The digest is that of `bytes`; writing `value` again may give other bytes. */
export interface Document<T> {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly value: T;
}
