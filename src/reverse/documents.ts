/** The manifest and the config of an image whose layers were made again. Members that nothing here knows are kept. */
import type { Family } from '../convert/assemble.js';
import { CREATED_BY } from '../oci/config-edit.js';
import type { Descriptor } from '../oci/descriptor.js';
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
import { ANNOTATION, MEDIA, NYDUS_OS_FEATURE } from '../oci/media-types.js';
import type { LayerCompressor } from '../native/rebuilder.js';

/** The entry of a history for the one layer that all others became. */
const SQUASHED = jsonObject({ created_by: CREATED_BY, comment: 'Squashed layers' });
/** The entry for a layer that the history does not mention. */
const UNTOLD = jsonObject({ created_by: CREATED_BY, comment: 'Layer without history' });

/** The layers of the image, and whether they are one now. */
export interface NewLayers {
  readonly diffIds: readonly DiffId[];
  readonly isSquashed: boolean;
}

/** Replaces the diffIDs; what a conversion wrote into the history is taken out of it. */
export function reversedConfig(config: JsonObject, { diffIds, isSquashed }: NewLayers): Uint8Array {
  const rootfs = config.get('rootfs');
  const known = config.get('history');
  const entries = (isJsonArray(known) ? known : []).filter(
    (entry) => memberOf(entry, 'created_by') !== CREATED_BY,
  );
  const history = isSquashed ? [...entries.map(markedEmpty), SQUASHED] : completed(entries, diffIds.length);
  const edited = withMembers(config, {
    rootfs: withMembers(isJsonObject(rootfs) ? rootfs : jsonObject({ type: 'layers' }), {
      diff_ids: diffIds,
    }),
    history: history.length === 0 ? undefined : history,
  });
  return Buffer.from(compactJson(edited), 'utf8');
}

/** A history has one entry for each layer, or does not exist. */
function completed(entries: readonly Json[], layers: number): readonly Json[] {
  if (entries.length === 0) return [];
  const told = entries.filter((entry) => memberOf(entry, 'empty_layer') !== true).length;
  return [...entries, ...Array.from({ length: Math.max(0, layers - told) }, () => UNTOLD)];
}

function markedEmpty(entry: Json): Json {
  return isJsonObject(entry) ? withMembers(entry, { empty_layer: true }) : entry;
}

/** Annotations that a conversion writes into manifests. */
const CONVERSION = [
  ANNOTATION.nydusBuilderVersion,
  ANNOTATION.nydusFsVersion,
  ANNOTATION.nydusSourceDigest,
  ANNOTATION.nydusSourceReference,
];

export interface NewManifest {
  readonly family: Family;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The subject of a Nydus manifest is its source, and no claim of another image. */
export function reversedManifest(nydus: JsonObject, { family, config, layers }: NewManifest): Uint8Array {
  const known = nydus.get('annotations');
  const annotations = new Map(
    [...(isJsonObject(known) ? known : [])].filter(([key]) => !CONVERSION.some((own) => own === key)),
  );
  const head = jsonObject({
    schemaVersion: { digits: '2' },
    mediaType: family.manifest,
    config: descriptorJson(config),
    layers: layers.map(descriptorJson),
  });
  const rest = new Map(nydus);
  for (const key of [...head.keys(), 'annotations', 'subject']) rest.delete(key);
  if (rest.get('artifactType') === MEDIA.nydusArtifact) rest.delete('artifactType');
  if (annotations.size > 0) rest.set('annotations', annotations);
  return printJson(new Map<string, Json>([...head, ...rest]));
}

function descriptorJson({ mediaType, digest, size }: Descriptor): JsonObject {
  return jsonObject({ mediaType, digest, size: { digits: String(size) } });
}

/** The entry of an index without the marks of a Nydus image. */
export function unmarkedEntry(entry: JsonObject): JsonObject {
  const platform = entry.get('platform');
  const features = memberOf(platform, 'os.features');
  const others = isJsonArray(features) ? features.filter((feature) => feature !== NYDUS_OS_FEATURE) : [];
  return withMembers(entry, {
    artifactType: entry.get('artifactType') === MEDIA.nydusArtifact ? undefined : entry.get('artifactType'),
    platform: isJsonObject(platform)
      ? withMembers(platform, { 'os.features': others.length === 0 ? undefined : others })
      : undefined,
  });
}

export function layerType({ layer }: Family, compressor: LayerCompressor): string {
  const isDocker = layer === MEDIA.dockerLayerGzip;
  switch (compressor) {
    case 'gzip':
      return layer;
    case 'none':
      return isDocker ? MEDIA.dockerLayerTar : MEDIA.ociLayerTar;
    case 'zstd':
      return MEDIA.ociLayerZstd;
  }
}
