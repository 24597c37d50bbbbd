/** Writes images and archives by hand: no code of `src` takes part, so that nothing is refused while it is written. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../../src/oci/digest.js';
import type { Bomb } from './bomb.js';
import { numbered, type PackedBytes } from './layers.js';

const OCI = 'application/vnd.oci.image.';
export const MANIFEST = `${OCI}manifest.v1+json`;
export const INDEX = `${OCI}index.v1+json`;
const CONFIG = `${OCI}config.v1+json`;

export interface Named {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A layout on its way. */
export interface Layout {
  readonly put: (mediaType: string, content: Uint8Array | object) => Promise<Named>;
  /** Makes `root` the image, and returns its location. */
  readonly name: (root: Named, ...more: readonly object[]) => Promise<string>;
}

function bytesOf(content: Uint8Array | object): Uint8Array {
  return content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
}

export async function startLayout(folder: string): Promise<Layout> {
  const image = join(folder, 'image');
  const blobs = join(image, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  return {
    put: async (mediaType, content) => {
      const bytes = bytesOf(content);
      const digest = sha256(bytes);
      await writeFile(join(blobs, digest.slice('sha256:'.length)), bytes);
      return { mediaType, digest, size: bytes.length };
    },
    name: async (root, ...more) => {
      const tagged = { ...root, annotations: { 'org.opencontainers.image.ref.name': 't' } };
      await writeFile(join(image, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
      await writeFile(
        join(image, 'index.json'),
        bytesOf({ schemaVersion: 2, mediaType: INDEX, manifests: [tagged, ...more] }),
      );
      return `oci:${image}:t`;
    },
  };
}

/** Members that are added to the documents of an image. */
export interface Documents {
  readonly config?: object;
  readonly manifest?: object;
  /** The config itself, in the place of the one that would be made. */
  readonly configBytes?: Uint8Array;
}

/** An image of these layers; `times`: how often the whole list stands in the manifest. */
export async function putImage(
  put: Layout['put'],
  layers: readonly PackedBytes[],
  {
    times = 1,
    annotations = [],
    config,
    manifest,
    configBytes,
  }: Documents & Pick<Spec, 'times' | 'annotations'> = {},
): Promise<Named> {
  const once: object[] = [];
  for (const [i, { mediaType, bytes }] of layers.entries())
    once.push({
      ...(await put(mediaType, bytes)),
      ...(annotations[i] === undefined ? {} : { annotations: annotations[i] }),
    });
  const made = {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: numbered(times, () => layers.map(({ diffId }) => diffId)).flat() },
    ...config,
  };
  return put(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: await put(CONFIG, configBytes ?? made),
    layers: numbered(times, () => once).flat(),
    ...manifest,
  });
}

export interface Spec {
  readonly layers: readonly PackedBytes[];
  /** How often the whole list stands in the manifest. */
  readonly times?: number;
  /** How often the manifest stands in an index. */
  readonly listed?: number;
  readonly annotations?: readonly (object | undefined)[];
}

export async function layout(folder: string, spec: Spec & Documents): Promise<string> {
  const { listed = 1 } = spec;
  const { put, name } = await startLayout(folder);
  const manifest = await putImage(put, spec.layers, spec);
  if (listed === 1) return name(manifest);
  const platform = { os: 'linux', architecture: 'amd64' };
  const manifests = numbered(listed, () => ({ ...manifest, platform }));
  return name(await put(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests }));
}

const BOOTSTRAP = { 'containerd.io/snapshot/nydus-bootstrap': 'true' };

export function nydus(make: () => PackedBytes | Promise<PackedBytes>): Bomb['write'] {
  return async (folder) => layout(folder, { layers: [await make()], annotations: [BOOTSTRAP] });
}

export function image(
  make: () => PackedBytes | Promise<PackedBytes>,
  spec: Omit<Spec, 'layers'> & Documents = {},
): Bomb['write'] {
  return async (folder) => layout(folder, { layers: [await make()], ...spec });
}

/** An archive of this kind with these bytes. */
export function archive(
  make: () => Uint8Array,
  kind: 'oci-archive' | 'docker-archive' = 'oci-archive',
): Bomb['write'] {
  return async (folder) => {
    const path = join(folder, 'image.tar.gz');
    await writeFile(path, make());
    return `${kind}:${path}`;
  };
}
