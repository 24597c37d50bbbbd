/** The manifest and the config of an image that a blob was put on. Members that nothing here knows are kept. */
import { isIdentity } from '../image/identity.js';
import { blobLayer, bootstrapLayerOver, diffIdsFor, namedMembers, objectOf } from '../image/put-on.js';
import { CREATED_BY, PREFETCH_COMMENT, RECIPES_COMMENT } from '../oci/config-edit.js';
import type { Descriptor, Document } from '../oci/descriptor.js';
import { type DiffId, digestHex } from '../oci/digest.js';
import {
  compactJson,
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  memberOf,
  printJson,
  withMembers,
} from '../oci/json/value.js';
import type { Manifest } from '../oci/manifest.js';
import { ANNOTATION } from '../oci/media-types.js';

/** The layers of the image as they were, by position. */
export interface LayerPlaces {
  readonly bootstrap: number;
  /** The blob that an earlier run has put on it. */
  readonly replaced: number | undefined;
  /** What an image keeps of the tars of its layers. */
  readonly recipes: number | undefined;
}

export interface NewLayers {
  readonly blob: Pick<Descriptor, 'digest' | 'size'>;
  readonly bootstrap: Pick<Descriptor, 'digest' | 'size'> & { readonly diffId: DiffId };
}

/** The new blob stands behind all others, then what is no blob, and the bootstrap last, where every reader looks for it. */
function withLayers<T>(
  list: readonly T[],
  { bootstrap, replaced, recipes }: LayerPlaces,
  blob: T,
  last: T,
): readonly T[] {
  const blobs = list.filter((_, place) => place !== bootstrap && place !== replaced && place !== recipes);
  return [...blobs, blob, ...list.filter((_, place) => place === recipes), last];
}

/** Throws FormatError for a config that has another number of diffIDs than the manifest has layers. */
export function optimizedConfig(
  config: JsonObject,
  places: LayerPlaces,
  layers: number,
  { blob, bootstrap }: NewLayers,
): Uint8Array {
  const { rootfs, diffIds } = diffIdsFor(config, layers);
  const history = config.get('history');
  const edited = withMembers(config, {
    // No client decompresses a blob, so its diffID is its digest.
    rootfs: withMembers(rootfs, {
      diff_ids: withLayers<Json>(diffIds, places, blob.digest, bootstrap.diffId),
    }),
    ...(isJsonArray(history) && history.length > 0 ? { history: withPrefetch(history) } : {}),
  });
  return Buffer.from(compactJson(edited), 'utf8');
}

const PREFETCH = jsonObject({ created_by: CREATED_BY, comment: PREFETCH_COMMENT });

/** The history with one entry for the blob, in front of those of what is no blob. */
function withPrefetch(history: readonly Json[]): readonly Json[] {
  const others = history.filter((entry) => !isOurs(entry, PREFETCH_COMMENT));
  const behind = isOurs(others.at(-2), RECIPES_COMMENT) ? 2 : 1;
  return [...others.slice(0, -behind), PREFETCH, ...others.slice(-behind)];
}

function isOurs(entry: Json | undefined, comment: string): boolean {
  return memberOf(entry, 'created_by') === CREATED_BY && memberOf(entry, 'comment') === comment;
}

export function optimizedManifest(
  json: JsonObject,
  { value }: Document<Manifest>,
  config: Pick<Descriptor, 'digest' | 'size'>,
  places: LayerPlaces,
  { blob, bootstrap }: NewLayers,
): Uint8Array {
  const layers = json.get('layers');
  const listed = isJsonArray(layers) ? layers : [];
  const prefetched = { [ANNOTATION.nydusPrefetchBlob]: digestHex(blob.digest) };
  const last = bootstrapLayerOver(listed[places.bootstrap], bootstrap, prefetched);
  const isOfOld = (key: string, text: Json): boolean => isIdentity(key, text, replacedDigests(value, places));
  const own = json.get('annotations');
  return printJson(
    withMembers(json, {
      config: withMembers(objectOf(json.get('config')), namedMembers(config)),
      layers: withLayers<Json>(listed, places, blobLayer(blob), last),
      ...(isJsonObject(own)
        ? { annotations: new Map([...own].filter(([key, text]) => !isOfOld(key, text))) }
        : {}),
    }),
  );
}

/** The digests of what is not part of the image any more. */
function replacedDigests(
  { config, layers }: Manifest,
  { bootstrap, replaced }: LayerPlaces,
): ReadonlySet<string> {
  const gone = [layers[bootstrap], replaced === undefined ? undefined : layers[replaced], config];
  return new Set(gone.flatMap((descriptor) => descriptor?.digest ?? []));
}
