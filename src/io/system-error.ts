/** Errors of the operating system, as sentences. */
import { LocalIoError, type NydusErrorOptions } from '../errors.js';

/** Turns an operating system's error into a sentence: first what could not be done, then why. */
export function localIoError(
  what: string,
  cause: unknown,
  advice: Pick<NydusErrorOptions, 'hint' | 'remedy'> = {},
): LocalIoError {
  return new LocalIoError(`${what}: ${systemReason(cause)}`, { cause, ...advice });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'it exists already',
  EIO: 'input or output error',
  EBADF: 'it is closed',
  EFBIG: 'the file would be too large',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many symbolic links',
};

/** The reason of a failed system call, in words where we have them. */
export function systemReason(cause: unknown): string {
  const code = errorCode(cause);
  return (
    (code === undefined ? undefined : REASONS[code]) ??
    (cause instanceof Error ? cause.message : String(cause))
  );
}

/** A code such as `ENOENT`; undefined for errors without one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
