/** What a Nydus image stores: its blobs and their chunks, as its bootstrap says. */
import { type FetchedBootstrap, fetchBootstrap } from '../image/bootstrap-layer.js';
import { chooseImage, type ImageChoice } from '../image/choose.js';
import type { Image } from '../image/image.js';
import { dataLayersOf } from '../image/kinds.js';
import { withDataBlobs } from '../image/stored-blobs.js';
import { readReference } from '../image/reference-tree.js';
import { openBootstrapInTurns } from '../native/judge.js';
import { digestHex } from '../oci/digest.js';
import type { RafsImage } from '../rafs-builder/versions.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ChunkSpace } from './chunk-space.js';

export interface ProfiledBlob {
  /** SHA-256 in hex. */
  readonly id: string;
  /** Bytes of the whole RAFS blob. */
  readonly size: number;
  /** Numbers of the chunks that files refer to, in the order of the blob. */
  readonly chunks: readonly number[];
}

export interface Profile {
  /** Every blob of the manifest once, also those without chunks. */
  readonly blobs: readonly ProfiledBlob[];
  /** Bytes of the bootstrap layer. */
  readonly bootstrapBytes: number;
}

/** A Nydus image whose bootstrap has been read. */
export interface OpenedImage {
  readonly image: Image;
  readonly bootstrap: FetchedBootstrap;
  readonly rafs: RafsImage;
}

/** Throws what `chooseImage` throws, and FormatError for an image without a bootstrap. */
export async function openNydusImage(
  store: ImageSource,
  choice: ImageChoice,
  call: CallOptions,
): Promise<OpenedImage> {
  const tree = await readReference(store, call);
  const listed = await chooseImage(tree, { ...choice, half: 'nydus' }, call);
  const bootstrap = await fetchBootstrap(listed, call);
  const rafs = await openBootstrapInTurns(bootstrap.bytes, call.signal);
  const ids = rafs.bootstrap.blobs.map(({ record }) => record.id);
  return { image: await withDataBlobs(listed, ids, call), bootstrap, rafs };
}

export function profileOf({ image, bootstrap, rafs }: OpenedImage, space: ChunkSpace): Profile {
  const tables = new Map(rafs.bootstrap.blobs.map(({ record, chunks }) => [record.id, chunks]));
  const sizes = new Map(
    dataLayersOf(image.manifest.value).map(({ digest, size }) => [digestHex(digest), size]),
  );
  const blobs = Array.from(sizes, ([id, size]): ProfiledBlob => {
    const table = tables.get(id);
    const indexes = Uint32Array.from(table?.indexes() ?? []).sort();
    const chunks = table === undefined ? [] : Array.from(indexes, (index) => space.numberOf(table, index));
    return { id, size, chunks };
  });
  return { blobs, bootstrapBytes: bootstrap.descriptor.size };
}
