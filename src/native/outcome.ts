/** Turns the outcomes of the addon's calls into values or errors. */
import {
  FormatError,
  InternalError,
  InterruptedError,
  LocalIoError,
  type NydusError,
  UnreferableError,
  UnsupportedError,
  UsageError,
} from '../errors.js';
import type { LimitName } from '../limits.js';

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly path?: Buffer;
  readonly offset?: number;
  readonly hint?: string;
  readonly limit?: string;
}

/** The result of every fallible call of the addon; the call itself throws only for arguments of the wrong type. */
export type Outcome<T> =
  | { readonly ok: T; readonly error?: undefined }
  | { readonly ok?: undefined; readonly error: Failure };

/** Returns the value of an outcome, or throws the error that its code names. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.error !== undefined) throw toError(outcome.error);
  return outcome.ok;
}

/** The addon's names of limits. */
const LIMITS: Readonly<Record<string, LimitName>> = {
  entries: 'maxEntries',
  metadata: 'maxMetadata',
  disk: 'maxDisk',
  expansion: 'maxExpansion',
};

function toError({ code, message, offset, hint, limit = '' }: Failure): NydusError {
  switch (code) {
    case 'FORMAT':
      return new FormatError(message, { offset, hint });
    case 'UNSUPPORTED':
      return new UnsupportedError(message, { hint });
    case 'UNREFERABLE':
      return new UnreferableError(message);
    case 'LIMIT': {
      const name = LIMITS[limit];
      return new UnsupportedError(message, {
        remedy: name === undefined ? undefined : { kind: 'raise-limit', limit: name },
      });
    }
    case 'INVALID_ARGUMENT':
      return new UsageError(message);
    case 'IO':
      return new LocalIoError(message, { remedy: { kind: 'work-dir' } });
    case 'ABORTED':
      return new InterruptedError(message);
    default:
      return new InternalError(message, { remedy: { kind: 'report-bug' } });
  }
}
