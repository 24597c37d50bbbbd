/**
 * Images that cannot become RAFS images: those of other systems, which nothing mounts RAFS on, and those whose layers are not there to
 * be read, or are described in two ways. `convert` passes them by, and `check` does not ask for their Nydus halves.
 */
import type { Descriptor, Platform } from '../oci/descriptor.js';
import type { ListedDescriptor, Manifest } from '../oci/manifest.js';
import { MEDIA } from '../oci/media-types.js';

export interface Obstacle {
  /** A sentence without full stop. */
  readonly reason: string;
  readonly hint: string;
}

/** The first reason against converting the image; undefined when there is none. An image that names no system counts as one for Linux. */
export function obstacleOf({ layers }: Manifest, { os }: Pick<Platform, 'os'>): Obstacle | undefined {
  if (os !== '' && os.toLowerCase() !== 'linux') {
    return {
      reason: `the image is for ${os}, and RAFS is mounted by Linux alone`,
      hint: 'choose an image for Linux',
    };
  }
  const sizes = new Map<string, number>();
  for (const [i, layer] of layers.entries()) {
    const { digest, size } = layer;
    // A layer is read once, so a second descriptor that contradicts the first would never be compared with it.
    if ((sizes.get(digest) ?? size) !== size) {
      return { reason: `layer ${digest} is listed with two sizes`, hint: 'the image has to be made anew' };
    }
    sizes.set(digest, size);
    const obstacle = layerObstacle(layer, `layer ${i + 1} of ${layers.length} (${layer.digest})`);
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}

/** True for a layer that its registry need not hold: clients fetch it from the addresses in its descriptor. */
export function liesOutside({ mediaType, raw }: Pick<ListedDescriptor, 'mediaType' | 'raw'>): boolean {
  const urls = raw['urls'];
  return (
    mediaType === MEDIA.dockerForeignLayer ||
    mediaType.includes('.nondistributable.') ||
    (Array.isArray(urls) && urls.length > 0)
  );
}

function layerObstacle(layer: ListedDescriptor, place: string): Obstacle | undefined {
  const { mediaType } = layer;
  if (liesOutside(layer)) {
    return {
      reason: `${place} lies outside of its registry (${mediaType})`,
      hint: 'images with foreign layers, such as those of Windows, cannot be converted',
    };
  }
  if (mediaType.endsWith('+encrypted')) {
    return { reason: `${place} is encrypted (${mediaType})`, hint: 'decrypt the image first' };
  }
  if (!isTar(layer)) {
    return {
      reason: `${place} is no file system (${mediaType})`,
      hint: 'images whose layers are tar archives can be converted',
    };
  }
  return undefined;
}

/** By the name of the type; an untyped layer may be anything, and its bytes decide. */
function isTar({ mediaType }: Pick<Descriptor, 'mediaType'>): boolean {
  return mediaType.includes('tar') || mediaType === MEDIA.untypedConfig;
}
