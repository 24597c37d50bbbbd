/**
 * The failures that this package throws: a sentence for a person, a class and a stable `code` for a program, an exit code for a
 * shell. Programs test `code` or the class; nothing matches message text. No message names a command-line flag, since most
 * programs have none: what can be done is a `remedy`.
 */
import type { Remedy, Side } from './remedy.js';

/** Exit codes of the command. 1 means that the answer is no (faults found, no such path), 130 that the run was interrupted. */
export type ExitCode = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 70 | 130;

export interface NydusErrorOptions {
  /** Advice that holds in every program; one line, no full stop. */
  readonly hint?: string | undefined;
  /** Advice that each program words in its own way. */
  readonly remedy?: Remedy | undefined;
  readonly side?: Side | undefined;
  readonly cause?: unknown;
}

export abstract class NydusError extends Error {
  abstract readonly code: string;
  abstract readonly exitCode: ExitCode;
  readonly hint: string | undefined;
  readonly remedy: Remedy | undefined;
  /** The registry that the failure is about, when a run speaks with two. */
  readonly side: Side | undefined;

  constructor(message: string, options: NydusErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
    this.remedy = options.remedy;
    this.side = options.side;
  }
}

/** Options are wrong, or contradict each other. */
export class UsageError extends NydusError {
  readonly code = 'USAGE';
  readonly exitCode = 2;
}

/** A reference, platform or location does not parse. */
export class InvalidReferenceError extends NydusError {
  readonly code = 'REFERENCE';
  readonly exitCode = 2;
  /** The text that does not parse, and the character at which it went wrong. */
  readonly fault: { readonly text: string; readonly at: number } | undefined;

  constructor(
    message: string,
    { fault, ...options }: NydusErrorOptions & { readonly fault?: InvalidReferenceError['fault'] } = {},
  ) {
    super(message, options);
    this.fault = fault;
  }
}

export interface RegistryErrorDetails extends NydusErrorOptions {
  /** HTTP status; undefined when no answer came. */
  readonly status?: number | undefined;
  /** Codes of the registry's error body, such as `MANIFEST_UNKNOWN`. */
  readonly registryCodes?: readonly string[] | undefined;
  /** Method and redacted URL, for example `GET https://host/v2/app/manifests/1`. */
  readonly request?: string | undefined;
  readonly retryable?: boolean | undefined;
  /** Milliseconds to wait, from the server's `Retry-After`. */
  readonly retryAfterMs?: number | undefined;
}

/** A registry could not be reached, or refused. */
export class RegistryError extends NydusError {
  readonly code = 'REGISTRY';
  readonly exitCode = 3;
  readonly status: number | undefined;
  readonly registryCodes: readonly string[];
  readonly request: string | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: RegistryErrorDetails = {}) {
    super(message, details);
    this.status = details.status;
    this.registryCodes = details.registryCodes ?? [];
    this.request = details.request;
    this.retryable = details.retryable ?? false;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Credentials are missing, or were refused. */
export class AuthError extends NydusError {
  readonly code = 'AUTH';
  readonly exitCode = 4;
}

/** Content has another size or digest than its descriptor promises. */
export class ContentMismatchError extends NydusError {
  readonly code = 'CONTENT';
  readonly exitCode = 5;
  /** The message in parts, when two values were compared. */
  readonly mismatch: Mismatch | undefined;

  constructor(
    message: string,
    { mismatch, ...options }: NydusErrorOptions & { readonly mismatch?: Mismatch } = {},
  ) {
    super(message, options);
    this.mismatch = mismatch;
  }
}

/** Two values that should have been the same. */
export interface Mismatch {
  /** A sentence without the two values. */
  readonly message: string;
  readonly expected: string;
  readonly found: string;
}

export interface FormatErrorDetails extends NydusErrorOptions {
  /** Byte offset in the stream or file at which the fault lies. */
  readonly offset?: number | undefined;
}

/** Bytes of a tar, RAFS image, manifest or config make no sense. */
export class FormatError extends NydusError {
  readonly code = 'FORMAT';
  readonly exitCode = 5;
  readonly offset: number | undefined;

  constructor(message: string, details: FormatErrorDetails = {}) {
    super(message, details);
    this.offset = details.offset;
  }
}

/** The input is legal, but this package does not handle it. */
export class UnsupportedError extends NydusError {
  readonly code = 'UNSUPPORTED';
  readonly exitCode = 5;
}

/** The build cache is of no use, and the caller wants no run without it. */
export class CacheError extends NydusError {
  readonly code = 'CACHE';
  readonly exitCode = 5;
}

/** The chunks of a layer cannot stay in it; the message is about the layer. Storing them is possible. */
export class UnreferableError extends UnsupportedError {}

/** The disk is full, a path is missing, or permission is denied. */
export class LocalIoError extends NydusError {
  readonly code = 'IO';
  readonly exitCode = 6;
}

export interface AddonErrorDetails extends NydusErrorOptions {
  /** The platform that this process runs on, such as `linux-x64-musl`. */
  readonly platform: string;
}

/** The native addon is not installed, is there for another platform only, or does not load. */
export class AddonError extends NydusError {
  readonly code = 'ADDON';
  readonly exitCode = 7;
  readonly platform: string;

  constructor(message: string, { platform, ...options }: AddonErrorDetails) {
    super(message, options);
    this.platform = platform;
  }
}

/** The image holds no such path. */
export class NoSuchPathError extends NydusError {
  readonly code = 'PATH';
  readonly exitCode = 1;
}

/** A hook of the caller refuses an image. */
export class HookError extends NydusError {
  readonly code = 'HOOK';
  readonly exitCode = 1;
}

/** A bug of this package, or a panic in the addon. */
export class InternalError extends NydusError {
  readonly code = 'INTERNAL';
  readonly exitCode = 70;
}

/** The work was stopped, and no reason was given for it. When the caller's signal stops it, its `reason` is thrown instead. */
export class InterruptedError extends NydusError {
  readonly code = 'INTERRUPTED';
  readonly exitCode = 130;
}
