/** Makes an image of ordinary layers from a Nydus image: each layer from its blob, or one layer from all of them. */
import { type Family, familyOf } from '../convert/assemble.js';
import { storedDocument, type StoredDocument } from '../convert/halves.js';
import type { Uploads } from '../convert/uploads.js';
import { ContentMismatchError, FormatError, InternalError, UnsupportedError } from '../errors.js';
import { fetchBootstrap } from '../image/bootstrap-layer.js';
import { type Image, readConfig } from '../image/image.js';
import { bootstrapLayerOf, prefetchBlobOf, recipesLayerOf } from '../image/kinds.js';
import { isBacked } from '../image/stored-blobs.js';
import { mapOrdered } from '../io/concurrency.js';
import { contentOf } from '../io/streams.js';
import { type NydusFilesystem, openNydus } from '../look/nydus.js';
import { openBootstrapInTurns } from '../native/judge.js';
import { type LayerCompression, type RebuiltLayer, rebuiltLayer, type TarUnit } from '../native/rebuilder.js';
import { CREATED_BY } from '../oci/config-edit.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type DiffId, digestHex } from '../oci/digest.js';
import { jsonObjectSteps } from '../oci/json/value.js';
import type { ImageConfig, ListedDescriptor, Manifest } from '../oci/manifest.js';
import { formatPlatform } from '../oci/platform.js';
import { displayName } from '../oci/raw-name.js';
import { blobFeatures } from '../rafs-builder/index.js';
import type { SparseBootstrap } from '../rafs-builder/model/sparse.js';
import type { BlobRecord, TreeNode } from '../rafs-builder/model/tree.js';
import type { ImageTarget, PushOutcome } from '../registry/stores/store.js';
import type { RecipePlace } from '../recipe/collection.js';
import { decodeRecipe } from '../recipe/decode.js';
import type { Recipe } from '../recipe/recipe.js';
import { type CallOptions, reportRead } from '../reporter.js';
import { inTurns } from '../turns.js';
import { keptLayer, originalLayer } from './kept-layer.js';
import { layerType, reversedConfig, reversedManifest } from './documents.js';
import { directoriesInSteps, entriesInSteps } from './entries.js';
import type { ImageToReverse } from './images.js';
import { uploadLayer } from './layer-upload.js';
import type { ReverseOptions } from './options.js';
import { ownTree } from './own-tree.js';
import { secondLook } from './second-look.js';
import { TarRecipes } from './tar-recipes.js';
import { recipeUnits, tarUnits } from './units.js';

const USUAL: LayerCompression = { compressor: 'gzip' };

export interface ReversedLayer {
  readonly layer: Descriptor;
  readonly diffId: DiffId;
  /** The blob that it was made from; undefined for a layer that was squashed, or that is the original one. */
  readonly blob: Descriptor | undefined;
  /** Bytes of the tar. */
  readonly tarBytes: number | undefined;
  /** What is as it was before the conversion: the layer, its tar, made by a recipe, or nothing but its files. */
  readonly exact: 'layer' | 'tar' | 'files';
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
  // A manifest without blobs does not say which layers they were.
  const isSquashed = options.layers === 'squash' || isBacked(image);
  const blobs = isSquashed ? [] : layerBlobs(image.manifest.value, config.value);
  call.reporter?.emit({
    type: 'step',
    message: `${formatPlatform(platform)}: making ${isSquashed ? 'one layer of all files' : 'the layers again, from their blobs'}`,
  });
  const family = familyOf(
    image.manifest.value.mediaType,
    options.oci || options.compression?.compressor === 'zstd',
  );
  const job = { run, image, family, compression: options.compression ?? USUAL };
  const layers = isSquashed ? [await squashed(job)] : await kept(job, blobs);
  const what = `config of manifest ${image.manifest.descriptor.digest}`;
  const newConfig = storedDocument(
    family.config,
    reversedConfig(await inTurns(jsonObjectSteps(config.bytes, what), call.signal), {
      diffIds: layers.map(({ diffId }) => diffId),
      isSquashed,
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
 * The blobs that layers became. Behind them may stand blobs of a dictionary: their history entries
 * are the converter's, or missing.
 */
export function layerBlobs(manifest: Manifest, { history }: ImageConfig): readonly ListedDescriptor[] {
  const added = [bootstrapLayerOf(manifest), recipesLayerOf(manifest), prefetchBlobOf(manifest)];
  const blobs = manifest.layers.filter((layer) => !added.includes(layer));
  const described = history.filter(({ emptyLayer }) => !emptyLayer);
  const own = described.filter(({ raw }) => raw['created_by'] !== CREATED_BY || raw['comment'] === UNTOLD);
  const isSigned = described.some(({ raw }) => raw['created_by'] === CREATED_BY);
  return isSigned ? blobs.slice(0, own.length) : blobs;
}

const UNTOLD = 'Layer without history';

interface ImageJob {
  readonly run: ReverseRun;
  readonly image: Image;
  readonly family: Family;
  readonly compression: LayerCompression;
}

async function kept(job: ImageJob, blobs: readonly ListedDescriptor[]): Promise<readonly ReversedLayer[]> {
  const { run, image } = job;
  const { call } = run.uploads;
  const { root, records } = await readMerged(image, blobs, call);
  const recipes = await TarRecipes.of(image, call);
  // A blob that is listed twice is one layer that is listed twice, unless the tars had other recipes.
  const keys = blobs.map(({ digest }, number) => `${digest} ${recipes.placeOf(number)?.start ?? ''}`);
  const unique = [...new Set(keys)];
  const made = await mapOrdered(
    unique,
    run.options.concurrency,
    async (key, _, signal) => {
      const number = keys.indexOf(key);
      const blob = blobs[number];
      if (blob === undefined) throw new InternalError(`there is no blob ${number}`);
      const own = { ...call, signal };
      const tree = await ownTree(image, blob, own);
      const original = originalLayer(blob, [...records, ...tree.bootstrap.blobs.map(({ record }) => record)]);
      if (original !== undefined)
        return keptLayer(run, { store: image.store, family: job.family }, original, own);
      const layer = { number, blob, tree, merged: root };
      return (await makeByRecipe(job, layer, recipes, own)) ?? makeLayer(job, layer, own);
    },
    call.signal,
  );
  return keys.flatMap((key) => made[unique.indexOf(key)] ?? []);
}

/** The directories and the blobs of the image; its files take no memory while the layers are made. */
async function readMerged(
  image: Image,
  blobs: readonly ListedDescriptor[],
  call: CallOptions,
): Promise<{ readonly root: TreeNode; readonly records: readonly BlobRecord[] }> {
  const { bytes } = await ofBootstrap(image, call, () => fetchBootstrap(image, call));
  const { bootstrap } = await openBootstrapInTurns(bytes, call.signal);
  const records = bootstrap.blobs.map(({ record }) => record);
  const originals = blobs.flatMap((blob) => originalLayer(blob, records) ?? []);
  demandBlobs(bootstrap, image.manifest.value, originals);
  return { root: await inTurns(directoriesInSteps(bootstrap.root), call.signal), records };
}

/** Undefined, with a warning unless there is no recipe, if the layer's recipe does not make the tar that it promises. */
async function makeByRecipe(
  job: ImageJob,
  layer: LayerJob,
  recipes: TarRecipes,
  call: CallOptions,
): Promise<ReversedLayer | undefined> {
  const { number } = layer;
  const place = recipes.placeOf(number);
  if (place === undefined) return undefined;
  try {
    const recipe = await recipes.read(place, call);
    const { diffId } = recipe.head;
    const tar: TarToMake = {
      exact: 'tar',
      how: `made by the recipe of tar ${diffId}`,
      units: (own) =>
        recipeUnits(
          decodeRecipe(recipe, layer.tree.root),
          { store: job.image.store, locate: (file, path) => layer.tree.locate(file, path) },
          own,
        ),
      verify: (made) => {
        if (made.diffId !== diffId)
          throw new FormatError(`the recipe makes a tar with diffID ${made.diffId}, and promises ${diffId}`);
      },
    };
    if (job.run.options.compression !== undefined) return await makeWith(job, layer, tar, call);
    // A bare tar is the layer that it was.
    if (place.form === 'tar')
      return await makeWith(
        { ...job, compression: { compressor: 'none' } },
        layer,
        { ...tar, exact: 'layer' },
        call,
      );
    const same = await makeCompressed(job, layer, { tar, recipe, place }, recipes, call);
    return same ?? (await makeWith(job, layer, tar, call));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    call.reporter?.emit({
      type: 'warning',
      code: 'TAR_RECIPE_USELESS',
      message: `layer ${number + 1}: the tar is made anew, since its recipe cannot be followed: ${error.message}`,
    });
    return undefined;
  }
}

/** A tar with its recipe, and where that is. */
interface KnownTar {
  readonly tar: TarToMake;
  readonly recipe: Recipe;
  readonly place: RecipePlace;
}

/**
 * Compresses a tar as it was. Undefined if that is not recorded, or, with a warning, if the record does not make the layer
 * that the recipe promises.
 */
async function makeCompressed(
  job: ImageJob,
  layer: LayerJob,
  { tar, recipe, place }: KnownTar,
  recipes: TarRecipes,
  call: CallOptions,
): Promise<ReversedLayer | undefined> {
  if (place.compression === undefined) return undefined;
  const { digest } = recipe.head.layer;
  try {
    const record = await recipes.readCompression(place.compression, call);
    return await makeWith(
      { ...job, compression: { compressor: 'gzip', record } },
      layer,
      {
        ...tar,
        exact: 'layer',
        how: `made by the recipe of layer ${digest}`,
        verify: (made) => {
          tar.verify?.(made);
          if (made.digest !== digest)
            throw new FormatError(
              `the record makes a layer with digest ${made.digest}, and promises ${digest}`,
            );
        },
      },
      call,
    );
  } catch (error) {
    // Damaged chunks look the same as a damaged record, and end the next attempt, which does without it.
    if (!(error instanceof FormatError || error instanceof ContentMismatchError)) throw error;
    call.reporter?.emit({
      type: 'warning',
      code: 'LAYER_COMPRESSED_ANEW',
      message: `layer ${layer.number + 1}: the tar is compressed anew, since the record of its compression cannot be followed: ${error.message}`,
    });
    return undefined;
  }
}

function ofBootstrap<T>(image: Image, call: CallOptions, read: () => Promise<T>): Promise<T> {
  const layer = bootstrapLayerOf(image.manifest.value);
  return layer === undefined ? read() : secondLook(image.store, layer, call, read);
}

/** Throws UnsupportedError when the image has chunks outside of its manifest, as with a storage backend: nothing else would say so. */
function demandBlobs(
  { blobs }: SparseBootstrap,
  { layers }: Manifest,
  originals: readonly Descriptor[] = [],
): void {
  const listed = new Set([...layers, ...originals].map(({ digest }) => digestHex(digest)));
  for (const { record, chunks } of blobs) {
    const [first] = chunks.indexes();
    if (first === undefined || listed.has(record.id)) continue;
    throw new UnsupportedError(
      blobFeatures.has(record.features, 'ZRAN')
        ? 'the chunks of the image stay in the layers of the original (zran), of which no other layers are made'
        : `blob ${record.id} is not in the manifest`,
      { hint: 'the original image has these files' },
    );
  }
}

async function squashed(job: ImageJob): Promise<ReversedLayer> {
  const { call } = job.run.uploads;
  const tree = await ofBootstrap(job.image, call, () => openNydus(job.image, call));
  demandBlobs(tree.bootstrap, (tree.image ?? job.image).manifest.value);
  return makeLayer(job, { number: 0, blob: undefined, tree, merged: tree.root }, call);
}

interface LayerJob {
  readonly number: number;
  readonly blob: Descriptor | undefined;
  readonly tree: NydusFilesystem;
  /** The root of the whole image. */
  readonly merged: TreeNode;
}

/** Makes the canonical tar of a layer. */
async function makeLayer(job: ImageJob, layer: LayerJob, call: CallOptions): Promise<ReversedLayer> {
  const { number, tree, merged } = layer;
  const sockets = new Set<string>();
  const units = (own: CallOptions): AsyncGenerator<TarUnit> =>
    tarUnits(
      entriesInSteps(tree.root, merged),
      {
        store: job.image.store,
        locate: (file, path) => tree.locate(file, path),
        onSocket: (path) => sockets.add(displayName(path)),
      },
      own,
    );
  const made = await makeWith(job, layer, { exact: 'files', how: 'turned back into a tar', units }, call);
  if (sockets.size > 0) {
    call.reporter?.emit({
      type: 'warning',
      code: 'SOCKET_LEFT_OUT',
      message: `layer ${number + 1}: a tar holds no sockets, so ${[...sockets].slice(0, 3).join(', ')} ${sockets.size === 1 ? 'is' : 'are'} left out`,
    });
  }
  return made;
}

interface TarToMake {
  readonly exact: ReversedLayer['exact'];
  /** How the tar is made, for a note in the target. */
  readonly how: string;
  readonly units: (call: CallOptions) => AsyncIterable<TarUnit>;
  /** Throws for a tar that must not come into the target. */
  readonly verify?: (made: RebuiltLayer) => void;
}

async function makeWith(
  { run, image, family, compression }: ImageJob,
  { blob }: LayerJob,
  { exact, how, units, verify }: TarToMake,
  call: CallOptions,
): Promise<ReversedLayer> {
  const { threads } = run.options;
  const source = blob ?? whole(image);
  const { descriptor, made, placed } = await uploadLayer(
    run,
    {
      mediaType: layerType(family, compression.compressor),
      note: { of: source.digest, how: `${how}; ${compression.compressor} ${compression.level ?? 'default'}` },
      make: (own) => rebuiltLayer(units(own), compression, threads),
      onBytes: (done) => {
        reportRead(call, source, Math.min(done, source.size - 1));
      },
      ...(verify === undefined ? {} : { verify }),
    },
    call,
  );
  const outcome = await placed;
  reportRead(call, source, source.size);
  return { layer: descriptor, diffId: made.diffId, blob, tarBytes: made.tarSize, exact, outcome };
}

/** Stands for all blobs of an image together. */
function whole({ manifest: { descriptor, value } }: Image): Descriptor {
  return { ...descriptor, size: value.layers.reduce((sum, { size }) => sum + size, 0) };
}
