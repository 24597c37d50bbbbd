/** Makes an image of ordinary layers from a Nydus image: each layer from its blob, or one layer from all of them. */
import { familyOf } from '../convert/assemble.js';
import { storedDocument, type StoredDocument } from '../convert/halves.js';
import type { Uploads } from '../convert/uploads.js';
import { UnsupportedError } from '../errors.js';
import { fetchBootstrap } from '../image/bootstrap-layer.js';
import { type Image, readConfig } from '../image/image.js';
import { bootstrapLayerOf } from '../image/kinds.js';
import { mapOrdered } from '../io/concurrency.js';
import { contentOf } from '../io/streams.js';
import { type NydusFilesystem, openNydus } from '../look/nydus.js';
import { openBootstrapInTurns } from '../native/judge.js';
import { rebuiltLayer } from '../native/rebuilder.js';
import { CREATED_BY } from '../oci/config-edit.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type DiffId, digestHex } from '../oci/digest.js';
import { jsonObjectSteps } from '../oci/json/value.js';
import type { ImageConfig, ListedDescriptor, Manifest } from '../oci/manifest.js';
import { formatPlatform } from '../oci/platform.js';
import { displayName } from '../oci/raw-name.js';
import { blobFeatures } from '../rafs-builder/index.js';
import type { SparseBootstrap } from '../rafs-builder/model/sparse.js';
import type { TreeNode } from '../rafs-builder/model/tree.js';
import type { ImageTarget, PushOutcome } from '../registry/stores/store.js';
import { type CallOptions, reportRead } from '../reporter.js';
import { inTurns } from '../turns.js';
import { layerType, reversedConfig, reversedManifest } from './documents.js';
import { entriesInSteps } from './entries.js';
import type { ImageToReverse } from './images.js';
import { uploadLayer } from './layer-upload.js';
import type { ReverseOptions } from './options.js';
import { ownTree } from './own-tree.js';
import { secondLook } from './second-look.js';
import { tarUnits } from './units.js';

export interface ReversedLayer {
  readonly layer: Descriptor;
  readonly diffId: DiffId;
  /** The blob that it was made from; undefined for a layer that was squashed, or that is the original one. */
  readonly blob: Descriptor | undefined;
  /** Bytes of the tar. */
  readonly tarBytes: number | undefined;
  readonly outcome: PushOutcome;
}

export interface RebuiltImage {
  readonly manifest: StoredDocument;
  readonly config: StoredDocument;
  readonly layers: readonly ReversedLayer[];
}

/** What the images of a run share. */
export interface ReverseRun {
  readonly target: ImageTarget;
  readonly uploads: Uploads;
  readonly options: ReverseOptions;
}

/** The layers are in the target when it returns, and the config is being sent. */
export async function rebuildImage(
  run: ReverseRun,
  { nydus: image, platform }: ImageToReverse & { readonly nydus: Image },
): Promise<RebuiltImage> {
  const { options, uploads } = run;
  const { call } = uploads;
  const config = await readConfig(image, call);
  const blobs = options.layers === 'squash' ? [] : layerBlobs(image.manifest.value, config.value);
  call.reporter?.emit({
    type: 'step',
    message: `${formatPlatform(platform)}: making ${options.layers === 'squash' ? 'one layer of all files' : 'the layers again, from their blobs'}`,
  });
  const family = familyOf(
    image.manifest.value.mediaType,
    options.oci || options.compression.compressor === 'zstd',
  );
  const mediaType = layerType(family, options.compression.compressor);
  const job = { run, image, mediaType };
  const layers = options.layers === 'squash' ? [await squashed(job)] : await kept(job, blobs);
  const what = `config of manifest ${image.manifest.descriptor.digest}`;
  const newConfig = storedDocument(
    family.config,
    reversedConfig(await inTurns(jsonObjectSteps(config.bytes, what), call.signal), {
      diffIds: layers.map(({ diffId }) => diffId),
      isSquashed: options.layers === 'squash',
    }),
  );
  uploads.push(newConfig.descriptor, contentOf(newConfig.bytes)).catch(() => undefined); // `settle` reports it
  const manifest = storedDocument(
    family.manifest,
    reversedManifest(await inTurns(jsonObjectSteps(image.manifest.bytes, what), call.signal), {
      family,
      config: newConfig.descriptor,
      layers: layers.map(({ layer }) => layer),
    }),
  );
  return { manifest, config: newConfig, layers };
}

/**
 * The blobs that layers became. Behind them may stand blobs of a dictionary, and one of files to load first: their history entries
 * are the converter's, or missing.
 */
function layerBlobs(manifest: Manifest, { history }: ImageConfig): readonly ListedDescriptor[] {
  const bootstrap = bootstrapLayerOf(manifest);
  const blobs = manifest.layers.filter((layer) => layer !== bootstrap);
  const described = history.filter(({ emptyLayer }) => !emptyLayer);
  const own = described.filter(({ raw }) => raw['created_by'] !== CREATED_BY || raw['comment'] === UNTOLD);
  const isSigned = described.some(({ raw }) => raw['created_by'] === CREATED_BY);
  return isSigned ? blobs.slice(0, own.length) : blobs;
}

const UNTOLD = 'Layer without history';

interface ImageJob {
  readonly run: ReverseRun;
  readonly image: Image;
  readonly mediaType: string;
}

async function kept(job: ImageJob, blobs: readonly ListedDescriptor[]): Promise<readonly ReversedLayer[]> {
  const { run, image } = job;
  const { call } = run.uploads;
  const { bytes } = await ofBootstrap(image, call, () => fetchBootstrap(image, call));
  const { bootstrap } = await openBootstrapInTurns(bytes, call.signal);
  demandBlobs(bootstrap, image.manifest.value);
  // A blob that is listed twice is one layer that is listed twice.
  const unique = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
  const made = await mapOrdered(
    unique,
    run.options.concurrency,
    async (blob, _, signal) => {
      const own = { ...call, signal };
      const tree = await ownTree(image, blob, own);
      return makeLayer(job, { number: blobs.indexOf(blob), blob, tree, merged: bootstrap.root }, own);
    },
    call.signal,
  );
  const layers = new Map(unique.map(({ digest }, i) => [digest, made[i]]));
  return blobs.flatMap(({ digest }) => layers.get(digest) ?? []);
}

function ofBootstrap<T>(image: Image, call: CallOptions, read: () => Promise<T>): Promise<T> {
  const layer = bootstrapLayerOf(image.manifest.value);
  return layer === undefined ? read() : secondLook(image.store, layer, call, read);
}

/** Throws UnsupportedError when the image has chunks outside of its manifest, as with a storage backend: nothing else would say so. */
function demandBlobs({ blobs }: SparseBootstrap, { layers }: Manifest): void {
  const listed = new Set(layers.map(({ digest }) => digestHex(digest)));
  for (const { record, chunks } of blobs) {
    const [first] = chunks.indexes();
    if (first === undefined || listed.has(record.id)) continue;
    throw new UnsupportedError(
      blobFeatures.has(record.features, 'ZRAN')
        ? 'the chunks of the image stay in the layers of the original (zran), which are not made again'
        : `blob ${record.id} is not in the manifest`,
      { hint: 'the original image has these files' },
    );
  }
}

async function squashed(job: ImageJob): Promise<ReversedLayer> {
  const { call } = job.run.uploads;
  const tree = await ofBootstrap(job.image, call, () => openNydus(job.image, call));
  demandBlobs(tree.bootstrap, job.image.manifest.value);
  return makeLayer(job, { number: 0, blob: undefined, tree, merged: tree.root }, call);
}

interface LayerJob {
  readonly number: number;
  readonly blob: Descriptor | undefined;
  readonly tree: NydusFilesystem;
  /** The root of the whole image. */
  readonly merged: TreeNode;
}

async function makeLayer(
  { run, image, mediaType }: ImageJob,
  { number, blob, tree, merged }: LayerJob,
  call: CallOptions,
): Promise<ReversedLayer> {
  const { options } = run;
  const { compression, threads } = options;
  const source = blob ?? whole(image);
  const sockets = new Set<string>();
  const { descriptor, made, placed } = await uploadLayer(
    run,
    {
      mediaType,
      note: {
        of: source.digest,
        how: `turned back into a tar; ${compression.compressor} ${compression.level ?? 'default'}`,
      },
      make: (own) => {
        const units = tarUnits(
          entriesInSteps(tree.root, merged),
          {
            store: image.store,
            locate: (file, path) => tree.locate(file, path),
            onSocket: (path) => sockets.add(displayName(path)),
          },
          own,
        );
        return rebuiltLayer(units, compression, threads);
      },
      onBytes: (done) => {
        reportRead(call, source, Math.min(done, source.size - 1));
      },
    },
    call,
  );
  if (sockets.size > 0) {
    call.reporter?.emit({
      type: 'warning',
      code: 'SOCKET_LEFT_OUT',
      message: `layer ${number + 1}: a tar holds no sockets, so ${[...sockets].slice(0, 3).join(', ')} ${sockets.size === 1 ? 'is' : 'are'} left out`,
    });
  }
  const outcome = await placed;
  reportRead(call, source, source.size);
  return { layer: descriptor, diffId: made.diffId, blob, tarBytes: made.tarSize, outcome };
}

/** Stands for all blobs of an image together. */
function whole({ manifest: { descriptor, value } }: Image): Descriptor {
  return { ...descriptor, size: value.layers.reduce((sum, { size }) => sum + size, 0) };
}
