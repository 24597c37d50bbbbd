/**
 * Images of any size out of nothing: a source registry that makes the bytes of its layers while it sends them. Layers are
 * plain tars; no two chunks are equal, and all compress well, so that neither disk nor compression decides.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { END_OF_TAR, fileHeader, folderHeader, padding } from './tar.js';

export interface GeneratedLayer {
  readonly files: number;
  /** Bytes of each. */
  readonly bytes: number;
}

const PIECE = 1 << 20;
const FILES_A_FOLDER = 1000;
/** Small parts of a tar are sent together. */
const BATCH = 1 << 20;

/** A page of noise, again and again: to a compressor one page, whatever its size. */
const TEMPLATE = Buffer.alloc(
  PIECE,
  Buffer.from(Array.from({ length: 4096 }, (_, at) => Math.imul(at + 1, 2654435761) >>> 24)),
);

function* parts({ files, bytes }: GeneratedLayer, seed: number): Generator<Buffer> {
  for (let file = 0; file < files; file++) {
    const folder = `layer${seed}/d${Math.floor(file / FILES_A_FOLDER)}`;
    if (file % FILES_A_FOLDER === 0) yield folderHeader(`${folder}/`);
    yield fileHeader(`${folder}/f${file}`, bytes);
    for (let at = 0; at < bytes; at += PIECE) {
      const piece = Buffer.from(TEMPLATE.subarray(0, Math.min(PIECE, bytes - at)));
      piece.write(`${seed} ${file} ${at} `, 0, 'latin1');
      yield piece;
    }
    yield padding(bytes);
  }
  yield END_OF_TAR;
}

/** The layer's tar in pieces of about a mebibyte. */
function* tarOf(layer: GeneratedLayer, seed: number): Generator<Buffer> {
  let waiting: Buffer[] = [];
  let size = 0;
  for (const part of parts(layer, seed)) {
    waiting.push(part);
    size += part.length;
    if (size < BATCH) continue;
    yield waiting.length === 1 ? part : Buffer.concat(waiting, size);
    waiting = [];
    size = 0;
  }
  yield Buffer.concat(waiting, size);
}

function sizeOf(layer: GeneratedLayer): number {
  const folders = Math.ceil(layer.files / FILES_A_FOLDER);
  return 512 * (folders + layer.files + 2) + layer.files * (layer.bytes + padding(layer.bytes).length);
}

type Answer = { readonly type: string; readonly size: number; body(): Iterable<Buffer> };

/** Serves one image after another at `HOST/growth/NAME:latest`. */
export class GeneratedRegistry implements AsyncDisposable {
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #content = new Map<string, Answer>();
  #host = '';

  static async start(): Promise<GeneratedRegistry> {
    const registry = new GeneratedRegistry();
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    const address = registry.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
    registry.#host = `127.0.0.1:${address.port}`;
    return registry;
  }

  /** Adds an image; its reference. Layers are made once here, for their digests. */
  add(name: string, layers: readonly GeneratedLayer[]): string {
    const listed = layers.map((layer, number) => {
      const hash = createHash('sha256');
      for (const bytes of tarOf(layer, number)) hash.update(bytes);
      const digest = `sha256:${hash.digest('hex')}`;
      const mediaType = 'application/vnd.oci.image.layer.v1.tar';
      this.#content.set(`/v2/growth/${name}/blobs/${digest}`, {
        type: mediaType,
        size: sizeOf(layer),
        body: () => tarOf(layer, number),
      });
      return { mediaType, digest, size: sizeOf(layer) };
    });
    const config = this.#document(name, 'blobs', 'application/vnd.oci.image.config.v1+json', {
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: listed.map(({ digest }) => digest) },
    });
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = { schemaVersion: 2, mediaType, config, layers: listed };
    const { digest } = this.#document(name, 'manifests', mediaType, manifest);
    const tagged = this.#content.get(`/v2/growth/${name}/manifests/${digest}`);
    if (tagged !== undefined) this.#content.set(`/v2/growth/${name}/manifests/latest`, tagged);
    return `${this.#host}/growth/${name}:latest`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #document(
    name: string,
    kind: 'blobs' | 'manifests',
    type: string,
    value: unknown,
  ): { readonly mediaType: string; readonly digest: string; readonly size: number } {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    this.#content.set(`/v2/growth/${name}/${kind}/${digest}`, {
      type,
      size: bytes.length,
      body: () => [bytes],
    });
    return { mediaType: type, digest, size: bytes.length };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const found = this.#content.get(path);
    if (path === '/v2/' || found === undefined) {
      response.writeHead(path === '/v2/' ? 200 : 404).end();
      return;
    }
    const digest = /sha256:[0-9a-f]{64}$/.exec(path)?.[0];
    response.writeHead(200, {
      'content-type': found.type,
      'content-length': found.size,
      ...(digest === undefined ? {} : { 'docker-content-digest': digest }),
    });
    if (request.method !== 'GET') {
      response.end();
      return;
    }
    // A client that goes away has its own reasons.
    await pipeline(Readable.from(found.body(), { objectMode: true, highWaterMark: 1 }), response).catch(
      () => undefined,
    );
  }
}
