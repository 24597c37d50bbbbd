/** Descriptor: media type, digest and size of some content; the only way content is referred to. OCI image-spec, descriptor.md. */
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

/** Bytes as fetched beside what they mean. The digest is over `bytes`, never over `value` serialised again. */
export interface Document<T> {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly value: T;
}
