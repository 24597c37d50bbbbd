/**
 * Every failure of ours: a sentence for a person, a class and a stable `code` for a program, an exit code for a shell.
 * Programs test `code` or the class; nothing matches message text.
 */

/** Exit codes of the command. 1 means "the answer is no" (faults found, no such path), 130 "interrupted". */
export type ExitCode = 1 | 2 | 3 | 4 | 5 | 6 | 70 | 130;

export interface ErrorOptionsWithHint {
  /** What the user can try; one line, no full stop. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

export abstract class NydusError extends Error {
  abstract readonly code: string;
  abstract readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(message: string, options: ErrorOptionsWithHint = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** Flags or options are wrong, or contradict each other. */
export class UsageError extends NydusError {
  readonly code = 'USAGE';
  readonly exitCode = 2;
}

/** A reference, platform or location does not parse. */
export class InvalidReferenceError extends NydusError {
  readonly code = 'REFERENCE';
  readonly exitCode = 2;
}

export interface RegistryErrorDetails extends ErrorOptionsWithHint {
  /** HTTP status, or undefined when no answer came. */
  readonly status?: number | undefined;
  /** Codes of the registry's error body, such as `MANIFEST_UNKNOWN`. */
  readonly registryCodes?: readonly string[] | undefined;
  /** Method and redacted URL, for example `GET https://host/v2/app/manifests/1`. */
  readonly request?: string | undefined;
  readonly retryable?: boolean | undefined;
  /** What the server asked for by `Retry-After`. */
  readonly retryAfterMs?: number | undefined;
}

/** A registry could not be reached, or did not do what was asked. */
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

/** No credentials, or refused ones. */
export class AuthError extends NydusError {
  readonly code = 'AUTH';
  readonly exitCode = 4;
}

/** Size or digest of some content is not as promised. */
export class ContentMismatchError extends NydusError {
  readonly code = 'CONTENT';
  readonly exitCode = 5;
  /** The message in parts, where two values were compared. */
  readonly mismatch: Mismatch | undefined;

  constructor(
    message: string,
    { mismatch, ...options }: ErrorOptionsWithHint & { readonly mismatch?: Mismatch } = {},
  ) {
    super(message, options);
    this.mismatch = mismatch;
  }
}

/** Two values that should have been the same. */
export interface Mismatch {
  /** A sentence without them. */
  readonly message: string;
  readonly expected: string;
  readonly found: string;
}

export interface FormatErrorDetails extends ErrorOptionsWithHint {
  /** Byte offset in the stream or file at which the fault lies. */
  readonly offset?: number | undefined;
}

/** Tar, RAFS, manifest or config bytes make no sense. */
export class FormatError extends NydusError {
  readonly code = 'FORMAT';
  readonly exitCode = 5;
  readonly offset: number | undefined;

  constructor(message: string, details: FormatErrorDetails = {}) {
    super(message, details);
    this.offset = details.offset;
  }
}

/** Legal, but not done here. */
export class UnsupportedError extends NydusError {
  readonly code = 'UNSUPPORTED';
  readonly exitCode = 5;
}

/** Disk full, no permission, missing path. */
export class LocalIoError extends NydusError {
  readonly code = 'IO';
  readonly exitCode = 6;
}

/** The image holds no such path. */
export class NoSuchPathError extends NydusError {
  readonly code = 'PATH';
  readonly exitCode = 1;
}

/** Our bug, or a panic in the addon. */
export class InternalError extends NydusError {
  readonly code = 'INTERNAL';
  readonly exitCode = 70;
}

/** The caller's signal fired. */
export class InterruptedError extends NydusError {
  readonly code = 'INTERRUPTED';
  readonly exitCode = 130;
}
