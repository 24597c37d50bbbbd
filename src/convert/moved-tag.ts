/**
 * A tag may be moved by another run while this one is at work. The other run may have had a newer source, so its result is not
 * replaced by an older one. Asking and pushing are two steps, so this guards against mistakes and is no lock.
 */
import { AuthError, RegistryError } from '../errors.js';
import type { Digest } from '../oci/digest.js';
import type { ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

/** The manifest that a tag points to; `unknown` where we may push but not read. */
export type TagState = Digest | 'absent' | 'unknown';

/** Throws when the target cannot be reached: better now than after the work. */
export async function tagOf(target: ImageTarget, call: CallOptions): Promise<TagState> {
  try {
    return (await target.resolve(call))?.digest ?? 'absent';
  } catch (error) {
    const isAnswer = error instanceof RegistryError && error.status !== undefined && error.status < 500;
    if (error instanceof AuthError || isAnswer) return 'unknown';
    throw error;
  }
}

/** Throws RegistryError when the tag is neither where it was before nor where it is to be. */
export async function refuseMovedTag(
  target: ImageTarget,
  before: TagState,
  ours: Digest,
  call: CallOptions,
): Promise<void> {
  if (before === 'unknown') return;
  const now = await tagOf(target, call);
  if (now === before || now === ours || now === 'unknown') return;
  const what = now === 'absent' ? 'was removed' : `was moved to ${now}`;
  throw new RegistryError(`${target.location} ${what} by somebody else during this run, and is left so`, {
    hint: 'run it again if it is to be replaced: what was pushed is there and not sent again',
  });
}
