/**
 * Refuses to move a tag that another run has moved while this run was at work: the other run may have had a newer
 * source. Reading the tag and pushing are two requests, so this guards against mistakes and is no lock.
 */
import { AuthError, RegistryError } from '../errors.js';
import type { Digest } from '../oci/digest.js';
import type { ImageTarget } from './stores/store.js';
import type { CallOptions } from '../reporter.js';

/** The manifest that a tag names; `unknown` if this user may push but not read. */
export type TagState = Digest | 'absent' | 'unknown';

/** Reads the tag before the work, so that an unreachable target fails the run at its start. */
export async function tagOf(target: ImageTarget, call: CallOptions): Promise<TagState> {
  try {
    return (await target.resolve(call))?.digest ?? 'absent';
  } catch (error) {
    const isAnswer = error instanceof RegistryError && error.status !== undefined && error.status < 500;
    if (error instanceof AuthError || isAnswer) return 'unknown';
    throw error;
  }
}

/** Throws RegistryError if the tag names neither its manifest from before the run nor this run's result. */
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
  throw new RegistryError(
    `${target.location} ${what} by another client during this run, which leaves it unchanged`,
    {
      hint: 'run it again to replace it: the blobs are pushed already and will not be sent again',
    },
  );
}
