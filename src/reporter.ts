/** Library code reports its progress as events to a reporter, and never prints. */
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
  /** Uncompressed bytes not stored again, thanks to an earlier chunk of this layer or of a lower one. */
  readonly duplicateBytes: number;
}

/** The threads of one kind, added up; seconds. Where one waits much and none of the others is busy all the time, look there. */
export interface StageTimes {
  readonly name: string;
  readonly threads: number;
  /** From start to end. */
  readonly alive: number;
  /** On a core; 0 where the system does not tell, as for `ready`. */
  readonly busy: number;
  /** Ready to go on, but all cores were taken. */
  readonly ready: number;
  /** Had nothing to do: what comes before is slower. */
  readonly starved: number;
  /** Had no room for what was done: what comes after is slower. */
  readonly blocked: number;
}

export type Stage = 'pull' | 'pack' | 'push';

/** Everything that a conversion, a check or a look reports. Layers count from 0. */
export type ConvertEvent =
  | { readonly type: 'resolved'; readonly source: string; readonly manifest: Descriptor }
  | {
      readonly type: 'image.start';
      readonly platform: string;
      readonly manifest: Digest;
      readonly layers: readonly Descriptor[];
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

/** Never throws, never awaited. */
export interface Reporter {
  emit(event: ConvertEvent): void;
}

export const silentReporter: Reporter = { emit: () => undefined };

/** Options of every call that waits. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly reporter?: Reporter | undefined;
}
