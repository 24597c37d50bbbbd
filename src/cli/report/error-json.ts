/** A failure as a document for programs. Members are added, never renamed; absent ones are not known. */
import {
  AddonError,
  ContentMismatchError,
  FormatError,
  InvalidReferenceError,
  type NydusError,
  RegistryError,
} from '../../errors.js';
import { shortened } from '../text/printable.js';

/** `hint` is the error's advice in words of the command. */
export function errorJson(error: NydusError, hint: string | undefined): object {
  const { code, exitCode, message, side } = error;
  return withoutAbsent({
    code,
    exitCode,
    message: shortened(message),
    hint: hint === undefined ? undefined : shortened(hint),
    side,
    ...detailsOf(error),
  });
}

/** What a command prints instead of its answer. */
export function errorDocument(error: NydusError, hint: string | undefined): object {
  return { schemaVersion: 1, error: errorJson(error, hint) };
}

function detailsOf(error: NydusError): object {
  if (error instanceof RegistryError) {
    const { status, registryCodes, request, retryable, retryAfterMs } = error;
    return { status, registryCodes, request, retryable, retryAfterMs };
  }
  if (error instanceof InvalidReferenceError) return { fault: error.fault };
  if (error instanceof ContentMismatchError)
    return { expected: error.mismatch?.expected, found: error.mismatch?.found };
  if (error instanceof FormatError) return { offset: error.offset };
  if (error instanceof AddonError) return { platform: error.platform };
  return {};
}

function withoutAbsent(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}
