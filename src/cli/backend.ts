/** Opens the storage backends that flags name, with the proxies and authorities of the environment. */
import type { BlobBackend } from '../backend/backend.js';
import { readSmallFile } from '../io/file-range.js';
import type { OpenOptions } from '../registry/open.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { BackendPlace } from './flags/backend.js';

/** Bytes of a file of settings at most. */
const MAX_CONFIG = 1024 * 1024;

/** Throws UsageError for settings that make no sense, and LocalIoError for a file that is not there. */
export async function openPlace({ type, config }: BackendPlace, options: OpenOptions): Promise<BlobBackend> {
  const [{ parseBackendConfig }, { openBackend }] = await Promise.all([
    import('../backend/config.js'),
    import('../backend/open.js'),
  ]);
  const text =
    'text' in config ? config.text : (await readSmallFile(config.file, MAX_CONFIG)).toString('utf8');
  return openBackend(parseBackendConfig(type, text), options);
}

/** The source with its backend, if it has one; closed together. */
export async function backedSource(
  source: ImageSource,
  place: BackendPlace | undefined,
  options: OpenOptions,
): Promise<ImageSource> {
  if (place === undefined) return source;
  const { withBackend } = await import('../backend/stores.js');
  return withBackend(source, await openPlace(place, options));
}

/** The target with its backend, if it has one; closed together. `force` sends blobs that are there, too. */
export async function backedTarget(
  target: ImageTarget,
  place: BackendPlace | undefined,
  options: OpenOptions,
  force: boolean,
): Promise<ImageTarget> {
  if (place === undefined) return target;
  const { withBackendTarget } = await import('../backend/stores.js');
  return withBackendTarget(target, await openPlace(place, options), { force });
}
