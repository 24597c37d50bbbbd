/** Original layers that chunks stay in (zran): they are in the repository of the image, and come back as they are. */
import type { Family } from '../convert/assemble.js';
import { ContentMismatchError, UnsupportedError } from '../errors.js';
import { openImageScanner } from '../native/scanner.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestHex, isDigest } from '../oci/digest.js';
import type { ListedDescriptor } from '../oci/manifest.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import { blobFeatures } from '../rafs-builder/index.js';
import type { BlobRecord } from '../rafs-builder/model/tree.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ReversedLayer, ReverseRun } from './rebuild.js';
import { layerType } from './documents.js';
import { placeLayer } from './relink.js';

/**
 * The layer that the chunks of a blob stay in, by the annotation of the blob. Its size is in the records of the image's bootstrap or, for a blob
 * that no file of the image uses, of the blob's own. Undefined for a blob that stores its chunks, and for one without any.
 */
export function originalLayer(
  { annotations }: ListedDescriptor,
  records: readonly BlobRecord[],
): Descriptor | undefined {
  const digest = annotations?.[ANNOTATION.nydusRef];
  if (digest === undefined || !isDigest(digest)) return undefined;
  const found = records.find(
    ({ id, features }) => blobFeatures.has(features, 'SEPARATE') && id === digestHex(digest),
  );
  return found && { mediaType: MEDIA.ociLayerGzip, digest, size: found.compressedSize };
}

/** Places the layer, and reads it once: nothing else says what its diffID is. Throws UnsupportedError when it is not there. */
export async function keptLayer(
  run: ReverseRun,
  { store, family }: { readonly store: ImageSource; readonly family: Family },
  layer: Descriptor,
  call: CallOptions,
): Promise<ReversedLayer> {
  if (!(await store.exists(layer, call)))
    throw new UnsupportedError(
      `the chunks of the image stay in layer ${layer.digest} of the original (zran), which is not in ${store.location}`,
      { hint: 'copy the image together with its original layers' },
    );
  using scanner = openImageScanner({ chunkSize: 0x10_0000, dedup: 'layer', threads: 1, budget: call.budget });
  const reading = scanner.openLayer(0);
  let isTar = false;
  let isFirst = true;
  try {
    for await (const bytes of store.fetch(layer, call)) {
      if (isFirst) isTar = bytes[0] !== 0x1f || bytes[1] !== 0x8b;
      isFirst = false;
      await reading.write(bytes);
    }
    const { diffId, source, stats } = await reading.finish();
    if (source.digest !== layer.digest)
      throw new ContentMismatchError(
        `layer ${layer.digest}: bytes with digest ${source.digest ?? 'unknown'} came`,
      );
    const outcome = await placeLayer(run, store, layer);
    return {
      layer: { ...layer, mediaType: layerType(family, isTar ? 'none' : 'gzip') },
      diffId,
      blob: undefined,
      tarBytes: stats.tarBytes,
      exact: 'layer',
      outcome,
    };
  } finally {
    reading.abort();
  }
}
