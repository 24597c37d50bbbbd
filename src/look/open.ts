/** Opens the filesystem of an image: it chooses the image of an index, then reads its bootstrap or its layers. */
import { tmpdir } from 'node:os';
import { chooseImage, type ImageChoice } from '../image/choose.js';
import type { Image } from '../image/image.js';
import { readReference } from '../image/reference-tree.js';
import { underSignal } from '../io/abort.js';
import type { RawPath } from '../oci/raw-name.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ChunkedFilesystem, Filesystem } from './filesystem.js';
import { openLayered } from './layered.js';
import { openNydus } from './nydus.js';
import { openSpooled } from './spooled.js';

export interface LookOptions extends ImageChoice {
  /** The only path of interest. Layers of an ordinary image below the one that decides about it are not pulled. */
  readonly path?: RawPath | undefined;
  /** True by default: `path` is followed when it is a symbolic link. */
  readonly follow?: boolean | undefined;
  /** Bytes by which the files of an ordinary image are cut for digests; 1 MiB by default. */
  readonly chunkSize?: number | undefined;
  /** Called with the chosen image before its layers are read. */
  readonly onImage?: ((image: Image) => void) | undefined;
}

/**
 * Opens the filesystem of an image. It fetches only the bootstrap layer of a Nydus image, and the layers of an ordinary
 * one. Throws UsageError when `options` match no image or several, NydusErrors of the store, and FormatError.
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

export interface ChunkedOptions extends ImageChoice, Pick<LookOptions, 'onImage'> {
  /** The folder for the files of an ordinary image, which is pulled at once; that of temporary files by default. */
  readonly workDir?: string | undefined;
}

/**
 * Opens an image of which many files will be read: chunks of a Nydus image are fetched when they are asked for, and those of an
 * ordinary one lie in a temporary folder until the filesystem is disposed of.
 */
export async function openChunked(
  source: ImageSource,
  options: ChunkedOptions = {},
  call: CallOptions = {},
): Promise<ChunkedFilesystem & AsyncDisposable> {
  return underSignal(call.signal, async () => {
    const tree = await readReference(source, call);
    const image = await chooseImage(tree, options, call);
    options.onImage?.(image);
    return image.kind === 'nydus'
      ? openNydus(image, call)
      : openSpooled(image, options.workDir ?? tmpdir(), call);
  });
}

/** Bytes of the image in its registry: manifest, config and layers, each digest once. */
export function imageBytes({ manifest }: Image): number {
  const { config, layers } = manifest.value;
  const parts = new Map([manifest.descriptor, config, ...layers].map(({ digest, size }) => [digest, size]));
  return [...parts.values()].reduce((sum, size) => sum + size, 0);
}
