/** The library reports progress as events to a reporter, and never prints. */
import type { Budget, Limits } from './limits.js';
import type { Descriptor } from './oci/descriptor.js';
import type { Digest } from './oci/digest.js';
import type { Remedy } from './remedy.js';

/** Bytes and counts of one packed layer. */
export interface PackStats {
  /** Compressed bytes of the source layer as read. */
  readonly sourceBytes: number;
  /** Bytes of the uncompressed tar. */
  readonly tarBytes: number;
  /** Bytes of the finished RAFS blob. */
  readonly blobBytes: number;
  readonly entries: number;
  /** Chunks that the layer's files refer to. */
  readonly chunks: number;
  /** Chunks stored by this layer; the rest are duplicates. */
  readonly newChunks: number;
  /** Uncompressed bytes that were not stored again, because this layer or a lower one has an equal chunk. */
  readonly duplicateBytes: number;
}

/**
 * Seconds of all threads of one kind. If one kind is starved or blocked while another is always busy, the busy kind is
 * the bottleneck.
 */
export interface StageTimes {
  readonly name: string;
  readonly threads: number;
  /** Seconds from start to end. */
  readonly alive: number;
  /** Seconds on a core; 0 if the system does not report it, and so for `ready`. */
  readonly busy: number;
  /** Seconds ready to run while all cores were taken. */
  readonly ready: number;
  /** Seconds without input: the stage before is slower. */
  readonly starved: number;
  /** Seconds without room for output: the stage after is slower. */
  readonly blocked: number;
}

/** `copy`: of a merged index, whose target gets the source layer, too. It is under way from the start if there is one. */
export type Stage = 'pull' | 'pack' | 'push' | 'copy';

/** The events of a conversion, a check or a look. Layers count from 0. */
export type ConvertEvent =
  | { readonly type: 'resolved'; readonly source: string; readonly manifest: Descriptor }
  | {
      readonly type: 'image.start';
      readonly platform: string;
      readonly manifest: Digest;
      readonly layers: readonly Descriptor[];
      /** Where the image stands in the run: the first is 1. */
      readonly number?: number | undefined;
      readonly of?: number | undefined;
      /** Bytes of the layers of all images of the run. */
      readonly bytesOfAll?: number | undefined;
    }
  | {
      readonly type: 'layer.progress';
      readonly platform: string;
      readonly layer: number;
      readonly stage: Stage;
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly type: 'layer.done';
      readonly platform: string;
      readonly layer: number;
      readonly stats: PackStats;
      readonly outcome: 'pushed' | 'present' | 'mounted';
    }
  | { readonly type: 'image.stages'; readonly platform: string; readonly stages: readonly StageTimes[] }
  /** A check or a look reads a blob or a layer, or a conversion copies one that it keeps as it is; `done` of it counts from the start. */
  | { readonly type: 'read'; readonly digest: Digest; readonly done: number; readonly total: number }
  | { readonly type: 'step'; readonly message: string }
  | {
      readonly type: 'retry';
      readonly what: string;
      readonly attempt: number;
      readonly delayMs: number;
      readonly cause: unknown;
    }
  | {
      readonly type: 'warning';
      readonly code: string;
      readonly message: string;
      readonly remedy?: Remedy | undefined;
    };

/** Receives events. It must not throw, and nothing waits for it. */
export interface Reporter {
  emit(event: ConvertEvent): void;
}

export const silentReporter: Reporter = { emit: () => undefined };

/** Options of every call that waits. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly reporter?: Reporter | undefined;
  /** The most that the images of the call may take together; generous by default. */
  readonly limits?: Partial<Limits> | undefined;
  /** In place of `limits`: what this call shares with others of one run. */
  readonly budget?: Budget | undefined;
}

/** For `counted`: says how much of a blob or a layer has been read. */
export function reportRead({ reporter }: CallOptions, { digest, size }: Descriptor, done: number): void {
  reporter?.emit({ type: 'read', digest, done, total: size });
}
