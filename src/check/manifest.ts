/**
 * These rules check the manifest of one image, Nydus or OCI: media types are of one family, the annotations that
 * snapshotters rely on are there, the bootstrap is last, and every blob is in the registry with its right size. The
 * form of a Nydus manifest comes from nydus-snapshotter pkg/converter (convert_unix.go, constant.go) and
 * goharbor/acceleration-service pkg/driver/nydus.
 */
import { bootstrapLayerOf, isIsolated, recordedSource } from '../image/kinds.js';
import type { Descriptor } from '../oci/descriptor.js';
import { BUILT_BY } from '../oci/config-edit.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import { EMPTY_LAYER_BYTES, EMPTY_LAYER_DIGEST, EMPTY_LAYER_DIFF_ID } from '../oci/nydus.js';
import { VERSION_NAMES } from '../rafs-builder/versions.js';
import { mapOrdered } from '../io/concurrency.js';
import type { Location } from '../registry/location.js';
import type { CallOptions } from '../reporter.js';
import { finding, type Finding } from './finding.js';
import type { Rule } from './rule.js';
import { placeIn, type ImageSubject, type NydusSubject } from './subject.js';

/** HEAD requests in flight. */
const CONCURRENCY = 4;

/** Where the blobs of an image are looked for. */
const PLACES = {
  registry: 'the registry',
  oci: 'the folder',
  'oci-archive': 'the archive',
  'docker-archive': 'the archive',
} as const satisfies Readonly<Record<Location['kind'], string>>;

/** These rules apply to images of both kinds. */
export const manifestRules: readonly Rule<ImageSubject>[] = [
  { name: 'media types', check: checkMediaTypes },
  { name: 'blobs', check: checkBlobs },
];

export const nydusManifestRules: readonly Rule<NydusSubject>[] = [
  { name: 'layers', check: checkLayers },
  { name: 'RAFS version', check: checkFsVersion },
  { name: 'source digest', check: checkSourceDigest },
];

/** These rules apply to the OCI half of a merged index. */
export const ociManifestRules: readonly Rule<ImageSubject>[] = [
  { name: 'empty layer', check: checkEmptyLayer },
];

export function isDockerFamily(manifestMediaType: string): boolean {
  return manifestMediaType === MEDIA.dockerManifest;
}

function* checkMediaTypes(image: ImageSubject): Generator<Finding> {
  const { manifest } = image;
  const where = placeIn(image, 'manifest');
  const own = manifest.value.raw['mediaType'];
  if (typeof own === 'string' && own !== manifest.descriptor.mediaType) {
    yield finding('MANIFEST-MEDIA-TYPE', where, {
      message: 'mediaType of the manifest is not that of its descriptor',
      expected: manifest.descriptor.mediaType,
      found: own,
    });
  }
  const docker = isDockerFamily(manifest.descriptor.mediaType);
  const family = docker ? MEDIA.dockerConfig : MEDIA.ociConfig;
  const other = docker ? MEDIA.ociConfig : MEDIA.dockerConfig;
  const { mediaType: found } = manifest.value.config;
  const expected = image.kind === 'nydus' && image.merged ? MEDIA.nydusConfig : family;
  // Very old clients pushed configs without a type, and a conversion keeps their manifests.
  if (image.kind === 'oci' && found === MEDIA.untypedConfig) return;
  if (found === other) {
    yield finding('MANIFEST-FAMILY', where, { message: 'config is of the other family', expected, found });
  } else if (
    found !== expected &&
    !(image.kind === 'nydus' && image.entry.position === undefined && found === MEDIA.nydusConfig)
  ) {
    // If the caller names a Nydus manifest by digest, it may still be a half of an index that is not read here.
    const ordinary = image.kind === 'nydus' && image.merged && found === family;
    yield finding(ordinary ? 'CONFIG-MEDIA-TYPE-HALF' : 'CONFIG-MEDIA-TYPE', where, {
      message: 'config has a media type that does not fit',
      expected,
      found,
    });
  }
}

function* checkLayers(image: NydusSubject): Generator<Finding> {
  const { layers } = image.manifest.value;
  const docker = isDockerFamily(image.manifest.descriptor.mediaType);
  for (const [position, layer] of layers.entries()) {
    const where = placeIn(image, `layer ${position + 1}`);
    const last = position === layers.length - 1;
    const bootstrap = layer.annotations?.[ANNOTATION.nydusBootstrap];
    if (last) {
      const expected = docker ? MEDIA.dockerLayerGzip : MEDIA.ociLayerGzip;
      const other = docker ? MEDIA.ociLayerGzip : MEDIA.dockerLayerGzip;
      if (bootstrap === undefined) {
        yield finding('MANIFEST-LAYER-ORDER', where, {
          message: 'last layer is not marked as the bootstrap',
        });
      } else if (bootstrap !== 'true') {
        yield finding('MANIFEST-LAYER-ANNOTATION', where, {
          message: `annotation ${ANNOTATION.nydusBootstrap} has another value`,
          expected: '"true"',
          found: JSON.stringify(bootstrap),
        });
      }
      if (layer.mediaType === other) {
        yield finding('MANIFEST-FAMILY', where, {
          message: 'bootstrap layer is of the other family',
          expected,
          found: layer.mediaType,
        });
      } else if (layer.mediaType !== expected) {
        yield finding('MANIFEST-LAYER-TYPE', where, {
          message: 'bootstrap layer has another media type',
          expected,
          found: layer.mediaType,
        });
      }
      continue;
    }
    if (bootstrap !== undefined) {
      yield finding('MANIFEST-LAYER-ORDER', where, {
        message: 'a layer before the last is marked as the bootstrap',
        expected: `layer ${layers.length}`,
        found: `layer ${position + 1}`,
      });
      continue;
    }
    if (layer.mediaType !== MEDIA.nydusBlob) {
      yield finding('MANIFEST-LAYER-TYPE', where, {
        message: 'data layer has another media type',
        expected: MEDIA.nydusBlob,
        found: layer.mediaType,
      });
    }
    const mark = layer.annotations?.[ANNOTATION.nydusBlob];
    if (mark !== 'true') {
      yield finding('MANIFEST-LAYER-ANNOTATION', where, {
        message: `annotation ${ANNOTATION.nydusBlob} is missing or has another value`,
        expected: '"true"',
        found: mark === undefined ? 'none' : JSON.stringify(mark),
      });
    }
  }
}

function* checkFsVersion(image: NydusSubject): Generator<Finding> {
  const version = image.manifest.value.layers.at(-1)?.annotations?.[ANNOTATION.nydusFsVersion];
  if (version === undefined || !VERSION_NAMES.includes(version)) {
    yield finding('MANIFEST-FS-VERSION', placeIn(image, `layer ${image.manifest.value.layers.length}`), {
      message: `annotation ${ANNOTATION.nydusFsVersion} of the bootstrap layer is missing or unknown`,
      expected: VERSION_NAMES.map((name) => `"${name}"`).join(' or '),
      found: version === undefined ? 'none, which readers take for 5' : JSON.stringify(version),
    });
  }
  const annotated = image.manifest.value.annotations?.[ANNOTATION.nydusFsVersion];
  if (annotated !== undefined && annotated !== version) {
    yield finding('MANIFEST-FS-VERSION', placeIn(image, 'manifest'), {
      message: 'manifest and bootstrap layer have different RAFS versions',
      expected: version ?? 'none',
      found: annotated,
    });
  }
}

function* checkSourceDigest(image: NydusSubject): Generator<Finding> {
  const manifest = image.manifest.value;
  // An image that changes were put on, or that is a directory, has no source.
  const isCommitted = bootstrapLayerOf(manifest)?.annotations?.[ANNOTATION.nydusCommitBlobs] !== undefined;
  const isBuilt = image.config?.value.history.some(({ raw }) => raw['created_by'] === BUILT_BY) === true;
  if (isCommitted || isBuilt || recordedSource(manifest).digest !== undefined) return;
  yield finding('MANIFEST-SOURCE-UNKNOWN', placeIn(image, 'manifest'), {
    message: `there is no annotation ${ANNOTATION.nydusSourceDigest}`,
  });
}

function* checkEmptyLayer(image: ImageSubject): Generator<Finding> {
  if (!isIsolated(image.manifest.value)) return;
  const [layer] = image.manifest.value.layers;
  if (layer === undefined) return;
  const where = placeIn(image, 'layer 1');
  const known = layer.digest === EMPTY_LAYER_DIGEST;
  const diffId = image.config?.value.diffIds[0];
  if (known && diffId !== undefined && diffId !== EMPTY_LAYER_DIFF_ID) {
    yield finding('CONFIG-DIFF-ID', placeIn(image, 'config'), {
      message: 'diffID 1 is not that of the empty layer',
      expected: EMPTY_LAYER_DIFF_ID,
      found: diffId,
    });
  }
  const expected: readonly [what: string, expected: string, found: string][] = [
    ['digest', EMPTY_LAYER_DIGEST, layer.digest],
    ['size', known ? `${EMPTY_LAYER_BYTES.length}` : `${layer.size}`, `${layer.size}`],
    [
      'media type',
      isDockerFamily(image.manifest.descriptor.mediaType) ? MEDIA.dockerLayerGzip : MEDIA.ociLayerGzip,
      layer.mediaType,
    ],
    ['annotation', 'true', layer.annotations?.[ANNOTATION.nydusEmptyLayer] ?? 'none'],
  ];
  for (const [what, right, found] of expected) {
    if (right === found) continue;
    yield finding('MANIFEST-EMPTY-LAYER', where, {
      message: `empty layer has another ${what}`,
      expected: right,
      found,
    });
  }
  const { digest: inManifest } = recordedSource(image.manifest.value);
  const { digest: inEntry } = recordedSource(image.entry.descriptor);
  if (inManifest === undefined || inEntry !== inManifest) {
    yield finding('MANIFEST-SOURCE-DIGEST', placeIn(image, 'manifest'), {
      message: 'manifest and index entry must both record the digest of the source',
      expected: inManifest ?? `annotation ${ANNOTATION.nydusSourceDigest}`,
      found: inEntry ?? 'none in the index entry',
    });
  }
}

async function* checkBlobs(image: ImageSubject, call: CallOptions): AsyncGenerator<Finding> {
  const { config, layers } = image.manifest.value;
  const wanted = new Map<string, { readonly descriptor: Descriptor; readonly part: string }>();
  for (const [position, layer] of layers.entries()) {
    if (!wanted.has(layer.digest))
      wanted.set(layer.digest, { descriptor: layer, part: `layer ${position + 1}` });
  }
  if (image.config === undefined) wanted.delete(config.digest); // the config's absence is a finding already
  const answers = await mapOrdered(
    [...wanted.values()],
    CONCURRENCY,
    async ({ descriptor, part }) => ({ descriptor, part, there: await image.store.exists(descriptor, call) }),
    call.signal,
  );
  for (const { descriptor, part, there } of answers) {
    if (there) continue;
    yield finding('CONTENT-MISSING', placeIn(image, part), {
      message: `blob is not in ${PLACES[image.store.place.kind]}, or has another size there`,
      expected: `${descriptor.digest} of ${descriptor.size} bytes`,
    });
  }
}
