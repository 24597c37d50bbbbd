/**
 * Finds what of a storage backend no image names. The backend itself does not know: an object is named by bootstraps alone, so the
 * caller says which images there are.
 */
import type { BlobBackend, StoredBlob, UnfinishedUpload } from '../backend/backend.js';
import { fetchBootstrap } from '../image/bootstrap-layer.js';
import { imageEntries } from '../image/choose.js';
import { dataLayersOf } from '../image/kinds.js';
import { readReference } from '../image/reference-tree.js';
import { openBootstrapInTurns } from '../native/judge.js';
import { type Digest, digestFromHex } from '../oci/digest.js';
import { rafsBlobOf } from '../rafs-builder/model/tree.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

export interface BackendUse {
  /** Images whose bootstraps were read. */
  readonly images: number;
  /** Blobs that these images name and that the backend has. */
  readonly named: number;
  /** In the order of the backend. */
  readonly unnamed: readonly StoredBlob[];
  /** Uploads that no run has ended; one that is running now is among them. */
  readonly unfinished: readonly UnfinishedUpload[];
  /** Blobs that an image names and that the backend does not have. */
  readonly missing: readonly Digest[];
}

/** Removes nothing. Throws when an image cannot be read, since its blobs would count as unnamed. */
export async function backendUse(
  backend: BlobBackend,
  sources: readonly ImageSource[],
  call: CallOptions = {},
): Promise<BackendUse> {
  const wanted = new Set<Digest>();
  let images = 0;
  for (const source of sources) {
    const tree = await readReference(source, call);
    for (const entry of imageEntries(tree)) {
      const image = await tree.image(entry, call);
      if (image.kind !== 'nydus') continue;
      images += 1;
      const { bytes } = await fetchBootstrap(image, call);
      const { bootstrap } = await openBootstrapInTurns(bytes, call.signal);
      // Blobs that the manifest lists lie in the registry.
      if (dataLayersOf(image.manifest.value).length > 0) continue;
      for (const { record } of bootstrap.blobs) wanted.add(digestFromHex(rafsBlobOf(record)));
    }
  }
  const unnamed: StoredBlob[] = [];
  const found = new Set<Digest>();
  for await (const blob of backend.list(call)) {
    if (wanted.has(blob.digest)) found.add(blob.digest);
    else unnamed.push(blob);
  }
  const unfinished: UnfinishedUpload[] = [];
  for await (const upload of backend.unfinished(call)) unfinished.push(upload);
  return {
    images,
    named: found.size,
    unnamed,
    unfinished,
    missing: [...wanted].filter((digest) => !found.has(digest)),
  };
}
