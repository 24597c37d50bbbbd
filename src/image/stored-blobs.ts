/** Blobs that lie in a storage backend. The manifest does not list them, so the bootstrap names them, and the backend knows their sizes. */
import { mapOrdered } from '../io/concurrency.js';
import { digestFromHex, digestHex, type Digest } from '../oci/digest.js';
import type { ListedDescriptor } from '../oci/manifest.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import { hasBackend } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { Image } from './image.js';
import { dataLayersOf } from './kinds.js';

/** Requests at a time. */
const CONCURRENCY = 4;

export interface DataBlobs {
  readonly blobs: readonly ListedDescriptor[];
  /** Blobs that the backend does not have. */
  readonly missing: readonly Digest[];
}

/** True if the image's blobs are to be found in the storage backend of its store. */
export function isBacked({ store, kind, manifest }: Pick<Image, 'store' | 'kind' | 'manifest'>): boolean {
  return kind === 'nydus' && dataLayersOf(manifest.value).length === 0 && hasBackend(store);
}

/** The data layers of a Nydus image; of one in a storage backend the blobs with these ids, in this order. */
export async function dataBlobs(
  image: Pick<Image, 'store' | 'kind' | 'manifest'>,
  ids: Iterable<string>,
  call: CallOptions,
): Promise<DataBlobs> {
  const { store, manifest } = image;
  if (!isBacked(image) || !hasBackend(store)) return { blobs: dataLayersOf(manifest.value), missing: [] };
  const digests = [...new Set(ids)].map(digestFromHex);
  const sizes = await mapOrdered(
    digests,
    CONCURRENCY,
    (digest, _, signal) => store.sizeInBackend(digest, { ...call, signal }),
    call.signal,
  );
  const blobs: ListedDescriptor[] = [];
  const missing: Digest[] = [];
  for (const [i, digest] of digests.entries()) {
    const size = sizes[i];
    if (size === undefined) missing.push(digest);
    else blobs.push(dataBlob(digest, size));
  }
  return { blobs, missing };
}

function dataBlob(digest: Digest, size: number): ListedDescriptor {
  const annotations = { [ANNOTATION.nydusBlob]: 'true' };
  return { mediaType: MEDIA.nydusBlob, digest, size, annotations, raw: {} };
}

/** The image with its blobs among the layers, for verbs that look for them there. */
export async function withDataBlobs<I extends Image>(
  image: I,
  ids: Iterable<string>,
  call: CallOptions,
): Promise<I> {
  if (!isBacked(image)) return image;
  const { blobs } = await dataBlobs(image, ids, call);
  const { manifest } = image;
  const listed = new Set(blobs.map(({ digest }) => digestHex(digest)));
  const last = manifest.value.layers.filter(({ digest }) => !listed.has(digestHex(digest)));
  return { ...image, manifest: { ...manifest, value: { ...manifest.value, layers: [...blobs, ...last] } } };
}
