/**
 * A converted image as a stranger fetches it from a plain-HTTP registry: no code of `src` takes part, so that a mistake
 * there cannot hide itself here.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runTool } from '../run-tool.js';

export interface Part {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: {
    readonly os: string;
    readonly architecture: string;
    readonly variant?: string;
    readonly 'os.features'?: readonly string[];
  };
}
interface ManifestText {
  readonly manifests?: readonly Part[];
  readonly config?: Part;
  readonly layers?: readonly Part[];
}

/** A manifest or index as stored. */
export interface Stored {
  readonly digest: string;
  readonly value: ManifestText;
}

/** `host:port/repository:tag`. */
export interface Place {
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
}

export interface JudgedImage {
  readonly place: Place;
  readonly top: Stored;
  readonly nydus: Stored;
  /** Digest of the manifest that a runtime without Nydus takes; undefined when the target is no merged index. */
  readonly ociDigest: string | undefined;
  /** Path of `image.boot`. */
  readonly bootstrap: string;
  /** Folder of the blobs, each named by its id. */
  readonly blobs: string;
}

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

function parsePlace(reference: string): Place {
  const match = /^([^/]+:\d+)\/(.+):([^:/]+)$/.exec(reference);
  const [, host, repository, tag] = match ?? [];
  if (host === undefined || repository === undefined || tag === undefined)
    throw new Error(`${reference} is not of the form host:port/repository:tag`);
  return { host, repository, tag };
}

export function referenceOf({ host, repository, tag }: Place): string {
  return `${host}/${repository}:${tag}`;
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Fetches a manifest by tag or digest; its digest is computed here, not believed. */
export async function fetchManifest(place: Place, name: string): Promise<Stored> {
  const url = `http://${place.host}/v2/${place.repository}/manifests/${name}`;
  const answer = await fetch(url, { headers: { accept: ACCEPT } });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (!answer.ok) throw new Error(`${url}: status ${answer.status}`);
  const digest = sha256(bytes);
  if (name.startsWith('sha256:') && digest !== name) throw new Error(`${url}: content is ${digest}`);
  return { digest, value: JSON.parse(Buffer.from(bytes).toString('utf8')) as ManifestText }; // looked at field by field
}

/** Streams a blob into a file, with size and digest compared. */
async function fetchBlob(place: Place, part: Part, file: string): Promise<void> {
  const url = `http://${place.host}/v2/${place.repository}/blobs/${part.digest}`;
  const answer = await fetch(url);
  if (!answer.ok || answer.body === null) throw new Error(`${url}: status ${answer.status}`);
  const hash = createHash('sha256');
  let size = 0;
  await pipeline(
    answer.body,
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(file),
  );
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest !== part.digest || size !== part.size)
    throw new Error(`${url}: ${size} bytes of ${digest}, expected ${part.size}`);
}

function isNydus({ platform, artifactType }: Part): boolean {
  return (
    platform?.['os.features']?.includes('nydus.remoteimage.v1') === true ||
    artifactType === 'application/vnd.nydus.image.manifest.v1+json'
  );
}

function samePlatform(a: Part, b: Part): boolean {
  return (
    a.platform?.os === b.platform?.os &&
    a.platform?.architecture === b.platform?.architecture &&
    a.platform?.variant === b.platform?.variant
  );
}

/** Fetches the (first) Nydus image of `reference` into `work`: bootstrap and all blobs. */
export async function fetchImage(reference: string, work: string): Promise<JudgedImage> {
  const place = parsePlace(reference);
  const top = await fetchManifest(place, place.tag);
  let nydus = top;
  let ociDigest: string | undefined;
  if (top.value.manifests !== undefined) {
    const marked = top.value.manifests.find(isNydus);
    if (marked === undefined) throw new Error(`${reference}: no entry of the index is marked as Nydus`);
    ociDigest = top.value.manifests.find((entry) => !isNydus(entry) && samePlatform(entry, marked))?.digest;
    nydus = await fetchManifest(place, marked.digest);
  }
  const layers = nydus.value.layers ?? [];
  const last = layers.at(-1);
  if (last?.annotations?.['containerd.io/snapshot/nydus-bootstrap'] !== 'true')
    throw new Error(`${reference}: the last layer is not a bootstrap`);
  const blobs = join(work, 'blobs');
  await mkdir(blobs, { recursive: true });
  const fetched = new Set<string>();
  for (const layer of layers.slice(0, -1)) {
    if (fetched.has(layer.digest)) continue;
    fetched.add(layer.digest);
    await fetchBlob(place, layer, join(blobs, layer.digest.slice('sha256:'.length)));
  }
  const archive = join(work, 'bootstrap.tar.gz');
  await fetchBlob(place, last, archive);
  await runTool('tar', ['-xzf', archive, '-C', work, 'image/image.boot']);
  return { place, top, nydus, ociDigest, bootstrap: join(work, 'image', 'image.boot'), blobs };
}

/** The parts of `image` that `copy` lacks or has otherwise: manifests are compared by their bytes, blobs by their presence. */
export async function copyFaults(image: JudgedImage, copy: Place): Promise<string[]> {
  const faults: string[] = [];
  const top = await fetchManifest(copy, copy.tag);
  if (top.digest !== image.top.digest) faults.push(`the tag is ${top.digest}, was ${image.top.digest}`);
  const manifests = [image.top];
  for (const { digest } of image.top.value.manifests ?? []) {
    try {
      manifests.push(await fetchManifest(copy, digest));
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
    }
  }
  for (const { value } of manifests) {
    for (const { digest } of [
      ...(value.config === undefined ? [] : [value.config]),
      ...(value.layers ?? []),
    ]) {
      const url = `http://${copy.host}/v2/${copy.repository}/blobs/${digest}`;
      const { status } = await fetch(url, { method: 'HEAD' });
      if (status !== 200) faults.push(`${url}: status ${status}`);
    }
  }
  return faults;
}
