/** Images as JSON in memory: what a registry would serve, easy to write and to break. */
import { RegistryError } from '../../../src/errors.js';
import {
  collect,
  contentOf,
  verified,
  type ByteStream,
  type ReplayableContent,
} from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { sha256, type Digest } from '../../../src/oci/digest.js';
import { ANNOTATION, MEDIA, NYDUS_OS_FEATURE } from '../../../src/oci/media-types.js';
import { EMPTY_LAYER_BYTES, EMPTY_LAYER_DIFF_ID } from '../../../src/oci/nydus.js';
import { type Location, parseLocation } from '../../../src/registry/location.js';
import {
  demandTag,
  type FetchOptions,
  type ImageSource,
  type ImageTarget,
  type PushOutcome,
  type TagOptions,
} from '../../../src/registry/stores/store.js';

export type Json = Record<string, unknown>;

export class MemoryStore implements ImageSource, ImageTarget {
  readonly place: Location;
  readonly location: string;
  readonly content = new Map<Digest, Uint8Array>();
  root: Descriptor | undefined;
  /** Called before a tag is set; a test may let another client go first. */
  onTag: () => void | Promise<void> = () => undefined;

  constructor(location = 'memory.test/app:1') {
    this.place = parseLocation(location);
    this.location = location;
  }

  /** All that is in another store, to be spoiled without harm to it. */
  static copyOf(store: MemoryStore): MemoryStore {
    const copy = new MemoryStore(store.location);
    for (const [digest, bytes] of store.content) copy.content.set(digest, bytes);
    copy.root = store.root;
    return copy;
  }

  async push(descriptor: Descriptor, content: ReplayableContent): Promise<PushOutcome> {
    if (this.content.has(descriptor.digest)) return 'present';
    this.content.set(descriptor.digest, await collect(content.open(), descriptor.size, 'pushed blob'));
    return 'pushed';
  }

  async tag(manifest: Descriptor, bytes: Uint8Array, { expected }: TagOptions = {}): Promise<void> {
    await this.onTag();
    demandTag(this.location, this.root?.digest, { expected });
    this.content.set(manifest.digest, bytes);
    this.root = manifest;
  }

  put(mediaType: string, bytes: Uint8Array): Descriptor {
    const digest = sha256(bytes);
    this.content.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  putJson(mediaType: string, json: Json): Descriptor {
    return this.put(mediaType, Buffer.from(JSON.stringify(json)));
  }

  fetch(descriptor: Descriptor, options: FetchOptions = {}): ByteStream {
    const bytes = this.content.get(descriptor.digest);
    if (bytes === undefined) throw new RegistryError(`${descriptor.digest} is not there`, { status: 404 });
    const { range } = options;
    if (range !== undefined || options.unverified === true) return contentOf(bytes).open(range);
    return verified(contentOf(bytes).open(), descriptor, `blob ${descriptor.digest}`);
  }

  exists(descriptor: Descriptor): Promise<boolean> {
    return Promise.resolve(this.content.get(descriptor.digest)?.length === descriptor.size);
  }

  resolve(): Promise<Descriptor> {
    if (this.root === undefined) throw new RegistryError('no such tag', { status: 404 });
    return Promise.resolve(this.root);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

const AMD64 = { architecture: 'amd64', os: 'linux' };

/** A source image of two layers, with fields that no schema knows. Layers are bytes, not tars: rules here never unpack. */
export function putSource(store: MemoryStore, layers = [Buffer.from('one'), Buffer.from('two')]): Descriptor {
  const config = store.putJson(MEDIA.ociConfig, sourceConfig(layers));
  return store.putJson(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config,
    layers: layers.map((layer) => store.put(MEDIA.ociLayerGzip, layer)),
    annotations: { 'org.example.kept': 'yes' },
  });
}

function sourceConfig(layers: readonly Uint8Array[]): Json {
  return {
    ...AMD64,
    created: '2026-01-01T00:00:00Z',
    config: { Env: ['A=b'], Healthcheck: { Interval: 30 } },
    rootfs: {
      type: 'layers',
      diff_ids: layers.map((layer) => sha256(Buffer.concat([layer, Buffer.from('tar')]))),
    },
    history: layers.map((_, i) => ({ created_by: `step ${i}` })),
    'x-unknown': 12,
  };
}

export interface MergedParts {
  readonly ociManifest: Json;
  readonly ociConfig: Json;
  readonly nydusManifest: Json;
  readonly nydusConfig: Json;
  readonly index: Json;
  readonly ociEntry: Json;
  readonly nydusEntry: Json;
  /** Stores a document and returns its descriptor. */
  readonly put: (mediaType: string, json: Json) => Descriptor;
}

/** A merged index over the source of `putSource`, as `convert --merge-platform` makes it; `change` spoils a part of it. */
export function putMerged(
  store: MemoryStore,
  change: (parts: MergedParts) => void = () => undefined,
): MemoryStore {
  const layers = [Buffer.from('one'), Buffer.from('two')];
  const source = putSource(store, layers);
  const base = sourceConfig(layers);
  const rootfs = base['rootfs'] as { diff_ids: string[] };
  const history = base['history'] as Json[];
  const annotations = { 'org.example.kept': 'yes', [ANNOTATION.nydusSourceDigest]: source.digest };
  const blob = store.put(MEDIA.nydusBlob, Buffer.from('blob'));
  const bootstrap = store.put(MEDIA.ociLayerGzip, Buffer.from('bootstrap'));
  const parts: MergedParts = {
    ociConfig: {
      ...base,
      rootfs: { type: 'layers', diff_ids: [EMPTY_LAYER_DIFF_ID, ...rootfs.diff_ids] },
      history: [{ created_by: 'Nydus Converter', comment: 'Nydus Empty Layer' }, ...history],
    },
    nydusConfig: {
      ...base,
      rootfs: { type: 'layers', diff_ids: [blob.digest, blob.digest, sha256('boot tar')] },
      history: [...history, { created_by: 'Nydus Converter', comment: 'Nydus Bootstrap Layer' }],
    },
    ociManifest: {
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      layers: [
        {
          ...store.put(MEDIA.ociLayerGzip, EMPTY_LAYER_BYTES),
          annotations: { [ANNOTATION.nydusEmptyLayer]: 'true' },
        },
        ...layers.map((layer) => store.put(MEDIA.ociLayerGzip, layer)),
      ],
      annotations,
    },
    nydusManifest: {
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      layers: [
        { ...blob, annotations: { [ANNOTATION.nydusBlob]: 'true' } },
        { ...blob, annotations: { [ANNOTATION.nydusBlob]: 'true' } },
        {
          ...bootstrap,
          annotations: { [ANNOTATION.nydusBootstrap]: 'true', [ANNOTATION.nydusFsVersion]: '6' },
        },
      ],
      annotations: { ...annotations, [ANNOTATION.nydusFsVersion]: '6' },
    },
    ociEntry: { platform: { ...AMD64 }, annotations: { [ANNOTATION.nydusSourceDigest]: source.digest } },
    nydusEntry: {
      platform: { ...AMD64, 'os.features': [NYDUS_OS_FEATURE] },
      artifactType: MEDIA.nydusArtifact,
    },
    index: { schemaVersion: 2, mediaType: MEDIA.ociIndex },
    put: (mediaType, json) => store.putJson(mediaType, json),
  };
  change(parts);
  const putImage = (configType: string, config: Json, manifest: Json): Descriptor =>
    store.putJson(MEDIA.ociManifest, {
      ...manifest,
      config: manifest['config'] ?? store.putJson(configType, config),
    });
  const oci = putImage(MEDIA.ociConfig, parts.ociConfig, parts.ociManifest);
  const nydus = putImage(MEDIA.nydusConfig, parts.nydusConfig, parts.nydusManifest);
  store.root = store.putJson(MEDIA.ociIndex, {
    manifests: [
      { ...oci, ...parts.ociEntry },
      { ...nydus, ...parts.nydusEntry },
    ],
    ...parts.index,
  });
  return store;
}
