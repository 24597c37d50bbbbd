/**
 * Makes the manifest of a Nydus image from its source's manifest: blobs replace the layers, the bootstrap is the last
 * layer (where every reader looks for it), and fields that we do not know are kept.
 */
import { IDENTITY_MEMBERS, isIdentity } from '../image/identity.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { DiffId, Digest } from '../oci/digest.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import {
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  printJson,
  withMembers,
} from '../oci/json/value.js';
import { BUILDER_VERSION } from './version.js';

/** The media types of one family, OCI or Docker. */
export interface Family {
  readonly manifest: string;
  readonly config: string;
  readonly layer: string;
  readonly index: string;
}

const OCI: Family = {
  manifest: MEDIA.ociManifest,
  config: MEDIA.ociConfig,
  layer: MEDIA.ociLayerGzip,
  index: MEDIA.ociIndex,
};
const DOCKER: Family = {
  manifest: MEDIA.dockerManifest,
  config: MEDIA.dockerConfig,
  layer: MEDIA.dockerLayerGzip,
  index: MEDIA.dockerIndex,
};

/** Returns the family of a manifest's or index's type. An OCI source always gives OCI. */
export function familyOf(mediaType: string, toOci: boolean): Family {
  const docker = mediaType === MEDIA.dockerManifest || mediaType === MEDIA.dockerIndex;
  return docker && !toOci ? DOCKER : OCI;
}

export interface BlobPart {
  readonly digest: Digest;
  readonly size: number;
  /** The source layer, in an image in which chunks stay in their layers; of a layer whose chunks are stored, too. */
  readonly ref?: Digest | undefined;
}

export interface NydusManifestParts {
  /** The source manifest with all its fields. */
  readonly source: JsonObject;
  readonly sourceDigest: Digest;
  readonly sourceReference: string;
  /** The digests that identify the source or a part of it. */
  readonly ownDigests: ReadonlySet<string>;
  readonly family: Family;
  /** True in a merged index. The config then has a type of its own, which keeps containerd from unpacking the image. */
  readonly merged: boolean;
  readonly config: { readonly digest: Digest; readonly size: number };
  /** One blob for each source layer, in order; a layer that the source lists twice has its blob here twice. None where they lie in a storage backend. */
  readonly blobs: readonly BlobPart[];
  /** The layer with the recipes of tars, and where in it their index begins. */
  readonly recipes?: { readonly digest: Digest; readonly size: number; readonly index: number } | undefined;
  /** The diffID is noted, as upstream does it, where the blobs lie in a storage backend. */
  readonly bootstrap: {
    readonly digest: Digest;
    readonly size: number;
    readonly diffId?: DiffId | undefined;
  };
  readonly fsVersion: number;
  /** The manifest's `subject`, if any. It is written with media type, digest and size alone, as some registries refuse more. */
  readonly subject?: Pick<Descriptor, 'mediaType' | 'digest' | 'size'> | undefined;
}

export function nydusManifest(parts: NydusManifestParts): Uint8Array {
  const { source, family, fsVersion } = parts;
  const config = descriptorJson({
    ...parts.config,
    mediaType: parts.merged ? MEDIA.nydusConfig : family.config,
  });
  const blobs = parts.blobs.map(({ digest, size, ref }) =>
    descriptorJson({
      mediaType: MEDIA.nydusBlob,
      digest,
      size,
      annotations: {
        [ANNOTATION.nydusBlob]: 'true',
        ...(ref === undefined ? {} : { [ANNOTATION.nydusRef]: ref }),
      },
    }),
  );
  const { recipes } = parts;
  if (recipes !== undefined)
    blobs.push(
      descriptorJson({
        mediaType: MEDIA.nydusBlob,
        digest: recipes.digest,
        size: recipes.size,
        // The first annotation keeps clients from unpacking the layer.
        annotations: { [ANNOTATION.nydusBlob]: 'true', [ANNOTATION.nydusTarRecipes]: String(recipes.index) },
      }),
    );
  const { diffId, ...last } = parts.bootstrap;
  const bootstrap = descriptorJson({
    ...last,
    mediaType: family.layer,
    annotations: {
      [ANNOTATION.nydusBootstrap]: 'true',
      [ANNOTATION.nydusFsVersion]: String(fsVersion),
      ...(diffId === undefined ? {} : { [ANNOTATION.uncompressed]: diffId }),
    },
  });
  const known = source.get('annotations');
  const inherited = Array.from(isJsonObject(known) ? known : []).filter(
    ([key, value]) => !isIdentity(key, value, parts.ownDigests),
  );
  const annotations = withMembers(new Map(inherited), {
    [ANNOTATION.nydusBuilderVersion]: BUILDER_VERSION,
    [ANNOTATION.nydusFsVersion]: String(fsVersion),
    [ANNOTATION.nydusSourceDigest]: parts.sourceDigest,
    [ANNOTATION.nydusSourceReference]: parts.sourceReference,
  });
  // Known fields come in their usual order, then the others in the order of the source.
  const head = jsonObject({
    schemaVersion: { digits: '2' },
    mediaType: family.manifest,
    config,
    layers: [...blobs, bootstrap],
  });
  const rest = new Map(source);
  for (const key of [...head.keys(), 'annotations', ...IDENTITY_MEMBERS]) rest.delete(key);
  if (parts.subject !== undefined) {
    const { mediaType, digest, size } = parts.subject;
    rest.set('subject', descriptorJson({ mediaType, digest, size }));
  }
  return printJson(new Map<string, Json>([...head, ...rest, ['annotations', annotations]]));
}

/**
 * Writes a descriptor's members in the order of the OCI specification. The platform is passed as JSON, so that its
 * unknown members survive.
 */
function descriptorJson(descriptor: Omit<Descriptor, 'platform'>, platform?: JsonObject): JsonObject {
  const { annotations } = descriptor;
  return jsonObject({
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: { digits: String(descriptor.size) },
    annotations: annotations === undefined ? undefined : jsonObject(annotations),
    platform,
    artifactType: descriptor.artifactType,
  });
}
