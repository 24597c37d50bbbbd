/**
 * The bound of an image on this machine: every step of the work alone on one thread (native/core/examples/bound), what a
 * bare socket and the registries spend on the same bytes, and the sum of it divided by the cores. No converter that writes
 * these bytes with these codecs can be faster.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RealRegistry } from '../../test/support/registries/real-registries.js';
import { runTool } from '../../test/support/run-tool.js';
import type { BenchImage } from './images.js';
import { cpuSecondsOf } from './run.js';
import { projectRoot } from '../../test/support/project.js';

export interface Bound {
  /** CPU seconds by step, on one thread each. */
  readonly steps: Readonly<Record<string, number>>;
  readonly bytes: {
    readonly source: number;
    readonly tar: number;
    readonly new: number;
    readonly blob: number;
  };
  readonly files: number;
  /** CPU seconds of a bare client. */
  readonly socket: number;
  /** CPU seconds of both registries. */
  readonly registries: number;
}

const CHUNK_SIZE = 1 << 20;
const LEVEL = 3;
const PROGRAM = join(projectRoot, 'native', 'target', 'release', 'examples', 'bound');

type Steps = Pick<Bound, 'bytes' | 'files'> & { readonly seconds: Readonly<Record<string, number>> };

/** CPU seconds that a client needs at least: for the steps and the sockets. */
export function clientCpu({ steps, socket }: Bound): number {
  return Object.values(steps).reduce((sum, seconds) => sum + seconds, socket);
}

/** Seconds. */
export function boundWall(bound: Bound): number {
  return (clientCpu(bound) + bound.registries) / availableParallelism();
}

/** `made` is what a conversion put into its target: the blobs that go over the wire here as well. */
export async function measureBound(
  image: BenchImage,
  source: RealRegistry,
  made: MadeBlobs,
  emptyTarget: () => Promise<RealRegistry>,
): Promise<Bound> {
  const files = image.layers.map(({ file }) => file);
  const { seconds, bytes, files: count } = await bound<Steps>('steps', [LEVEL, CHUNK_SIZE, ...files]);
  let socket = 0;
  const before = await cpuSecondsOf(source.pid);
  for (const { digest, size } of image.layers) {
    const path = `/v2/bench/${image.name}/blobs/${digest}`;
    socket += (await bound<Wire>('get', [source.host, path, size])).seconds;
  }
  let registries = (await cpuSecondsOf(source.pid)) - before;
  await using target = await emptyTarget();
  const idle = await cpuSecondsOf(target.pid);
  for (const { digest, size, file } of made.blobs) {
    const session = await fetch(`http://${target.host}/v2/bench/bound/blobs/uploads/`, { method: 'POST' });
    const url = new URL(session.headers.get('location') ?? '', `http://${target.host}`);
    url.searchParams.set('digest', digest);
    socket += (await bound<Wire>('put', [target.host, url.pathname + url.search, size, file])).seconds;
  }
  registries += (await cpuSecondsOf(target.pid)) - idle;
  return { steps: seconds, bytes, files: count, socket, registries };
}

interface Wire {
  readonly seconds: number;
}

async function bound<T>(command: string, args: readonly (string | number)[]): Promise<T> {
  const output = await runTool(PROGRAM, [command, ...args.map(String)]);
  return JSON.parse(output.toString('utf8')) as T; // our own program's
}

/** Blobs of a converted image, as files. */
export interface MadeBlobs {
  readonly blobs: readonly { readonly digest: string; readonly size: number; readonly file: string }[];
  /** All layers of the image together. */
  readonly bytes: number;
}

/** Downloads what a conversion made; a blob that is named twice is there once. */
export async function madeBlobs(
  host: string,
  repository: string,
  tag: string,
  folder: string,
): Promise<MadeBlobs> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const base = `http://${host}/v2/${repository}`;
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  const answer = await fetch(`${base}/manifests/${tag}`, { headers: { accept } });
  const { layers } = (await answer.json()) as { layers: { digest: string; size: number }[] }; // of our own making
  const blobs = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  const files: { digest: string; size: number; file: string }[] = [];
  for (const { digest, size } of blobs) {
    const { body } = await fetch(`${base}/blobs/${digest}`);
    const file = join(folder, digest.slice('sha256:'.length));
    if (body !== null) await pipeline(Readable.fromWeb(body), createWriteStream(file));
    files.push({ digest, size, file });
  }
  return { blobs: files, bytes: layers.reduce((sum, { size }) => sum + size, 0) };
}
