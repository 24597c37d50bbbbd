/** The config and the manifest of an image that a directory is: alone, or on top of another one. Members that nothing here knows are kept. */
import { familyOf } from '../convert/assemble.js';
import { BUILDER_VERSION } from '../convert/version.js';
import { FormatError } from '../errors.js';
import { IDENTITY_MEMBERS, isIdentity, ownDigests } from '../image/identity.js';
import { recipesLayerOf } from '../image/kinds.js';
import { blobLayer, sizeJson } from '../image/put-on.js';
import { BOOTSTRAP_COMMENT, BUILT_BY, CREATED_BY, RECIPES_COMMENT } from '../oci/config-edit.js';
import type { Descriptor, Document, Platform } from '../oci/descriptor.js';
import type { DiffId } from '../oci/digest.js';
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
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import type { ImageSettings } from './settings.js';

/** The comment of the blob in a history. */
const DIRECTORY_COMMENT = 'Nydus Directory Layer';

type Sized = Pick<Descriptor, 'digest' | 'size'>;

/** The layers that a build adds: its blob, those of a dictionary, and the bootstrap, which is the last of all. */
export interface BuiltLayers {
  readonly blobs: readonly Sized[];
  readonly bootstrap: Sized & { readonly diffId: DiffId };
  readonly fsVersion: number;
}

const BLOB_HISTORY = jsonObject({ created_by: BUILT_BY, comment: DIRECTORY_COMMENT });
const BOOTSTRAP_HISTORY = jsonObject({ created_by: CREATED_BY, comment: BOOTSTRAP_COMMENT });

/** Makes a config of the caller's document, if any, and settings; those of the caller win. No time stamp is added. */
export function newConfig(
  given: JsonObject | undefined,
  platform: Platform,
  settings: ImageSettings,
  { blobs, bootstrap }: BuiltLayers,
): Uint8Array {
  const { os, architecture, variant } = platform;
  const whole = withMembers(given ?? jsonObject({}), { architecture, os, variant });
  return printConfig(withSettings(whole, settings), {
    diffIds: [...blobs.map(({ digest }) => digest), bootstrap.diffId],
    history: [...blobs.map(() => BLOB_HISTORY), BOOTSTRAP_HISTORY],
  });
}

/** Throws FormatError for a config that has another number of diffIDs than the manifest has layers. */
export function configOver(
  config: JsonObject,
  { value: manifest }: Document<Manifest>,
  settings: ImageSettings,
  { blobs, bootstrap }: BuiltLayers,
): Uint8Array {
  const listed = memberOf(config.get('rootfs'), 'diff_ids');
  const diffIds = isJsonArray(listed) ? listed : [];
  const { layers } = manifest;
  if (diffIds.length !== layers.length)
    throw new FormatError(
      `unmatched layers between manifest and config: ${layers.length} != ${diffIds.length}`,
    );
  const stays = keptLayers(manifest);
  const history = config.get('history');
  const entries = isJsonArray(history) ? history.filter((entry) => !isOfLast(entry)) : [];
  return printConfig(withSettings(config, settings), {
    diffIds: [
      ...diffIds.filter((_, place) => stays.has(place)),
      ...blobs.map(({ digest }) => digest),
      bootstrap.diffId,
    ],
    history: [...entries, ...blobs.map(() => BLOB_HISTORY), BOOTSTRAP_HISTORY],
  });
}

/** The positions of the layers that stay: all blobs, and neither the bootstrap nor the recipes of the tars, which describe another image. */
function keptLayers(manifest: Manifest): ReadonlySet<number> {
  const recipes = recipesLayerOf(manifest);
  const places = manifest.layers.map((layer, place) => ({ layer, place }));
  const kept = places.filter(
    ({ layer }) => layer !== recipes && layer.annotations?.[ANNOTATION.nydusBootstrap] === undefined,
  );
  return new Set(kept.map(({ place }) => place));
}

/** True for the entries of the layers that do not stay. */
function isOfLast(entry: Json): boolean {
  const comment = memberOf(entry, 'comment');
  return (
    memberOf(entry, 'created_by') === CREATED_BY &&
    (comment === BOOTSTRAP_COMMENT || comment === RECIPES_COMMENT)
  );
}

function withSettings(config: JsonObject, settings: ImageSettings): JsonObject {
  const own = config.get('config');
  const before = isJsonObject(own) ? own : jsonObject({});
  const { cmd, entrypoint, env, labels, ports, volumes, user, workdir, stopSignal } = settings;
  const set = (list: readonly string[] | undefined): JsonObject | undefined =>
    list && new Map(list.map((name) => [name, jsonObject({})]));
  const added = Object.fromEntries(
    Object.entries({
      User: user,
      ExposedPorts: set(ports),
      Env: env && withEnv(before.get('Env'), env),
      Entrypoint: entrypoint,
      Cmd: cmd,
      Volumes: set(volumes),
      WorkingDir: workdir,
      Labels: labels && withLabels(before.get('Labels'), labels),
      StopSignal: stopSignal,
    }).filter(([, value]) => value !== undefined),
  );
  // A command of the lower image was made for its entrypoint.
  const stale = entrypoint !== undefined && cmd === undefined ? { Cmd: undefined } : {};
  const edited = withMembers(before, { ...stale, ...added });
  return edited.size === 0 && own === undefined ? config : withMembers(config, { config: edited });
}

/** Variables of the same name are replaced where they stand. */
function withEnv(before: Json | undefined, added: readonly string[]): readonly Json[] {
  const nameOf = (entry: Json): string => (typeof entry === 'string' ? (entry.split('=')[0] ?? '') : '');
  const values = new Map<string, Json>();
  for (const entry of [...(isJsonArray(before) ? before : []), ...added]) values.set(nameOf(entry), entry);
  return [...values.values()];
}

function withLabels(before: Json | undefined, added: readonly string[]): JsonObject {
  const pairs = added.map((label): [string, Json] => {
    const at = label.indexOf('=');
    return [label.slice(0, at), label.slice(at + 1)];
  });
  return new Map([...(isJsonObject(before) ? before : []), ...pairs]);
}

function printConfig(
  config: JsonObject,
  { diffIds, history }: { readonly diffIds: readonly Json[]; readonly history: readonly Json[] },
): Uint8Array {
  const rootfs = jsonObject({ type: 'layers', diff_ids: diffIds });
  return Buffer.from(compactJson(withMembers(config, { rootfs, history })), 'utf8');
}

export function newManifest(config: Sized, layers: BuiltLayers): Uint8Array {
  return printJson(
    jsonObject({
      schemaVersion: { digits: '2' },
      mediaType: MEDIA.ociManifest,
      config: descriptor(MEDIA.ociConfig, config),
      layers: [...layers.blobs.map(blobLayer), bootstrapJson(MEDIA.ociLayerGzip, layers)],
      annotations: annotationsOf(layers),
    }),
  );
}

/** An image of its own: what says that the lower one was made from a source, or is half of an index, is left out. */
export function manifestOver(
  json: JsonObject,
  below: Document<Manifest>,
  config: Sized,
  layers: BuiltLayers,
): Uint8Array {
  const family = familyOf(below.value.mediaType, false);
  const stays = keptLayers(below.value);
  const listed = json.get('layers');
  const kept = (isJsonArray(listed) ? listed : []).filter((_, place) => stays.has(place));
  const own = ownDigests(below);
  const known = json.get('annotations');
  const gone = new Set<string>([ANNOTATION.nydusSourceDigest, ANNOTATION.nydusSourceReference]);
  const inherited = (isJsonObject(known) ? [...known] : []).filter(
    ([key, value]) => !gone.has(key) && !isIdentity(key, value, own),
  );
  const members = new Map(json);
  for (const member of IDENTITY_MEMBERS) members.delete(member);
  return printJson(
    withMembers(members, {
      mediaType: family.manifest,
      config: descriptor(family.config, config),
      layers: [...kept, ...layers.blobs.map(blobLayer), bootstrapJson(family.layer, layers)],
      annotations: new Map([...inherited, ...annotationsOf(layers)]),
    }),
  );
}

function annotationsOf({ fsVersion }: BuiltLayers): JsonObject {
  return jsonObject({
    [ANNOTATION.nydusBuilderVersion]: BUILDER_VERSION,
    [ANNOTATION.nydusFsVersion]: String(fsVersion),
  });
}

function bootstrapJson(mediaType: string, { bootstrap, fsVersion }: BuiltLayers): JsonObject {
  return descriptor(mediaType, bootstrap, {
    [ANNOTATION.nydusBootstrap]: 'true',
    [ANNOTATION.nydusFsVersion]: String(fsVersion),
  });
}

function descriptor(
  mediaType: string,
  { digest, size }: Sized,
  annotations?: Readonly<Record<string, string>>,
): JsonObject {
  return jsonObject({
    mediaType,
    digest,
    size: sizeJson(size),
    annotations: annotations && jsonObject(annotations),
  });
}
