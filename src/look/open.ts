/** From a location to a filesystem: the right image of an index, its bootstrap or its layers. */
import { chooseImage, type ImageChoice } from '../image/choose.js';
import type { Image } from '../image/image.js';
import { readReference } from '../image/reference-tree.js';
import { underSignal } from '../io/abort.js';
import type { RawPath } from '../oci/raw-name.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { Filesystem } from './filesystem.js';
import { openLayered } from './layered.js';
import { openNydus } from './nydus.js';

export interface LookOptions extends ImageChoice {
  /** The one path that matters: of an ordinary image, layers below the one that decides about it are not pulled. */
  readonly path?: RawPath | undefined;
  /** Whether `path` is followed when it is a symbolic link; it is, by default. */
  readonly follow?: boolean | undefined;
  /** Bytes; the files of an ordinary image are cut by it for digests. 1 MiB by default. */
  readonly chunkSize?: number | undefined;
  /** Called with the chosen image before its layers are read. */
  readonly onImage?: ((image: Image) => void) | undefined;
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
  return underSignal(call.signal, async () => {
    const tree = await readReference(source, call);
    const image = await chooseImage(tree, options, call);
    options.onImage?.(image);
    return image.kind === 'nydus' ? openNydus(image, call) : openLayered(image, options, call);
  });
}

/** Bytes of the image in its registry: manifest, config and layers, each content once. */
export function imageBytes({ manifest }: Image): number {
  const { config, layers } = manifest.value;
  const parts = new Map([manifest.descriptor, config, ...layers].map(({ digest, size }) => [digest, size]));
  return [...parts.values()].reduce((sum, size) => sum + size, 0);
}
