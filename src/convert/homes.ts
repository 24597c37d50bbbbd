/** Whether source and target lie in one place, so that what is in one can refer to what is in the other. */
import { type Location, repositoryOf } from '../registry/location.js';
import { UsageError } from '../errors.js';
import { hasBackend } from '../registry/stores/store.js';
import { conflictWithOciRef } from './format.js';
import type { ConvertOptions } from './options.js';

/** The repository, folder or file in which a manifest and what refers to it must both lie. */
export function homeOf(place: Location): string {
  return place.kind === 'registry' ? (repositoryOf(place) ?? '') : `${place.kind}:${place.path}`;
}

/** Throws UsageError for what needs blobs in the registry, where they lie in a storage backend. */
export function demandOneHome(
  { ociRef, keepTarRecipe }: Pick<ConvertOptions, 'ociRef' | 'keepTarRecipe'>,
  target: object,
): void {
  if (!hasBackend(target)) return;
  if (ociRef !== 'off')
    throw conflictWithOciRef('a storage backend', 'readers look for the original layers where the blobs are');
  if (keepTarRecipe)
    throw new UsageError(
      'recipes of tars (keepTarRecipe) conflict with a storage backend: the manifest does not say which blob a layer became',
    );
}

/**
 * See `Run.keepsOriginal`; a merged index has the layers anyway. Archives are written anew, and tools remove what nothing in a folder names,
 * so there the layers must be named even beside the original.
 */
export function keepsOriginalLayers(
  { ociRef, mergePlatform }: Pick<ConvertOptions, 'ociRef' | 'mergePlatform'>,
  source: Location,
  target: Location,
): boolean {
  const isElsewhere = target.kind !== 'registry' || homeOf(source) !== homeOf(target);
  return ociRef !== 'off' && !mergePlatform && isElsewhere;
}
