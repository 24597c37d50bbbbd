/** A location, opened: the one door to every kind of store. */
import { UsageError } from '../errors.js';
import { openArchiveSource, openArchiveTarget } from './stores/archive.js';
import type { ClientOptions } from './http/client.js';
import type { CredentialStore } from './auth/credentials.js';
import { openDockerArchiveSource } from './stores/docker-archive.js';
import { openLayoutSource, openLayoutTarget } from './stores/layout.js';
import { formatLocation, type Location, type Selector, toLocation } from './location.js';
import { openRemoteSource, openRemoteTarget } from './stores/remote.js';
import type { ImageSource, ImageTarget } from './stores/store.js';

/** All that is read from the environment or from flags arrives here as values. */
export interface OpenOptions extends Partial<Omit<ClientOptions, 'credentials'>> {
  readonly credentials: CredentialStore;
  /** Takes what an archive needs on the way; without it the archive's own folder does. */
  readonly workDir?: string | undefined;
}

/** Throws InvalidReferenceError. Nothing is read before the first verb. */
export function openSource(location: string | Location, options: OpenOptions): ImageSource {
  const parsed = toLocation(location);
  switch (parsed.kind) {
    case 'registry':
      // `check` reads its target, too; hints then name the flags of that side.
      return openRemoteSource(parsed.reference, { side: 'source', ...options });
    case 'oci':
      return openLayoutSource(parsed.path, selectorOf(parsed));
    case 'oci-archive':
      return openArchiveSource(parsed.path, selectorOf(parsed), options);
    case 'docker-archive':
      return openDockerArchiveSource(parsed.path, selectorOf(parsed), options);
  }
}

/** Throws InvalidReferenceError, or UsageError for a kind that cannot be written. Nothing is written before the first verb. */
export function openTarget(location: string | Location, options: OpenOptions): ImageTarget {
  const parsed = toLocation(location);
  if (parsed.kind !== 'registry' && parsed.digest !== undefined) {
    throw new UsageError(`"${formatLocation(parsed)}" is no target: its digest follows from the content`, {
      hint: 'give the target a tag instead',
    });
  }
  switch (parsed.kind) {
    case 'registry':
      return openRemoteTarget(parsed.reference, { ...options, side: 'target' });
    case 'oci':
      return openLayoutTarget(parsed.path, selectorOf(parsed));
    case 'oci-archive':
      return openArchiveTarget(parsed.path, selectorOf(parsed), options);
    case 'docker-archive':
      throw new UsageError('docker-archive: can only be a source', {
        hint: 'write oci-archive:FILE, which Docker 25 and later load too',
      });
  }
}

function selectorOf({ name, digest }: Selector): Selector {
  return { name, digest };
}
