/** A registry that means harm: what it sends, and how the command ends, with time and memory. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { startRegistry } from '../../../src/embedded-registry/server.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openTarget } from '../../../src/registry/open.js';
import { type BuiltImage, buildImage, jsonPart, part, putImage } from '../images/image-builder.js';
import { file, layer } from '../images/tar.js';
import { removeFolder } from '../temp-folder.js';
import { productCommand } from '../project.js';

/** Far more than any of these errors takes on a busy machine; without bounds they would never end. */
const TIME_LIMIT_MS = 60_000;
/** Bytes of resident memory; an ordinary conversion of a small image peaks at about half. */
const MEMORY_LIMIT = 400 * 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024, 'x');
const MIB = 1024 * 1024;

interface Attack {
  readonly name: string;
  /** Puts what it needs into the registry; an ordinary image when there is nothing. */
  readonly image?: () => BuiltImage;
  readonly flags?: readonly string[];
  /** True when it has answered. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface HostileResult {
  readonly name: string;
  readonly status: number | null;
  /** The line that the user sees. */
  readonly sentence: string;
  readonly elapsedMs: number;
  readonly peakBytes: number;
}

/** A body that goes on until the other side has had enough. */
function endless(response: ServerResponse, headers: Readonly<Record<string, string>>, start = ''): boolean {
  response.writeHead(200, headers);
  response.write(start);
  const more = (): void => {
    while (!response.destroyed && response.write(PIECE));
  };
  response.on('drain', more);
  more();
  return true;
}

const isGet = ({ method, url = '' }: IncomingMessage, path: RegExp): boolean =>
  method === 'GET' && path.test(url);

/** An index of an image, and of an index of it, and so on. */
function nested(depth: number): BuiltImage {
  const inner = buildImage({ layers: [layer(file('a', 'b'))] });
  const parts = [...inner.parts];
  let root = inner.root;
  for (let level = 0; level < depth; level++) {
    const { mediaType, digest, size } = root.descriptor;
    const image = { ...inner.root.descriptor, platform: { os: 'linux', architecture: 'amd64' } };
    const index = {
      schemaVersion: 2,
      mediaType: MEDIA.ociIndex,
      manifests: [image, { mediaType, digest, size }],
    };
    root = jsonPart(MEDIA.ociIndex, index);
    parts.push(root);
  }
  return { root, parts };
}

/** An index whose every entry is the same image, for a platform of its own. */
function crowded(entries: number): BuiltImage {
  const { root, parts } = buildImage({ layers: [layer(file('a', 'b'))] });
  const { mediaType, digest, size } = root.descriptor;
  const manifests = Array.from({ length: entries }, (_, number) => ({
    ...{ mediaType, digest, size },
    platform: { os: 'linux', architecture: `arch${number}` },
  }));
  const index = jsonPart(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests });
  return { root: index, parts: [...parts, index] };
}

/** A layer whose gzip is small and whose content is not: after the archive's end zeros go on. */
function bomb(mebibytes: number): BuiltImage {
  const tar = layer(file('a', 'b'));
  const zeros = gzipSync(Buffer.alloc(16 * MIB), { level: 9 });
  const bytes = Buffer.concat([gzipSync(tar), ...Array.from({ length: mebibytes / 16 }, () => zeros)]);
  const honest = buildImage({ layers: [tar] });
  const blob = part(MEDIA.ociLayerGzip, bytes);
  const config = honest.parts.find(({ descriptor }) => descriptor.mediaType === MEDIA.ociConfig);
  if (config === undefined) throw new Error('an image without a config');
  const root = jsonPart(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: config.descriptor,
    layers: [blob.descriptor],
  });
  return { root, parts: [blob, config, root] };
}

export const ATTACKS: readonly Attack[] = [
  {
    name: 'a manifest without end',
    answer: (request, response) => {
      if (request.method === 'HEAD') {
        response.writeHead(404).end();
        return true;
      }
      return (
        isGet(request, /manifests/) && endless(response, { 'content-type': MEDIA.ociManifest }, '{"a":"')
      );
    },
  },
  {
    name: 'a token without end',
    answer: (request, response) => {
      if (isGet(request, /^\/token/))
        return endless(response, { 'content-type': 'application/json' }, '{"token":"');
      const realm = `http://${request.headers.host ?? ''}/token`;
      response
        .writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="x"`, 'content-length': 0 })
        .end();
      return true;
    },
  },
  {
    name: 'redirects without end',
    answer: (request, response) => {
      if (!isGet(request, /blobs/)) return false;
      response.writeHead(307, { location: request.url ?? '', 'content-length': 0 }).end();
      return true;
    },
  },
  {
    name: 'a header of 1 MiB',
    answer: (request, response) => {
      if (request.method !== 'HEAD') return false;
      response.socket?.end(`HTTP/1.1 200 OK\r\nx-long: ${'y'.repeat(MIB)}\r\ncontent-length: 0\r\n\r\n`);
      return true;
    },
  },
  {
    name: 'a blob longer than declared',
    answer: (request, response) =>
      isGet(request, /blobs/) && endless(response, { 'content-type': 'application/octet-stream' }),
  },
  { name: 'a layer of 1 MB that inflates to 1 GiB', image: () => bomb(1024) },
  { name: 'an index nested 200 deep', image: () => nested(200), flags: ['--all-platforms'] },
  { name: 'an index of 10,000 entries', image: () => crowded(10_000), flags: ['--platform', 'linux/amd64'] },
];

/** One conversion by the real command from a registry that attacks it. */
export async function attack({ name, image, flags = [], answer }: Attack): Promise<HostileResult> {
  const folder = await mkdtemp(join(tmpdir(), 'hostile-'));
  try {
    await using honest = await startRegistry({ root: join(folder, 'registry') });
    await using seed = openTarget(`${honest.host}/app:1`, { credentials: anonymous });
    await putImage(seed, image?.() ?? buildImage({ layers: [layer(file('a', 'b'))] }));
    await using registry = await startRegistry({
      root: join(folder, 'registry'),
      intercept: (request, response) => answer?.(request, response) ?? false,
    });
    return { name, ...(await measured(folder, [`${registry.host}/app:1`, `oci:${folder}/out:1`, ...flags])) };
  } finally {
    await removeFolder(folder);
  }
}

async function measured(folder: string, args: readonly string[]): Promise<Omit<HostileResult, 'name'>> {
  const started = performance.now();
  const child = spawn(process.execPath, [productCommand, 'convert', ...args], {
    env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: TIME_LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString('utf8')));
  let peakBytes = 0;
  const watch = setInterval(() => {
    // The kernel's own high-water mark: what happens between two looks is not missed.
    void readFile(`/proc/${child.pid ?? 0}/status`, 'utf8').then(
      (text) => (peakBytes = Math.max(peakBytes, Number(/VmHWM:\s+(\d+)/.exec(text)?.[1] ?? 0) * 1024)),
      () => undefined,
    );
  }, 20);
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(watch);
  const sentence = /^error: (.*)$/m.exec(said)?.[1] ?? said.slice(-200).replaceAll('\n', ' ');
  return { status, sentence, elapsedMs: performance.now() - started, peakBytes };
}

/** Why a result is not what it should be. */
export function hostileFaults({ status, elapsedMs, peakBytes }: HostileResult): string[] {
  return [
    // 2 to 5: our errors, but for those of this machine and our own.
    ...(status !== null && status >= 2 && status <= 5 ? [] : [`ended with ${String(status)}`]),
    ...(elapsedMs < TIME_LIMIT_MS ? [] : ['took too long']),
    ...(peakBytes < MEMORY_LIMIT ? [] : ['took too much memory']),
  ];
}
