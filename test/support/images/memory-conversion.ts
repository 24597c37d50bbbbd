/** A source image out of tars, converted in memory, and ways to spoil the result. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { checkImage } from '../../../src/check/check.js';
import type { CheckOptions } from '../../../src/check/options.js';
import type { CheckResult } from '../../../src/check/result.js';
import { convertImage } from '../../../src/convert/convert.js';
import type { ConvertOptions } from '../../../src/convert/options.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { parseDigest, sha256 } from '../../../src/oci/digest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { MemoryStore, type Json } from '../registries/memory-store.js';

export interface SourceFamily {
  readonly manifest: string;
  readonly config: string;
  readonly layer: string;
}

export const OCI: SourceFamily = {
  manifest: MEDIA.ociManifest,
  config: MEDIA.ociConfig,
  layer: MEDIA.ociLayerGzip,
};
export const DOCKER: SourceFamily = {
  manifest: MEDIA.dockerManifest,
  config: MEDIA.dockerConfig,
  layer: MEDIA.dockerLayerGzip,
};

/** An image of one platform, its layers gzip'd. */
export function sourceImage(
  tars: readonly Uint8Array[],
  {
    family = OCI,
    architecture = 'amd64',
    diffIds,
  }: { family?: SourceFamily; architecture?: string; diffIds?: readonly string[] } = {},
): MemoryStore {
  const store = new MemoryStore('memory.test/source:1');
  store.root = putImage(store, tars, { family, architecture, diffIds });
  return store;
}

export function putImage(
  store: MemoryStore,
  tars: readonly Uint8Array[],
  {
    family,
    architecture,
    diffIds = tars.map((tar) => sha256(tar)),
  }: { family: SourceFamily; architecture: string; diffIds?: readonly string[] | undefined },
): Descriptor {
  const config = store.putJson(family.config, {
    os: 'linux',
    architecture,
    config: { Env: ['A=b'], Healthcheck: { Test: ['CMD', 'true'], Interval: 30000000000 } },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: tars.map((_, i) => ({ created_by: `step ${i}` })),
    'x-number': 1,
  });
  return store.putJson(family.manifest, {
    schemaVersion: 2,
    mediaType: family.manifest,
    config,
    layers: tars.map((tar) => store.put(family.layer, gzipSync(tar))),
  });
}

export async function converted(
  source: MemoryStore,
  options: Partial<ConvertOptions> = {},
): Promise<MemoryStore> {
  const target = new MemoryStore('memory.test/target:1');
  await convertImage({ source, target }, { threads: 2, ...options });
  return target;
}

export async function check(
  target: MemoryStore,
  source?: MemoryStore,
  options?: CheckOptions,
): Promise<CheckResult> {
  return checkImage({ source, target }, options);
}

/** Ids found, sorted, without repetition. */
export async function idsOf(target: MemoryStore, source?: MemoryStore): Promise<string[]> {
  const { findings } = await check(target, source);
  return [...new Set(findings.map(({ id }) => id))].sort();
}

interface ManifestJson extends Json {
  config: Descriptor;
  layers: Descriptor[];
}

export function manifestOf(store: MemoryStore): ManifestJson {
  return jsonOf(store, store.root) as ManifestJson; // written by putImage or convert
}

function jsonOf(store: MemoryStore, descriptor: Descriptor | undefined): Json {
  const bytes = descriptor === undefined ? undefined : store.content.get(descriptor.digest);
  return JSON.parse(Buffer.from(bytes ?? []).toString()) as Json;
}

/** A copy of an image that is one manifest, with manifest and config changed, and all digests above them right again. */
export function respelled(
  store: MemoryStore,
  change: (manifest: ManifestJson, config: Json, copy: MemoryStore) => void,
): MemoryStore {
  const copy = MemoryStore.copyOf(store);
  const manifest = manifestOf(copy);
  const config = jsonOf(copy, manifest.config);
  change(manifest, config, copy);
  manifest.config = copy.putJson(manifest.config.mediaType, config);
  copy.root = copy.putJson(store.root?.mediaType ?? '', manifest);
  return copy;
}

/** A copy whose store answers with other bytes for a layer, under the same digest. */
export function withBytes(store: MemoryStore, layer: number, change: (bytes: Buffer) => Buffer): MemoryStore {
  const copy = MemoryStore.copyOf(store);
  const descriptor = manifestOf(copy).layers.at(layer);
  if (descriptor === undefined) throw new Error(`there is no layer ${layer}`);
  const bytes = Buffer.from(copy.content.get(descriptor.digest) ?? []);
  copy.content.set(descriptor.digest, change(bytes));
  return copy;
}

/** A copy with another bootstrap layer, and digest, size and diffID right for it. */
export function withBootstrapTar(store: MemoryStore, tar: Uint8Array): MemoryStore {
  return respelled(store, (manifest, config, copy) => {
    const bytes = gzipSync(tar);
    const last = manifest.layers.at(-1);
    if (last === undefined) throw new Error('there are no layers');
    copy.put(last.mediaType, bytes);
    manifest.layers.splice(-1, 1, { ...last, digest: sha256(bytes), size: bytes.length });
    const rootfs = config['rootfs'] as { diff_ids: string[] }; // written by convert
    rootfs.diff_ids.splice(-1, 1, parseDigest(`sha256:${createHash('sha256').update(tar).digest('hex')}`));
  });
}

export function flip(offset: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    bytes[offset] = (bytes[offset] ?? 0) ^ 1;
    return bytes;
  };
}

/** An image whose layers, all of one type, are stored as these bytes and unpack to these tars. */
export function storedImage(
  stored: readonly Uint8Array[],
  tars: readonly Uint8Array[],
  type: string = MEDIA.ociLayerGzip,
): MemoryStore {
  const store = new MemoryStore('memory.test/source:1');
  const config = store.putJson(MEDIA.ociConfig, {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => sha256(tar)) },
  });
  store.root = store.putJson(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config,
    layers: stored.map((bytes) => store.put(type, bytes)),
  });
  return store;
}
