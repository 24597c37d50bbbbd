/** From a location to a filesystem: the right image of an index, its bootstrap or its layers. */
import type { RawPath } from '../oci/raw-name.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { Filesystem } from './filesystem.js';
import { chooseImage, readReference, type ImageChoice, type LookedImage } from './images.js';
import { openLayered } from './layered.js';
import { openNydus } from './nydus.js';

export interface LookOptions extends ImageChoice {
  /** The one path that matters: of an ordinary image, layers below the one that decides about it are not pulled. */
  readonly path?: RawPath | undefined;
  /** Whether `path` is followed when it is a symbolic link; it is, by default. */
  readonly follow?: boolean | undefined;
  /** Bytes; how the files of an ordinary image are cut for digests. 1 MiB by default. */
  readonly chunkSize?: number | undefined;
  /** Told what is about to be read, once it is known. */
  readonly onImage?: ((image: LookedImage) => void) | undefined;
}

/**
 * Opens the filesystem of an image. Of a Nydus image the bootstrap layer is fetched and nothing else; of an ordinary one the
 * layers. Throws UsageError when `options` mean no image or several, NydusErrors of the store, FormatError.
 */
export async function openFilesystem(
  source: ImageSource,
  options: LookOptions = {},
  call: CallOptions = {},
): Promise<Filesystem> {
  const reference = await readReference(source, call);
  const image = await chooseImage(reference, options, call);
  options.onImage?.(image);
  return image.kind === 'nydus' ? openNydus(image, call) : openLayered(image, options, call);
}

/** Bytes of the image in its registry: manifest, config and layers, each content once. */
export function imageBytes({ manifest, entry }: LookedImage): number {
  const { config, layers } = manifest.value;
  const parts = new Map([entry, config, ...layers].map(({ digest, size }) => [digest, size]));
  return [...parts.values()].reduce((sum, size) => sum + size, 0);
}
