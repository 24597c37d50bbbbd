/**
 * References as odd as people have reported them: indexes in indexes, entries and configs that disagree, members that are null, content
 * that is missing. Every choice comes from a seed, so that a case can be had again by its number.
 */
import { gzipSync } from 'node:zlib';
import type { ConvertOptions } from '../../../src/convert/options.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { sha256 } from '../../../src/oci/digest.js';
import { ANNOTATION, MEDIA } from '../../../src/oci/media-types.js';
import { parsePlatforms } from '../../../src/oci/platform.js';
import { MemoryStore, type Json } from '../registries/memory-store.js';
import { file, layer } from './tar.js';

export interface OddReference {
  readonly store: MemoryStore;
  /** All content, children first; content that is to be missing is not among it. */
  readonly parts: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[];
  readonly options: Partial<ConvertOptions>;
  /** The names of the oddities in it. */
  readonly oddities: ReadonlySet<string>;
}

/** Tars and their gzip, made once: cases differ in documents, not in files. */
const LAYERS = ['a', 'b', 'c', 'd'].map((name) => {
  const tar = layer(file(name, name.repeat(50)));
  return { diffId: sha256(tar), bytes: gzipSync(tar, { level: 0 }), tar };
});

const PLATFORMS: readonly Json[] = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
  { os: 'linux', architecture: 'arm64', variant: 'v8' },
  { os: 'linux', architecture: 'arm', variant: 'v7' },
  { os: 'linux', architecture: 'arm' },
  { os: 'Linux', architecture: 'x86_64' },
  { os: 'linux', architecture: 'amd64', 'os.version': '1' },
  { os: 'linux', architecture: 'amd64', variant: 'v2', 'os.features': ['sse'] },
];
const OTHER_SYSTEMS: readonly Json[] = [
  { os: 'windows', architecture: 'amd64', 'os.version': '10.0.17763.1' },
  { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.2' },
  { os: 'darwin', architecture: 'arm64' },
];

export function oddReference(seed: number): OddReference {
  return new Builder(seed).reference();
}

class Builder {
  readonly #store = new MemoryStore('memory.test/source:1');
  readonly #parts = new Map<string, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }>();
  readonly #oddities = new Set<string>();
  readonly #missing = new Set<string>();
  #state: number;
  #images = 0;
  /** Some cases hold one oddity, some many. */
  readonly #calm: number;

  constructor(seed: number) {
    this.#state = (seed * 0x9e37_79b9 + 1) >>> 0;
    this.#calm = 1 + this.#below(6);
  }

  reference(): OddReference {
    const single = this.#one(8);
    const root = single ? this.#image(this.#pick(PLATFORMS)) : this.#index(0);
    this.#store.root = root;
    for (const digest of this.#missing) {
      this.#parts.delete(digest);
      for (const known of this.#store.content.keys()) if (known === digest) this.#store.content.delete(known);
    }
    const options: Partial<ConvertOptions> = {
      mergePlatform: !this.#one(3),
      ...(this.#one(6) ? { mergeIsolation: 'none' } : {}),
      ...(this.#one(4)
        ? { indexMarks: this.#pick(['both', 'artifact-type', 'os-features', 'dual'] as const) }
        : {}),
      ...(this.#one(4) ? { oci: true } : {}),
      ...(this.#one(8) ? { withReferrer: true } : {}),
      ...(this.#one(4) ? { keepAttestations: this.#one(2) } : {}),
      ...(this.#one(2) ? { allowMissingPlatforms: true } : {}),
      ...(this.#one(3)
        ? { platforms: parsePlatforms(this.#pick(['linux/amd64', 'linux/arm64,linux/amd64', 'linux/arm'])) }
        : {}),
    };
    return { store: this.#store, parts: [...this.#parts.values()], options, oddities: this.#oddities };
  }

  #index(depth: number): Descriptor {
    const entries: Json[] = [];
    const count = 1 + this.#below(3);
    for (let i = 0; i < count; i++) entries.push(...this.#entry(depth));
    const docker = this.#odd('a Docker list', 5);
    const mediaType = docker ? MEDIA.dockerIndex : MEDIA.ociIndex;
    const annotations = this.#annotations('of the index');
    return this.#put(mediaType, {
      schemaVersion: 2,
      ...(this.#odd('an index without mediaType', 6) && !docker ? {} : { mediaType }),
      manifests: entries,
      ...annotations,
      ...this.#identity('of the index'),
    });
  }

  #entry(depth: number): Json[] {
    if (depth < 2 && this.#odd('an index inside an index', 8)) {
      const nested = this.#index(depth + 1);
      return [{ ...nested, ...(this.#one(2) ? { platform: this.#pick(PLATFORMS) } : {}) }];
    }
    if (this.#odd('an attestation', 8)) {
      const image = { os: 'unknown', architecture: 'unknown' };
      const statement = this.#image(image);
      const annotations = {
        [ANNOTATION.dockerReferenceType]: 'attestation-manifest',
        [ANNOTATION.dockerReferenceDigest]: statement.digest,
      };
      return [{ ...statement, platform: image, annotations }];
    }
    if (this.#odd('an artifact', 10)) {
      const artifact = this.#put(MEDIA.ociManifest, {
        schemaVersion: 2,
        mediaType: MEDIA.ociManifest,
        artifactType: 'application/vnd.example.thing',
        config: this.#put(MEDIA.ociEmpty, {}),
        layers: [],
      });
      return [{ ...artifact, artifactType: 'application/vnd.example.thing' }];
    }
    if (this.#odd('a manifest of schema 1', 14)) {
      const old = this.#put(MEDIA.dockerSchema1Signed, { schemaVersion: 1, fsLayers: [] });
      return [{ ...old, platform: this.#pick(PLATFORMS) }];
    }
    if (this.#odd('content of an unknown type', 14)) {
      return [{ ...this.#put('application/vnd.example', { a: 1 }), platform: this.#pick(PLATFORMS) }];
    }
    const platform = this.#odd('another system', 8) ? this.#pick(OTHER_SYSTEMS) : this.#pick(PLATFORMS);
    const image = this.#image(platform);
    if (this.#odd('a manifest that is not there', 14)) this.#missing.add(image.digest);
    const stated = this.#odd('an entry of another platform than its config', 8)
      ? this.#pick(PLATFORMS)
      : platform;
    const entry: Json = {
      ...image,
      ...(this.#odd('an entry without platform', 8) ? {} : { platform: stated }),
      ...(this.#odd('an entry with data', 12) ? { data: 'YQ==' } : {}),
      ...(this.#odd('an entry with a type', 12) ? { artifactType: 'application/vnd.example.image' } : {}),
      ...this.#annotations('of the entry', {
        'io.github.containers.compression.zstd': 'true',
        'org.example.digest': image.digest,
      }),
    };
    return this.#odd('an entry listed twice', 14) ? [entry, entry] : [entry];
  }

  #image(platform: Json): Descriptor {
    const docker = this.#odd('a Docker image', 4);
    this.#images += 1;
    const count = this.#odd('no layers', 16) ? 0 : 1 + this.#below(3);
    const layers = Array.from({ length: count }, () => this.#pick(LAYERS));
    const type = docker ? MEDIA.dockerLayerGzip : MEDIA.ociLayerGzip;
    const described = layers.map(({ bytes, tar }) => this.#layer(type, bytes, tar));
    const config = this.#config(
      platform,
      layers.map(({ diffId }) => diffId),
      docker,
    );
    const nullLayers = count === 0 && this.#one(2);
    const mediaType = docker ? MEDIA.dockerManifest : MEDIA.ociManifest;
    return this.#put(mediaType, {
      schemaVersion: 2,
      ...(this.#odd('a manifest without mediaType', 10) && !docker ? {} : { mediaType }),
      config,
      layers: nullLayers ? null : described,
      ...(this.#odd('a manifest with an unknown member', 8)
        ? { 'x-number': 12345678901234567890n.toString() }
        : {}),
      ...this.#annotations('of the manifest', {
        [ANNOTATION.nydusSourceDigest]: sha256('elsewhere'),
        'com.amazon.soci.index-digest': sha256('soci'),
        'org.example.config': config.digest,
      }),
      ...this.#identity('of the manifest'),
    });
  }

  #layer(type: string, gzip: Uint8Array, tar: Uint8Array): Json {
    if (this.#odd('a layer that is not compressed', 12)) {
      const plain = type === MEDIA.dockerLayerGzip ? MEDIA.dockerLayerTar : MEDIA.ociLayerTar;
      return { ...this.#bytes(plain, tar) };
    }
    if (this.#odd('a layer of the other family', 12)) {
      const other = type === MEDIA.dockerLayerGzip ? MEDIA.ociLayerGzip : MEDIA.dockerLayerGzip;
      return { ...this.#bytes(other, gzip) };
    }
    if (this.#odd('a foreign layer', 20))
      return { ...this.#bytes(MEDIA.dockerForeignLayer, gzip), urls: ['https://layers.test/1'] };
    if (this.#odd('an encrypted layer', 24))
      return { ...this.#bytes(`${MEDIA.ociLayerGzip}+encrypted`, gzip) };
    if (this.#odd('a layer that is no tar', 24)) return { ...this.#bytes('application/wasm', gzip) };
    const described = this.#bytes(type, gzip);
    return {
      ...described,
      ...(this.#odd('a layer with null annotations', 12) ? { annotations: null } : {}),
      ...(this.#odd('a layer with no addresses', 12) ? { urls: [] } : {}),
      ...(this.#odd('a layer with annotations', 12)
        ? { annotations: { 'containerd.io/snapshot/stargz/toc.digest': sha256('toc') } }
        : {}),
    };
  }

  #config(platform: Json, diffIds: readonly string[], docker: boolean): Json & { readonly digest: string } {
    const history = diffIds.map((_, i) => ({ created_by: `step ${i}` }));
    const histories: Readonly<Record<string, unknown>> = {
      'a history that is null': null,
      'a history that is too long': [...history, { created_by: 'more' }, { created_by: 'again' }],
      'a history that is too short': history.slice(1),
      'an empty history': [],
      'a history with empty layers': [
        { empty_layer: true },
        ...history,
        { created_by: 'x', empty_layer: true },
      ],
    };
    const kind = this.#odd('a history', 4) ? this.#pick(Object.keys(histories)) : undefined;
    if (kind !== undefined) this.#oddities.add(kind);
    const json: Json = {
      ...(this.#odd('a config of another platform', 20) ? this.#pick(PLATFORMS) : platform),
      ...(this.#odd('a config without os', 24) ? { os: '' } : {}),
      ...(this.#odd('a config whose variant is null', 12) ? { variant: null } : {}),
      config: this.#odd('a config that is null', 10)
        ? null
        : { Env: [`N=${this.#images}`], Labels: { a: 'b' } },
      rootfs: {
        ...(this.#odd('a rootfs without type', 16) ? {} : { type: 'layers' }),
        diff_ids: diffIds.length === 0 && this.#one(2) ? null : diffIds,
      },
      ...(this.#odd('no history', 10) ? {} : { history: kind === undefined ? history : histories[kind] }),
    };
    const untyped = docker && this.#odd('a config without type', 8);
    const usual = docker ? MEDIA.dockerConfig : MEDIA.ociConfig;
    const described = this.#put(untyped ? MEDIA.untypedConfig : usual, json);
    const bytes = this.#store.content.get(described.digest) ?? new Uint8Array();
    return {
      ...described,
      ...(this.#odd('an embedded config', 8) ? { data: Buffer.from(bytes).toString('base64') } : {}),
      ...(this.#odd('other bytes embedded', 24) ? { data: 'b3RoZXI=' } : {}),
      ...(this.#odd('a config with addresses', 24) ? { urls: ['https://config.test/'] } : {}),
    };
  }

  #annotations(of: string, more: Json = {}): Json {
    if (this.#odd(`null annotations ${of}`, 10)) return { annotations: null };
    if (!this.#odd(`annotations ${of}`, 4)) return {};
    const [key] = this.#odd(`identity in annotations ${of}`, 2)
      ? Object.keys(more).slice(this.#below(3))
      : [];
    return {
      annotations: { 'org.example.kept': 'yes', ...(key === undefined ? {} : { [key]: more[key] }) },
    };
  }

  #identity(of: string): Json {
    return {
      ...(this.#odd(`a subject ${of}`, 12) ? { subject: this.#subject() } : {}),
      ...(this.#odd(`an artifactType ${of}`, 14) && of !== 'of the index'
        ? { artifactType: 'application/vnd.example.variant' }
        : {}),
      ...(this.#odd(`members that are null ${of}`, 14) ? { subject: null, artifactType: null } : {}),
    };
  }

  #subject(): Descriptor {
    const config = this.#put(MEDIA.ociEmpty, {});
    const mediaType = MEDIA.ociManifest;
    return this.#put(mediaType, { schemaVersion: 2, mediaType, config, layers: [] });
  }

  #put(mediaType: string, json: Json): Descriptor {
    const indent = this.#pick([undefined, undefined, 2, '\t']);
    return this.#bytes(mediaType, Buffer.from(JSON.stringify(json, null, indent)));
  }

  #bytes(mediaType: string, bytes: Uint8Array): Descriptor {
    const descriptor = this.#store.put(mediaType, bytes);
    this.#parts.set(descriptor.digest, { descriptor, bytes });
    return descriptor;
  }

  /** True once in `times`, and noted under its name. */
  #odd(name: string, times: number): boolean {
    if (!this.#one(times * this.#calm)) return false;
    this.#oddities.add(name);
    return true;
  }

  #one(times: number): boolean {
    return this.#below(times) === 0;
  }

  #pick<T>(all: readonly T[]): T {
    const found = all[this.#below(all.length)];
    if (found === undefined && all.length === 0) throw new Error('there is nothing to pick from');
    return found as T; // `below` stays below the length
  }

  /** Mulberry32. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }
}
