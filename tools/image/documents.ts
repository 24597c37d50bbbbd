/** The documents of the image: configs, manifests, attestations with bills of materials, and the index of all. */
import { MEDIA } from '../../src/oci/media-types.js';
import { ANNOTATION } from '../../src/oci/media-types.js';
import { type BuiltImage, jsonPart, type Part, part } from '../../test/support/images/image-builder.js';
import type { Architecture } from './architectures.js';
import type { Layer } from './entries.js';
import { HOME, NODE, PROGRAM, USER, WORK } from './layers.js';

/** What is said of the image in its labels and annotations, by the keys of OCI. */
export type Labels = Readonly<Record<string, string>>;

export interface PlatformImage {
  readonly architecture: Architecture;
  readonly layers: readonly Layer[];
  /** A document of CycloneDX. */
  readonly bill: string;
}

/** The index and all that it names, children first. */
export function imageIndex(platforms: readonly PlatformImage[], labels: Labels): BuiltImage {
  const images = platforms.map((platform) => ({ platform, image: imageOf(platform, labels) }));
  const attested = images.map(({ platform, image }) => attestation(image.root, platform.bill));
  const root = jsonPart(MEDIA.ociIndex, {
    schemaVersion: 2,
    mediaType: MEDIA.ociIndex,
    manifests: [
      ...images.map(({ platform, image }) => ({
        ...named(image.root),
        platform: platformOf(platform.architecture),
      })),
      ...attested.map(({ root }, i) => ({
        ...named(root),
        annotations: {
          [ANNOTATION.dockerReferenceType]: 'attestation-manifest',
          'vnd.docker.reference.digest': images[i]?.image.root.descriptor.digest,
        },
        platform: { architecture: 'unknown', os: 'unknown' },
      })),
    ],
    annotations: labels,
  });
  return {
    root,
    parts: [...[...images.map(({ image }) => image), ...attested].flatMap(({ parts }) => parts), root],
  };
}

function platformOf({ debian }: Architecture): object {
  return { architecture: debian, os: 'linux', ...(debian === 'arm64' ? { variant: 'v8' } : {}) };
}

function imageOf({ architecture, layers }: PlatformImage, labels: Labels): BuiltImage {
  const created = labels['org.opencontainers.image.created'];
  const config = jsonPart(MEDIA.ociConfig, {
    created,
    ...platformOf(architecture),
    config: {
      User: `${USER}:${USER}`,
      Env: ['PATH=/usr/bin', `HOME=/${HOME}`],
      Entrypoint: [`/${NODE}`, `/${PROGRAM}`],
      Cmd: ['--help'],
      // So that temporary files can be written where the root cannot.
      Volumes: { '/tmp': {} },
      WorkingDir: `/${WORK}`,
      Labels: labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ title }) => ({ created, created_by: title })),
  });
  const blobs = layers.map(({ gzip }) => part(MEDIA.ociLayerGzip, gzip));
  const root = jsonPart(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: named(config),
    layers: blobs.map(named),
    annotations: labels,
  });
  return { root, parts: [...blobs, config, root] };
}

const IN_TOTO = 'application/vnd.in-toto+json';
const CYCLONEDX = 'https://cyclonedx.org/bom';

/**
 * The bill of materials as BuildKit attaches one: listed in the index, so that every copy of the index brings it. Its `subject`
 * has registries list it as a referrer of the image, too.
 */
function attestation(subject: Part, bill: string): BuiltImage {
  const statement = jsonPart(IN_TOTO, {
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType: CYCLONEDX,
    subject: [{ name: 'nydusify-ts', digest: { sha256: subject.descriptor.digest.slice('sha256:'.length) } }],
    predicate: JSON.parse(bill) as object,
  });
  const config = part(MEDIA.ociEmpty, Buffer.from('{}'));
  const root = jsonPart(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    artifactType: MEDIA.attestationManifest,
    config: named(config),
    layers: [{ ...named(statement), annotations: { 'in-toto.io/predicate-type': CYCLONEDX } }],
    subject: named(subject),
  });
  return { root, parts: [statement, config, root] };
}

function named({ descriptor: { mediaType, digest, size } }: Part): object {
  return { mediaType, digest, size };
}
