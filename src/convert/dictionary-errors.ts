/** Failures of reading a chunk dictionary name it, since a conversion reads several images and advice for one is wrong for another. */
import { FormatError, NydusError, UnsupportedError, UsageError } from '../errors.js';
import type { Remedy } from '../remedy.js';

/** Calls `read`, and throws what it throws as a failure of the dictionary of this name. Registries and disks name their place themselves. */
export async function namingDictionary<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw named(name, cause);
  }
}

function named(name: string, cause: unknown): unknown {
  if (!(cause instanceof NydusError)) return cause;
  const { message, hint, remedy } = cause;
  const options = { cause, ...adviceFor(remedy, hint) };
  const text = `the chunk dictionary ${name} is of no use: ${message}`;
  if (cause instanceof UsageError) return new UsageError(text, options);
  if (cause instanceof UnsupportedError) return new UnsupportedError(text, options);
  return cause instanceof FormatError ? new FormatError(text, { ...options, offset: cause.offset }) : cause;
}

/** Remedies for the image that is converted do not choose what is read of its dictionary. */
function adviceFor(
  remedy: Remedy | undefined,
  hint: string | undefined,
): { readonly hint?: string | undefined; readonly remedy?: Remedy | undefined } {
  if (remedy?.kind === 'choose-half')
    return { hint: 'a dictionary is a Nydus image: convert this one first, and name the result' };
  if (remedy?.kind === 'choose-platform')
    return {
      hint: `it has images for ${remedy.available.join(', ')}; name a dictionary that has one for each platform`,
    };
  return { hint, remedy };
}
