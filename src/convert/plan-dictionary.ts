/** What a plan says of a chunk dictionary: its blobs, and how those that files will refer to would come into the target. */
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import { inOneRegistry } from '../registry/location.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { Dictionary, DictionaryPart } from './dictionary.js';

/** The way of a blob into the target, if a file refers to it. */
export type BorrowPlan = 'push' | 'mount' | 'present';

export interface PlannedDictionary {
  /** The images, or files of bootstraps, that the dictionary is. */
  readonly names: readonly string[];
  /** Chunks that need not be stored again. Which of them the image has only its layers tell, and a plan does not read those. */
  readonly chunks: number;
  readonly blobs: readonly PlannedBorrow[];
}

export interface PlannedBorrow {
  readonly digest: Digest;
  /** Undefined for a bootstrap alone, which does not know it. */
  readonly size: number | undefined;
  /** `push` for a bootstrap alone means that the target lacks a blob that nothing else can give. */
  readonly blob: BorrowPlan;
}

export async function planDictionary(
  { parts }: Dictionary,
  target: ImageSource | undefined,
  call: CallOptions,
): Promise<PlannedDictionary> {
  const blobs = new Map<Digest, PlannedBorrow>();
  for (const part of parts)
    for (const blob of part.blobs)
      if (!blobs.has(blob.digest))
        blobs.set(blob.digest, { ...blob, blob: await wayOf(blob, part, target, call) });
  return {
    names: parts.map(({ name }) => name),
    chunks: parts.reduce((sum, { chunks }) => sum + chunks, 0),
    blobs: [...blobs.values()],
  };
}

async function wayOf(
  { digest, size = 0 }: DictionaryPart['blobs'][number],
  { store }: DictionaryPart,
  target: ImageSource | undefined,
  call: CallOptions,
): Promise<BorrowPlan> {
  if (target === undefined) return 'push';
  const descriptor: Descriptor = { mediaType: MEDIA.nydusBlob, digest, size };
  if (await target.exists(descriptor, call)) return 'present';
  return store !== undefined && inOneRegistry(store.place, target.place) ? 'mount' : 'push';
}
