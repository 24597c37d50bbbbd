/**
 * Makes the documents of a converted image: those of the Nydus half and, in a merged index, of the half for all other
 * clients.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { ownDigests } from '../image/identity.js';
import { contentOf } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type DiffId, sha256 } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import { EMPTY_LAYER_BYTES, EMPTY_LAYER_DIGEST } from '../oci/nydus.js';
import { hasBackend } from '../registry/stores/store.js';
import { familyOf, nydusManifest } from './assemble.js';
import { bootstrapLayer } from './bootstrap-layer.js';
import { nydusConfigSteps } from '../oci/config-edit.js';
import { emptyLayerSteps } from '../oci/empty-layer.js';
import { collectRecipes, type FramedRecipe } from '../recipe/collection.js';
import { inTurns } from '../turns.js';
import type { UsedBlob } from './dictionary.js';
import type { CompleteBlob } from './layer.js';
import type { Run } from './run.js';
import { jsonObjectSteps } from '../oci/json/value.js';

import { originText } from './origin.js';
import type { SourceImage } from './source-images.js';
import type { Uploads } from './uploads.js';

/** The bytes of a document that this run wrote, and its descriptor. */
export interface StoredDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export interface Half {
  readonly manifest: StoredDocument;
  readonly config: StoredDocument;
}

/** `refers`: its chunks stay in the source's layer. */
type OwnBlob = CompleteBlob & { readonly refers?: boolean };

export interface NydusParts {
  /** In the places of the source's layers; or one for all of them. */
  readonly blobs: readonly OwnBlob[];
  /** Blobs of the dictionary, which follow those of the layers. */
  readonly borrowed: readonly UsedBlob[];
  /** The recipes of the layers' tars, in the places of the layers; undefined if none are kept. */
  readonly recipes?: readonly (FramedRecipe | undefined)[] | undefined;
  readonly bootstrap: Uint8Array;
}

/** Where blobs lie in a storage backend, the documents are sent when all of them are there. */
export async function assembleNydus(
  { target, options, uploads, keepsOriginal }: Run,
  image: SourceImage,
  { blobs: own, borrowed, recipes, bootstrap }: NydusParts,
): Promise<{ readonly nydus: Half; readonly bootstrapLayerBytes: number; readonly recipeBytes: number }> {
  // Readers look for records under the name of the file that holds the chunks, so those of a blob that refers to a layer
  // would only take room.
  const kept = own.map((blob) =>
    blob.refers === true && options.ociRef !== 'upstream' ? { ...blob, blobMeta: undefined } : blob,
  );
  const metas = [...kept, ...borrowed].flatMap(({ digest, blobMeta }) =>
    blobMeta === undefined || blobMeta.length === 0 ? [] : [{ blob: digest, bytes: blobMeta }],
  );
  const last = await bootstrapLayer(bootstrap, metas);
  const source = image.manifest;
  const family = familyOf(source.value.mediaType, options.oci);
  const what = `manifest ${source.descriptor.digest}`;
  const isBacked = hasBackend(target);
  const all = [
    ...own.map((blob, place) => ({
      ...blob,
      ref: options.ociRef === 'off' ? undefined : source.value.layers[place]?.digest,
    })),
    ...borrowed,
  ];
  const blobs = isBacked ? [] : all;
  const collected = recipes === undefined ? undefined : collectRecipes(recipes);
  const digestOfRecipes = collected === undefined ? undefined : sha256(collected.bytes);
  const config = storedDocument(
    options.mergePlatform ? MEDIA.nydusConfig : family.config,
    // No client decompresses a blob, so its diffID is its digest.
    await inTurns(
      nydusConfigSteps(
        image.config.bytes,
        blobs.map(({ digest }) => digest as string as DiffId),
        isBacked
          ? { bootstrap: last.diffId, alone: true }
          : {
              bootstrap: last.diffId,
              borrowed: borrowed.length,
              recipes: digestOfRecipes as string | undefined as DiffId | undefined, // as that of a blob
            },
        `config of ${what}`,
      ),
    ),
  );
  // Each of these steps reads a whole document, which takes its time with a large one.
  await turn();
  const json = await inTurns(jsonObjectSteps(source.bytes, what));
  await turn();
  const manifest = storedDocument(
    family.manifest,
    nydusManifest({
      source: json,
      sourceDigest: source.descriptor.digest,
      sourceReference: originText(image.origin),
      ownDigests: ownDigests(source),
      family,
      merged: options.mergePlatform,
      config: config.descriptor,
      blobs,
      recipes:
        collected === undefined || digestOfRecipes === undefined
          ? undefined
          : { digest: digestOfRecipes, size: collected.bytes.length, index: collected.index },
      bootstrap: {
        digest: last.digest,
        size: last.bytes.length,
        ...(isBacked ? { diffId: last.diffId } : {}),
      },
      fsVersion: options.fsVersion,
      subject: options.withReferrer || keepsOriginal ? source.descriptor : undefined,
    }),
  );
  if (isBacked) await uploads.settle();
  start(uploads, { mediaType: family.layer, digest: last.digest, size: last.bytes.length }, last.bytes);
  if (collected !== undefined && digestOfRecipes !== undefined) {
    const { bytes } = collected;
    start(uploads, { mediaType: MEDIA.nydusBlob, digest: digestOfRecipes, size: bytes.length }, bytes);
  }
  start(uploads, config.descriptor, config.bytes);
  return {
    nydus: { manifest, config },
    bootstrapLayerBytes: last.bytes.length,
    recipeBytes: collected?.bytes.length ?? 0,
  };
}

/** Makes the image for clients without Nydus. Its layers are in the target already, or are being pushed. */
export async function assembleOci(
  { options, uploads }: Run,
  image: SourceImage,
): Promise<Half & { readonly addedBytes: number }> {
  await turn();
  const { manifest, config } = image;
  if (options.mergeIsolation === 'none') {
    start(uploads, config.descriptor, config.bytes);
    return { manifest, config, addedBytes: 0 };
  }
  const family = familyOf(manifest.value.mediaType, false);
  const bytes = await inTurns(
    emptyLayerSteps(
      { manifest: manifest.bytes, config: config.bytes },
      family.layer,
      `manifest ${manifest.descriptor.digest}`,
    ),
  );
  const added = { mediaType: family.layer, digest: EMPTY_LAYER_DIGEST, size: EMPTY_LAYER_BYTES.length };
  const newConfig = storedDocument(config.descriptor.mediaType, bytes.config);
  start(uploads, added, EMPTY_LAYER_BYTES);
  start(uploads, newConfig.descriptor, newConfig.bytes);
  return {
    manifest: storedDocument(manifest.descriptor.mediaType, bytes.manifest),
    config: newConfig,
    addedBytes: added.size,
  };
}

/** Starts the push of what names the original layers, so that they stay as long as what names them. */
export function keepOriginal({ uploads }: Run, { manifest, config }: SourceImage): StoredDocument {
  start(uploads, config.descriptor, config.bytes);
  return manifest;
}

/** Starts a push and leaves its failure to `settle`. */
function start(uploads: Uploads, descriptor: Descriptor, bytes: Uint8Array): void {
  uploads.push(descriptor, contentOf(bytes)).catch(() => undefined);
}

export function storedDocument(mediaType: string, bytes: Uint8Array): StoredDocument {
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, bytes };
}
