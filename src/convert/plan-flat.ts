/**
 * Plans an image that is to be flattened. Only its layers tell what a container sees of them, so they are read and packed, and nothing
 * is stored.
 */
import type { Digest } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ImageReport } from './convert.js';
import type { LeftOut } from './flat-image.js';
import type { ConvertOptions } from './options.js';
import { convertOnPaper } from './paper.js';

/** The blob that would hold what a container sees of a layer. */
export interface PlannedFlatLayer {
  /** Exact, unlike those of other plans. 0 if the blob of a lower layer holds it. */
  readonly blobBytes: number;
  readonly blob: 'push' | 'present';
  readonly leftOut: LeftOut | undefined;
}

/** By the digest of the image's manifest, the blobs of its layers by the layers' digests. */
export type PlannedFlatImages = ReadonlyMap<Digest, ReadonlyMap<Digest, PlannedFlatLayer>>;

/** Undefined if the image is not to be flattened. */
export async function planFlattened(
  source: ImageSource,
  options: ConvertOptions,
  target: ImageSource | undefined,
  call: CallOptions,
): Promise<PlannedFlatImages | undefined> {
  if (options.flatten === 'none') return undefined;
  const { result } = await convertOnPaper(source, { ...options, mergePlatform: false }, call);
  const images = new Map<Digest, ReadonlyMap<Digest, PlannedFlatLayer>>();
  for (const { source: manifest, layers } of result.images)
    images.set(manifest.digest, await planLayers(layers, target, call));
  return images;
}

async function planLayers(
  layers: ImageReport['layers'],
  target: ImageSource | undefined,
  call: CallOptions,
): Promise<ReadonlyMap<Digest, PlannedFlatLayer>> {
  const planned = new Map<Digest, PlannedFlatLayer>();
  const counted = new Set<Digest>();
  for (const { source, blob, leftOut } of layers) {
    if (planned.has(source.digest)) continue;
    const isThere = (await target?.exists({ ...blob, mediaType: MEDIA.nydusBlob }, call)) === true;
    const blobBytes = counted.has(blob.digest) ? 0 : blob.size;
    counted.add(blob.digest);
    planned.set(source.digest, { blobBytes, blob: isThere ? 'present' : 'push', leftOut });
  }
  return planned;
}
