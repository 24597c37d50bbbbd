/** What the service asks of a process that converts, and what that answers. Everything here travels as JSON. */
import type { TaskFailure, TaskProgress, TaskResult } from '../queue/task.js';

/** How to speak with one registry. */
export interface RegistryAccess {
  readonly credential?: { readonly username: string; readonly password: string } | undefined;
  readonly insecure: boolean;
  readonly plainHttp: boolean;
  /** A PEM file; empty for none. */
  readonly ca: string;
  readonly maxConnections: number;
  /** The URL at which it is reached, in place of its own name; empty for none. */
  readonly endpoint: string;
  /** Bytes a second of one job; 0 for no limit. */
  readonly rate: number;
}

export interface ConversionRequest {
  readonly kind: 'convert';
  readonly source: string;
  readonly target: string;
  /** Empty for no cache. */
  readonly cache: string;
  readonly cacheVersion: string;
  readonly cacheSize: number;
  readonly platforms: string;
  /** Options of the driver, as the configuration has them. */
  readonly driver: Readonly<Record<string, string>>;
  readonly workDir: string;
  readonly force: boolean;
  readonly access: Readonly<Record<string, RegistryAccess>>;
}

/** Asks for the repositories of a registry that match one of these globs. */
export interface SweepRequest {
  readonly kind: 'sweep';
  readonly registry: string;
  readonly repositories: readonly string[];
  readonly access: Readonly<Record<string, RegistryAccess>>;
}

/** Asks for the tags of a repository. */
export interface LookRequest {
  readonly kind: 'look';
  readonly repository: string;
  readonly access: Readonly<Record<string, RegistryAccess>>;
}

export type JobRequest = ConversionRequest | LookRequest | SweepRequest;

/** A failure, with what decides about another attempt. */
export interface JobFailure extends TaskFailure {
  /** HTTP status of a registry's refusal. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** The registry that refused. */
  readonly side?: 'source' | 'target' | undefined;
}

export type JobAnswer =
  | { readonly kind: 'converted'; readonly result: TaskResult; readonly cache?: CacheCount | undefined }
  | { readonly kind: 'skipped'; readonly reason: string; readonly result: TaskResult }
  | { readonly kind: 'tags'; readonly tags: readonly string[] }
  | { readonly kind: 'repositories'; readonly repositories: readonly string[] }
  | { readonly kind: 'failed'; readonly failure: JobFailure };

export interface CacheCount {
  readonly hits: number;
  readonly misses: number;
}

export type ToWorker =
  | {
      readonly type: 'job';
      readonly request: JobRequest;
      /** The span that the job belongs to, as `traceparent`. */
      readonly trace?: string | undefined;
    }
  | { readonly type: 'abort' };

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly progress: TaskProgress }
  | { readonly type: 'line'; readonly text: string }
  | { readonly type: 'done'; readonly answer: JobAnswer; readonly residentBytes: number };
