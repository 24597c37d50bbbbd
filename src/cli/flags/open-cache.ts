/** Opens the build cache that the flags name. */
import type { ImageSource, ImageTarget } from '../../registry/stores/store.js';
import type { CliContext } from '../context.js';
import { openOptions, type RunSettings } from './environment.js';
import type { ConvertRequest } from './options.js';

/** A cache that is only read is opened for that alone, since its registry may give no more. */
export async function openCache(
  { cache }: Pick<ConvertRequest, 'cache'>,
  settings: RunSettings,
  { env }: Pick<CliContext, 'env'>,
): Promise<ImageTarget | ImageSource | undefined> {
  if (cache?.location === undefined) return undefined;
  const { openSource, openTarget } = await import('../../registry/open.js');
  const options = await openOptions(env, cache.registry, settings);
  const { location, mode } = cache;
  return mode === 'ro' ? openSource(location, options) : openTarget(location, options);
}
