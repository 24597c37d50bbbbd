/** Small images for tests of stores: the layers are bytes, what is in them does not matter. */
import { collect, contentOf } from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { sha256 } from '../../../src/oci/digest.js';
import { descriptorToJson, type JsonObject, parseDocument, serialise } from '../../../src/oci/manifest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import type { ImageSource, ImageTarget } from '../../../src/registry/stores/store.js';

export interface SampleImage {
  readonly manifest: Descriptor;
  /** All bytes by descriptor, the manifest last. */
  readonly parts: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[];
}

export function describe(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: sha256(bytes), size: bytes.length };
}

/** `fields` are added to the manifest, or take something away when undefined. */
export function sampleImage(layers: readonly Uint8Array[], fields: JsonObject = {}): SampleImage {
  const config = serialise({
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: layers.map((bytes) => sha256(bytes)) },
  });
  const parts = [
    ...layers.map((bytes) => ({ descriptor: describe(MEDIA.ociLayerTar, bytes), bytes })),
    { descriptor: describe(MEDIA.ociConfig, config), bytes: config },
  ];
  const manifest = serialise({
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: descriptorToJson(describe(MEDIA.ociConfig, config)),
    layers: layers.map((bytes) => descriptorToJson(describe(MEDIA.ociLayerTar, bytes))),
    ...fields,
  });
  const descriptor = describe(MEDIA.ociManifest, manifest);
  return { manifest: descriptor, parts: [...parts, { descriptor, bytes: manifest }] };
}

/** Bytes that look random and are the same for the same seed. */
export function noise(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed * 2654435761 + 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export async function pushImage(target: ImageTarget, image: SampleImage): Promise<void> {
  for (const { descriptor, bytes } of image.parts) await target.push(descriptor, contentOf(bytes));
  await target.tag(image.manifest, image.parts.at(-1)?.bytes ?? new Uint8Array());
}

export async function readAll(source: Pick<ImageSource, 'fetch'>, descriptor: Descriptor): Promise<Buffer> {
  return collect(source.fetch(descriptor), descriptor.size + 1, descriptor.digest);
}

/** Everything that a single image consists of, read through the store and verified by it; the total of its bytes. */
export async function readImage(source: ImageSource): Promise<number> {
  const manifest = await source.resolve();
  const bytes = await readAll(source, manifest);
  const document = parseDocument(bytes, manifest.mediaType);
  let total = bytes.length;
  const parts = document.kind === 'manifest' ? [document.config, ...document.layers] : document.manifests;
  for (const part of parts) total += (await readAll(source, part)).length;
  return total;
}
