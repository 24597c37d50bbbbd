/** Indexes to try clients on: as upstream's tools write them, odd ones, and broken ones. */
import { MEDIA, NYDUS_OS_FEATURE } from '../../../src/oci/media-types.js';
import { sha256 } from '../../../src/oci/digest.js';
import type { RawRepository } from '../registries/raw-registry.js';

type Json = Record<string, unknown>;

const AMD64 = { architecture: 'amd64', os: 'linux' };

export interface IndexCase {
  readonly title: string;
  readonly repository: RawRepository;
  /** The manifest that the test lets containerd choose. */
  readonly manifest: string;
  readonly mode: 'index' | 'referrer';
  /** The platform that clients run on, for what they choose. */
  readonly platform: string;
}

/** A repository under construction, tag `1`. */
export class CaseBuilder {
  readonly manifests = new Map<string, { readonly mediaType: string; readonly bytes: Uint8Array }>();
  readonly blobs = new Map<string, Uint8Array>();
  referrers: Map<string, Uint8Array> | undefined;

  put(json: unknown, mediaType: string = MEDIA.ociManifest): Json {
    const bytes = typeof json === 'string' ? Buffer.from(json) : Buffer.from(JSON.stringify(json));
    const digest = sha256(bytes);
    this.manifests.set(digest, { mediaType, bytes });
    return { mediaType, digest, size: bytes.length };
  }

  /** An ordinary image; `name` makes it another one. */
  oci(name: string, more: Json = {}): Json {
    const config = this.blob(JSON.stringify({ name, ...AMD64, rootfs: { type: 'layers', diff_ids: [] } }));
    return this.put({
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      config: { mediaType: MEDIA.ociConfig, ...config },
      layers: [{ mediaType: MEDIA.ociLayerGzip, ...this.blob(`layer ${name}`) }],
      ...more,
    });
  }

  nydus(name: string, change: (manifest: { layers: Json[] } & Json) => void = () => undefined): Json {
    const manifest = {
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      config: { mediaType: MEDIA.nydusConfig, ...this.blob(JSON.stringify({ nydus: name })) },
      layers: [
        {
          mediaType: MEDIA.nydusBlob,
          ...this.blob(`data ${name}`),
          annotations: { 'containerd.io/snapshot/nydus-blob': 'true' },
        },
        {
          mediaType: MEDIA.ociLayerGzip,
          ...this.blob(`bootstrap ${name}`),
          annotations: { 'containerd.io/snapshot/nydus-bootstrap': 'true' },
        },
      ],
    };
    change(manifest);
    return this.put(manifest);
  }

  blob(content: string): Json {
    const bytes = Buffer.from(content);
    const digest = sha256(bytes);
    this.blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  }

  /** Puts the document under the tag `1`. */
  tag(json: unknown, mediaType: string = MEDIA.ociIndex): this {
    const { digest } = this.put(json, mediaType);
    const document = this.manifests.get(String(digest));
    if (document !== undefined) this.manifests.set('1', document);
    return this;
  }

  index(manifests: readonly unknown[], more: Json = {}): this {
    return this.tag({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests, ...more });
  }
}

const ARM64 = { architecture: 'arm64', os: 'linux' };
const TYPE = { artifactType: MEDIA.nydusArtifact };
const FEATURE = { 'os.features': [NYDUS_OS_FEATURE] };

interface Outline {
  readonly title: string;
  readonly mode?: 'index' | 'referrer';
  readonly platform?: string;
  /** Fills the repository; gives the entry that containerd chose. */
  readonly build: (builder: CaseBuilder) => Json;
}

/** Two entries as a merged index has them, with what is odd about each. */
function pair(oci: Json, nydus: Json, more: Json = {}): Outline['build'] {
  return (builder) => {
    const chosen = { ...builder.oci('app'), ...oci };
    builder.index([chosen, { ...builder.nydus('app'), ...nydus }], more);
    return chosen;
  };
}

function brokenNydus(
  change: (manifest: { layers: Json[] } & Json, builder: CaseBuilder) => void,
): Outline['build'] {
  return (builder) => {
    const chosen = { ...builder.oci('app'), platform: AMD64 };
    const nydus = builder.nydus('app', (manifest) => {
      change(manifest, builder);
    });
    builder.index([chosen, { ...nydus, platform: AMD64, ...TYPE }]);
    return chosen;
  };
}

/** Whole documents in place of the index. */
function document(text: (entries: readonly Json[]) => unknown, mediaType?: string): Outline['build'] {
  return (builder) => {
    const chosen = { ...builder.oci('app'), platform: AMD64 };
    builder.tag(text([chosen, { ...builder.nydus('app'), platform: AMD64, ...TYPE }]), mediaType);
    return chosen;
  };
}

const OUTLINES: readonly Outline[] = [
  // The forms that upstream's versions write.
  {
    title: 'acceleration-service before 0.2.19: os.features alone',
    build: pair({ platform: AMD64 }, { platform: { ...AMD64, ...FEATURE } }),
  },
  {
    title: 'acceleration-service 0.2.19 and later: artifactType alone',
    build: pair({ platform: AMD64 }, { platform: AMD64, ...TYPE }),
  },
  {
    title: 'acceleration-service 0.2.21 and later: no mediaType in the index',
    build: document((entries) => ({ schemaVersion: 2, manifests: entries })),
  },
  {
    title: 'from a plain manifest: OCI entry without platform, Nydus entry with an empty one',
    build: pair({}, { platform: { architecture: '', os: '' }, ...TYPE }),
  },
  {
    title: 'from a plain manifest: both platforms empty strings',
    build: pair(
      { platform: { architecture: '', os: '' } },
      { platform: { architecture: '', os: '' }, ...TYPE },
    ),
  },
  {
    title: 'an already merged index, merged again: the first Nydus entry has no bootstrap',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      const wrong = { ...builder.oci('nydus with an empty layer'), platform: AMD64, ...TYPE };
      builder.index([chosen, wrong, { ...builder.nydus('app'), platform: AMD64, ...TYPE }]);
      return chosen;
    },
  },
  {
    title: 'attestations among the entries',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      const attestation = {
        ...builder.oci('attestation'),
        platform: { architecture: 'unknown', os: 'unknown' },
        annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
      };
      builder.index([chosen, attestation, { ...builder.nydus('app'), platform: AMD64, ...TYPE }]);
      return chosen;
    },
  },
  {
    title: 'a Docker manifest list with os.features',
    build: document(
      ([oci, nydus]) => ({
        schemaVersion: 2,
        mediaType: MEDIA.dockerIndex,
        manifests: [oci, { ...nydus, artifactType: undefined, platform: { ...AMD64, ...FEATURE } }],
      }),
      MEDIA.dockerIndex,
    ),
  },
  // Platforms
  {
    title: 'arm64/v8 and arm64 are one platform',
    platform: 'linux/arm64',
    build: pair({ platform: { ...ARM64, variant: 'v8' } }, { platform: ARM64, ...TYPE }),
  },
  {
    title: 'amd64/v1 and amd64 are one platform',
    build: pair({ platform: { ...AMD64, variant: 'v1' } }, { platform: AMD64, ...TYPE }),
  },
  {
    title: 'amd64/v2 and amd64 are two',
    platform: 'linux/amd64/v2',
    build: pair({ platform: { ...AMD64, variant: 'v2' } }, { platform: AMD64, ...TYPE }),
  },
  {
    title: 'arm and arm/v7 are one platform',
    platform: 'linux/arm/v7',
    build: pair(
      { platform: { architecture: 'arm', os: 'linux' } },
      { platform: { architecture: 'arm', os: 'linux', variant: 'v7' }, ...TYPE },
    ),
  },
  {
    title: 'arm/v6 and arm/v7 are two',
    platform: 'linux/arm/v7',
    build: pair(
      { platform: { architecture: 'arm', os: 'linux', variant: 'v7' } },
      { platform: { architecture: 'arm', os: 'linux', variant: 'v6' }, ...TYPE },
    ),
  },
  {
    title: 'arm64/v9 and arm64/v9.0 are one, and a machine of v9.2 runs both',
    platform: 'linux/arm64/v9.2',
    build: pair(
      { platform: { ...ARM64, variant: 'v9' } },
      { platform: { ...ARM64, variant: 'v9.0' }, ...TYPE },
    ),
  },
  {
    title: 'x86_64 is amd64, and case does not matter',
    build: pair({ platform: AMD64 }, { platform: { architecture: 'X86_64', os: 'Linux' }, ...TYPE }),
  },
  {
    title: 'versions of the system are not compared',
    build: pair(
      { platform: { ...AMD64, 'os.version': '1' } },
      { platform: { ...AMD64, 'os.version': '2' }, ...TYPE },
    ),
  },
  {
    title: 'Nydus for another architecture only',
    build: pair({ platform: AMD64 }, { platform: ARM64, ...TYPE }),
  },
  {
    title: 'an i386 image on amd64',
    platform: 'linux/amd64',
    build: pair(
      { platform: { architecture: '386', os: 'linux' } },
      { platform: { architecture: 'i386', os: 'linux' }, ...TYPE },
    ),
  },
  {
    title: 'features on both entries: the same',
    build: pair({ platform: { ...AMD64, ...FEATURE } }, { platform: { ...AMD64, ...FEATURE }, ...TYPE }),
  },
  {
    title: 'features on both entries: the Nydus one has one more',
    build: pair(
      { platform: { ...AMD64, 'os.features': ['z'] } },
      { platform: { ...AMD64, 'os.features': ['z', NYDUS_OS_FEATURE] }, ...TYPE },
    ),
  },
  // Order and marks
  {
    title: 'the Nydus entry comes first',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      builder.index([{ ...builder.nydus('app'), platform: AMD64, ...TYPE }, chosen]);
      return chosen;
    },
  },
  { title: 'no mark at all', build: pair({ platform: AMD64 }, { platform: AMD64 }) },
  {
    title: 'an artifactType in capitals is no mark',
    build: pair({ platform: AMD64 }, { platform: AMD64, artifactType: MEDIA.nydusArtifact.toUpperCase() }),
  },
  {
    title: 'the OCI entry is marked as well',
    build: pair({ platform: AMD64, ...TYPE }, { platform: AMD64, ...TYPE }),
  },
  {
    title: 'two Nydus entries: the first one counts',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      const [one, two] = ['one', 'two'].map((name) => ({ ...builder.nydus(name), platform: AMD64, ...TYPE }));
      builder.index([chosen, one, two]);
      return chosen;
    },
  },
  {
    title: 'two Nydus entries: the first one by feature',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      const one = { ...builder.nydus('one'), platform: { ...AMD64, ...FEATURE } };
      builder.index([chosen, one, { ...builder.nydus('two'), platform: AMD64, ...TYPE }]);
      return chosen;
    },
  },
  // Entries without platform
  {
    title: 'an entry without platform before the Nydus entry',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      builder.index([chosen, builder.oci('chart'), { ...builder.nydus('app'), platform: AMD64, ...TYPE }]);
      return chosen;
    },
  },
  {
    title: 'an entry without platform behind the Nydus entry',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      builder.index([chosen, { ...builder.nydus('app'), platform: AMD64, ...TYPE }, builder.oci('chart')]);
      return chosen;
    },
  },
  { title: 'a platform that is null', build: pair({ platform: null }, { platform: AMD64, ...TYPE }) },
  {
    title: 'a null among the entries',
    build: document(([oci, nydus]) => ({ schemaVersion: 2, manifests: [oci, null, nydus] })),
  },
  // The Nydus manifest
  {
    title: 'the bootstrap is not the last layer',
    build: brokenNydus((manifest) => manifest.layers.reverse()),
  },
  { title: 'no layers', build: brokenNydus((manifest) => (manifest.layers = [])) },
  { title: 'layers null', build: brokenNydus((manifest) => Object.assign(manifest, { layers: null })) },
  {
    title: 'a bootstrap annotation that says false',
    build: brokenNydus((manifest) =>
      Object.assign(manifest.layers[1] ?? {}, {
        annotations: { 'containerd.io/snapshot/nydus-bootstrap': 'false' },
      }),
    ),
  },
  {
    title: 'an annotation that is a number',
    build: brokenNydus((manifest) => Object.assign(manifest, { annotations: { version: 6 } })),
  },
  {
    title: 'the Nydus manifest is not there',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      const nydus = builder.nydus('app');
      builder.index([chosen, { ...nydus, platform: AMD64, ...TYPE }]);
      builder.manifests.delete(String(nydus['digest']));
      return chosen;
    },
  },
  { title: 'its size is wrong', build: pair({ platform: AMD64 }, { platform: AMD64, ...TYPE, size: 7 }) },
  {
    title: 'its size is too large',
    build: pair({ platform: AMD64 }, { platform: AMD64, ...TYPE, size: 70_000 }),
  },
  { title: 'its size is 0', build: pair({ platform: AMD64 }, { platform: AMD64, ...TYPE, size: 0 }) },
  {
    title: 'its size is a string',
    build: pair({ platform: AMD64 }, { platform: AMD64, ...TYPE, size: '7' }),
  },
  {
    title: 'its size is a fraction',
    build: pair({ platform: AMD64 }, { platform: AMD64, ...TYPE, size: 7.5 }),
  },
  {
    title: 'its media type is missing: it is asked for as a blob',
    build: pair({ platform: AMD64 }, { platform: AMD64, ...TYPE, mediaType: undefined }),
  },
  {
    title: 'its digest is none',
    build: pair({ platform: AMD64 }, { platform: AMD64, ...TYPE, digest: 'sha256:abc' }),
  },
  {
    title: 'its bytes are others than its digest promises',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      const nydus = builder.nydus('app');
      const other = builder.manifests.get(String(builder.nydus('another')['digest']));
      if (other !== undefined) builder.manifests.set(String(nydus['digest']), other);
      builder.index([chosen, { ...nydus, platform: AMD64, ...TYPE }]);
      return chosen;
    },
  },
  {
    title: 'the Nydus entry is an index itself',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      const nested = builder.put({ schemaVersion: 2, manifests: [builder.nydus('app')] }, MEDIA.ociIndex);
      builder.index([chosen, { ...nested, platform: AMD64, ...TYPE }]);
      return chosen;
    },
  },
  {
    title: 'the Nydus manifest is no JSON',
    build: (builder) => {
      const chosen = { ...builder.oci('app'), platform: AMD64 };
      builder.index([chosen, { ...builder.put('{"schemaVersion":2,'), platform: AMD64, ...TYPE }]);
      return chosen;
    },
  },
  // The index
  {
    title: 'keys in another case',
    build: document((manifests) => ({ SchemaVersion: 2, Manifests: manifests })),
  },
  { title: 'the index is no JSON', build: document(() => '{"schemaVersion":2,"manifests":[') },
  { title: 'the index is an array', build: document((manifests) => manifests) },
  {
    title: 'a platform that is a string',
    build: pair({ platform: AMD64 }, { platform: 'linux/amd64', ...TYPE }),
  },
  {
    title: 'os.features that is a string',
    build: pair({ platform: AMD64 }, { platform: { ...AMD64, 'os.features': NYDUS_OS_FEATURE } }),
  },
  {
    title: 'an index annotation that is a number',
    build: document((manifests) => ({ schemaVersion: 2, manifests, annotations: { a: 1 } })),
  },
  {
    title: 'an entry whose data is not base64',
    build: pair({ platform: AMD64 }, { platform: AMD64, ...TYPE, data: '***' }),
  },
  {
    title: 'an index of 5 MB',
    build: pair(
      { platform: AMD64 },
      { platform: AMD64, ...TYPE },
      { annotations: { large: 'x'.repeat(5_000_000) } },
    ),
  },
  {
    title: 'the tag points to a manifest',
    build: (builder) => {
      const chosen = builder.oci('app');
      const document = builder.manifests.get(String(chosen['digest']));
      if (document !== undefined) builder.manifests.set('1', document);
      return chosen;
    },
  },
  {
    title: 'the tag was moved to another image',
    build: (builder) => {
      const old = { ...builder.oci('old'), platform: AMD64 };
      pair({ platform: AMD64 }, { platform: AMD64, ...TYPE })(builder);
      return old;
    },
  },
  // Referrers
  ...(
    [
      ['a Nydus image refers to the manifest', ['nydus'], 'api'],
      ['a signature comes first and hides the Nydus image', ['signature', 'nydus'], 'api'],
      ['the Nydus image comes first, a signature behind it', ['nydus', 'signature'], 'api'],
      ['nothing refers to the manifest', [], 'api'],
      ['no referrers API, but the tag', ['nydus'], 'tag'],
      ['neither API nor tag', undefined, 'tag'],
    ] as const
  ).map(([title, kinds, way]): Outline => ({
    title: `referrers: ${title}`,
    mode: 'referrer',
    build: (builder) => {
      const chosen: Json = { ...builder.oci('app'), platform: AMD64 };
      builder.index([chosen]);
      const list = kinds?.map((kind) =>
        kind === 'nydus' ? { ...builder.nydus('app'), ...TYPE } : builder.oci('a signature'),
      );
      const index = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: list };
      const digest = String(chosen['digest']);
      if (way === 'api') {
        builder.referrers = new Map([[digest, Buffer.from(JSON.stringify(index))]]);
      } else if (list !== undefined) {
        const { digest: at } = builder.put(index, MEDIA.ociIndex);
        const document = builder.manifests.get(String(at));
        if (document !== undefined) builder.manifests.set(digest.replace(':', '-'), document);
      }
      return chosen;
    },
  })),
];

/** All of them, each in a repository of its own. */
export function indexCases(): readonly IndexCase[] {
  return OUTLINES.map(({ title, mode = 'index', platform = 'linux/amd64', build }) => {
    const builder = new CaseBuilder();
    const chosen: Json = build(builder);
    const { manifests, blobs, referrers } = builder;
    return {
      title,
      mode,
      platform,
      manifest: String(chosen['digest']),
      repository: { manifests, blobs, referrers },
    };
  });
}
