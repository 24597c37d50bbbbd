/** The manifest and the config of an image that a layer of changes was put on. Members that nothing here knows are kept. */
import { FormatError } from '../errors.js';
import { IDENTITY_MEMBERS, isIdentity } from '../image/identity.js';
import {
  blobLayer,
  bootstrapLayerOver,
  diffIdsFor,
  namedMembers,
  objectOf,
  sizeJson,
} from '../image/put-on.js';
import { BARE_COMMENT, CREATED_BY } from '../oci/config-edit.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { DiffId, Digest } from '../oci/digest.js';
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
import { ANNOTATION } from '../oci/media-types.js';
import type { CommitOptions } from './options.js';

/** Signs the entry of the history; it is not the converter's, so that a reversal knows the layer for one of the image's own. */
const COMMITTED_BY = 'nydusify commit';

/** Where the new layer goes. */
export interface Place {
  /** Behind so many layers, which are those of the image; blobs of a dictionary and others follow it. */
  readonly after: number;
  /** The position of the bootstrap layer in the base. */
  readonly bootstrap: number;
}

export interface CommittedLayers {
  readonly blob: Pick<Descriptor, 'digest' | 'size'>;
  readonly bootstrap: Pick<Descriptor, 'digest' | 'size'> & { readonly diffId: DiffId };
}

function withLayers<T>(list: readonly T[], { after, bootstrap }: Place, blob: T, last: T): readonly T[] {
  const kept = list.map((item, at) => (at === bootstrap ? last : item));
  return [...kept.slice(0, after), blob, ...kept.slice(after)];
}

type Words = Pick<CommitOptions, 'message' | 'author' | 'created'>;

/** Throws FormatError for a config that has another number of diffIDs than the manifest has layers. */
export function committedConfig(
  config: JsonObject,
  place: Place,
  layers: number,
  added: { readonly blob: DiffId; readonly bootstrap: DiffId },
  words: Words,
): Uint8Array {
  const { rootfs, diffIds } = diffIdsFor(config, layers);
  const { created } = words;
  return edited(config, {
    rootfs: withMembers(rootfs, {
      diff_ids: withLayers<Json>(diffIds, place, added.blob, added.bootstrap),
    }),
    ...(created === undefined ? {} : { created }),
    ...historyWith(config, words),
  });
}

/** The config of the ordinary image with the same layer on top. */
export function committedOciConfig(config: JsonObject, diffId: DiffId, words: Words): Uint8Array {
  const rootfs = config.get('rootfs');
  const diffIds = memberOf(rootfs, 'diff_ids');
  if (!isJsonObject(rootfs) || !isJsonArray(diffIds))
    throw new FormatError('the config of the ordinary image has no rootfs.diff_ids');
  const { created } = words;
  return edited(config, {
    rootfs: withMembers(rootfs, { diff_ids: [...diffIds, diffId] }),
    ...(created === undefined ? {} : { created }),
    ...historyWith(config, words),
  });
}

function edited(config: JsonObject, members: Readonly<Record<string, Json>>): Uint8Array {
  return Buffer.from(compactJson(withMembers(config, members)), 'utf8');
}

/** A history that is missing stays so, because it contradicts no layer. */
function historyWith(
  config: JsonObject,
  { message, author, created }: Words,
): Readonly<Record<string, Json>> {
  const history = config.get('history');
  if (!isJsonArray(history) || history.length === 0) return {};
  const entry = jsonObject({ created, created_by: COMMITTED_BY, author, comment: message });
  const isAdded = (one: Json): boolean =>
    memberOf(one, 'created_by') === CREATED_BY && memberOf(one, 'comment') !== BARE_COMMENT;
  const behind = history.findLastIndex((one) => !isAdded(one)) + 1;
  return { history: [...history.slice(0, behind), entry, ...history.slice(behind)] };
}

export interface CommittedParts {
  readonly config: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;
  readonly layers: CommittedLayers;
  /** Digests by which the base, or a part of it that is gone, can be meant. */
  readonly gone: ReadonlySet<string>;
}

/** What the base says of its own source is not true of the image any more. */
export function committedManifest(
  json: JsonObject,
  place: Place,
  { config, layers: { blob, bootstrap }, gone }: CommittedParts,
): Uint8Array {
  const list = json.get('layers');
  const listed = isJsonArray(list) ? list : [];
  const old = listed[place.bootstrap];
  const before = memberOf(memberOf(old, 'annotations'), ANNOTATION.nydusCommitBlobs);
  const commits = [...commitsIn(before), blob.digest].join(',');
  const last = bootstrapLayerOver(old, bootstrap, { [ANNOTATION.nydusCommitBlobs]: commits });
  return printJson(
    withMembers(withoutIdentity(json, gone), {
      config: withMembers(objectOf(json.get('config')), {
        mediaType: config.mediaType,
        ...namedMembers(config),
      }),
      layers: withLayers<Json>(listed, place, blobLayer(blob), last),
    }),
  );
}

/** The manifest of the ordinary image with the same layer on top. */
export function committedOciManifest(
  json: JsonObject,
  config: Pick<Descriptor, 'digest' | 'size'>,
  layer: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>,
  gone: ReadonlySet<string>,
): Uint8Array {
  const list = json.get('layers');
  const added = jsonObject({ mediaType: layer.mediaType, digest: layer.digest, size: sizeJson(layer.size) });
  return printJson(
    withMembers(withoutIdentity(json, gone), {
      config: withMembers(objectOf(json.get('config')), namedMembers(config)),
      layers: [...(isJsonArray(list) ? list : []), added],
    }),
  );
}

/** The blobs that were put on an image before, as the annotation of its bootstrap lists them. */
export function commitsIn(annotation: Json | undefined): readonly Digest[] {
  const text = typeof annotation === 'string' ? annotation : '';
  return text.split(',').filter((digest) => digest !== '') as Digest[]; // compared and listed again, never read
}

function withoutIdentity(json: JsonObject, gone: ReadonlySet<string>): JsonObject {
  const members = new Map(json);
  for (const key of IDENTITY_MEMBERS) members.delete(key);
  const annotations = members.get('annotations');
  if (isJsonObject(annotations)) {
    const ofSource = new Set<string>([ANNOTATION.nydusSourceDigest, ANNOTATION.nydusSourceReference]);
    const kept = [...annotations].filter(([key, text]) => !ofSource.has(key) && !isIdentity(key, text, gone));
    if (kept.length > 0) members.set('annotations', new Map(kept));
    else members.delete('annotations');
  }
  return members;
}
