/**
 * The files of an image over HTTP and read-only WebDAV. Paths lead through the image's tree in memory, so nothing of the machine's own
 * file system can be named.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NydusError, UsageError } from '../errors.js';
import { localIoError } from '../io/system-error.js';
import type { ByteStream } from '../io/streams.js';
import type { ChunkedFilesystem } from '../look/filesystem.js';
import { follow, showPath } from '../look/lookup.js';
import type { RawName } from '../oci/raw-name.js';
import { isLoopback } from '../registry/http/hosts.js';
import type { CallOptions } from '../reporter.js';
import { Pace } from '../turns.js';
import { type AccessRules, demandAccess } from './access.js';
import { sendRefusal, sendStream, setCommonHeaders } from './answer.js';
import { Entities } from './entity.js';
import { sendFile } from './file-answer.js';
import { directoryPage, PAGE_POLICY } from './page.js';
import { multistatus, wantedProperties } from './propfind.js';
import { Refusal } from './refusal.js';
import { encodedPath, type RequestPath, requestPath } from './request-path.js';
import { SharedReader } from './shared-reader.js';

export interface ServeOptions {
  /** An address of this machine; 127.0.0.1 by default. */
  readonly host?: string | undefined;
  /** 0, the default, takes a free one. */
  readonly port?: number | undefined;
  /** What clients show. An address of loopback may do without: then every request of this machine is answered. */
  readonly token?: string | undefined;
  /** Called when an answer has ended. */
  readonly onAnswer?: ((answer: Answered) => void) | undefined;
}

export interface Answered {
  readonly client: string;
  readonly method: string;
  /** As it was asked for. */
  readonly target: string;
  readonly status: number;
  readonly bytes: number;
  readonly milliseconds: number;
  /** Why it was cut short, or not given at all. */
  readonly failure: string | undefined;
}

/** Files without content of their own. */
const SPECIAL: Readonly<Record<string, string>> = {
  char: 'a character device',
  block: 'a block device',
  fifo: 'a named pipe',
  socket: 'a socket',
};

const METHODS = 'OPTIONS, GET, HEAD, PROPFIND';
const CONNECTIONS = 512;
/** Milliseconds for the headers of a request, for all of it, and until a client takes or sends a byte. */
const HEADERS_MS = 15_000;
const REQUEST_MS = 30_000;
const IDLE_MS = 120_000;
const MAX_BODY = 64 * 1024;
/** Bytes of pages and listings that become one piece. */
const GATHERED = 64 * 1024;

export class ImageServer implements AsyncDisposable {
  readonly #filesystem: ChunkedFilesystem;
  readonly #rules: AccessRules;
  readonly #onAnswer: ServeOptions['onAnswer'];
  readonly #entities: Entities;
  readonly #reader: SharedReader;
  readonly #server: Server;
  readonly #stopping = new AbortController();

  private constructor(
    filesystem: ChunkedFilesystem,
    rules: AccessRules,
    onAnswer: ServeOptions['onAnswer'],
    call: CallOptions,
  ) {
    this.#filesystem = filesystem;
    this.#rules = rules;
    this.#onAnswer = onAnswer;
    this.#entities = new Entities(filesystem);
    const signals = [this.#stopping.signal, ...(call.signal === undefined ? [] : [call.signal])];
    this.#reader = new SharedReader(filesystem, { ...call, signal: AbortSignal.any(signals) });
    const limits = { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, keepAliveTimeout: IDLE_MS };
    this.#server = createServer(limits, (request, response) => void this.#answer(request, response));
    this.#server.maxConnections = CONNECTIONS;
    this.#server.setTimeout(IDLE_MS);
  }

  /** Listens. Throws LocalIoError, and UsageError for an address that other machines reach without a token. */
  static async start(
    filesystem: ChunkedFilesystem,
    { host = '127.0.0.1', port = 0, token, onAnswer }: ServeOptions = {},
    call: CallOptions = {},
  ): Promise<ImageServer> {
    const isLocal = isLoopback(host.includes(':') ? `[${host}]` : host);
    if (!isLocal && (token === undefined || token === ''))
      throw new UsageError(`${host} is an address for other machines, which need a token`);
    const server = new ImageServer(filesystem, { token, isLoopback: isLocal }, onAnswer, call);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', (cause) => {
        reject(localIoError(`cannot listen on ${host}:${port}`, cause));
      });
      server.#server.listen({ host, port }, resolve);
    });
    return server;
  }

  get address(): string {
    const { address, family, port } = this.#server.address() as AddressInfo; // it listens on TCP
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`;
  }

  /** Cuts all connections and ends what is being fetched. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#stopping.abort(new Error('the server stops'));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const begun = performance.now();
    const written = request.socket.bytesWritten;
    let failure: string | undefined;
    response.on('error', () => undefined); // a client that goes away is no fault
    response.once('close', () => {
      const { socket, method = '', url: target = '' } = request;
      this.#onAnswer?.({
        client: socket.remoteAddress ?? '',
        method,
        target,
        status: response.statusCode,
        bytes: socket.bytesWritten - written,
        milliseconds: performance.now() - begun,
        failure,
      });
    });
    try {
      setCommonHeaders(response);
      await this.#route(request, response);
    } catch (error) {
      if (!(error instanceof Refusal)) failure = error instanceof Error ? error.message : String(error);
      // Part of a file without an end tells the client that something is wrong.
      if (response.headersSent || response.destroyed) response.destroy();
      else sendRefusal(response, refusalOf(error));
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    demandAccess(request, this.#rules);
    if (method === 'OPTIONS') {
      response
        .writeHead(200, { allow: METHODS, dav: '1', 'ms-author-via': 'DAV', 'content-length': 0 })
        .end();
      return;
    }
    if (method !== 'GET' && method !== 'HEAD' && method !== 'PROPFIND')
      throw new Refusal(405, 'an image can only be read', { allow: METHODS, connection: 'close' });
    const asked = requestPath(url);
    const end = follow(this.#filesystem.root, asked.path, { follow: true });
    if (!('node' in end)) throw new Refusal(404, `${showPath(asked.path)}: ${end.reason}`);
    const { node, path } = end;
    const { inode } = node;
    if (asked.isDirectory && node.children === undefined)
      throw new Refusal(404, `${showPath(path)} is a ${inode.kind}, not a directory`);
    if (node.children === undefined && inode.kind !== 'file')
      throw new Refusal(
        403,
        `${showPath(path)} is ${SPECIAL[inode.kind] ?? inode.kind}: it has no content to be served`,
      );
    if (method === 'PROPFIND') {
      const depth = depthOf(request);
      const wanted = wantedProperties(await bodyOf(request));
      const { names } = asked;
      const root = this.#filesystem.root;
      const listing = {
        root,
        entities: this.#entities,
        names,
        node,
        path,
        wanted,
        withChildren: depth === 1,
      };
      response.writeHead(207, { 'content-type': 'application/xml; charset=utf-8' });
      await sendStream(response, textStream(multistatus(listing)));
      response.end();
    } else if (inode.kind === 'file') {
      const name = asked.names.at(-1) ?? ('' as RawName); // the root is no file
      const entity = this.#entities.of(inode, name);
      await sendFile(request, response, { file: inode, path, entity, reader: this.#reader });
    } else await this.#sendDirectory(asked, node, response);
  }

  async #sendDirectory(
    { names, isDirectory }: RequestPath,
    node: Parameters<typeof directoryPage>[1],
    response: ServerResponse,
  ): Promise<void> {
    if (!isDirectory)
      throw new Refusal(301, 'a directory has a slash at its end', { location: encodedPath(names, true) });
    response.setHeader('content-security-policy', PAGE_POLICY);
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
    if (response.req.method === 'GET') await sendStream(response, textStream(directoryPage(names, node)));
    response.end();
  }
}

/** Whatever fails beyond the request itself: its cause is for the log of the server, which may name what clients need not know. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return error instanceof NydusError
    ? new Refusal(502, 'the image could not be read; the server says why')
    : new Refusal(500, 'the server could not do that');
}

/** Throws Refusal for all of a tree at once, which a client can walk itself. */
function depthOf({ headers }: IncomingMessage): 0 | 1 {
  const depth = headers['depth'] ?? 'infinity';
  if (depth === '0') return 0;
  if (depth === '1') return 1;
  throw new Refusal(403, 'PROPFIND is answered with Depth 0 or 1', { connection: 'close' });
}

/** Reads no more than a body may have. The answer to a longer one closes the connection. */
async function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size <= MAX_BODY) parts.push(part);
      else {
        request.pause();
        reject(new Refusal(413, `a body has at most ${MAX_BODY} bytes`, { connection: 'close' }));
      }
    });
    request.on('end', () => {
      resolve(Buffer.concat(parts).toString('utf8'));
    });
    request.on('error', () => {
      reject(new Refusal(400, 'the body has no end'));
    });
  });
}

/** Text that is made in steps, in pieces of some size. */
async function* textStream(steps: Iterable<string | undefined>): ByteStream {
  const pace = new Pace();
  let gathered = '';
  for (const text of steps) {
    gathered += text ?? '';
    if (gathered.length >= GATHERED) {
      yield Buffer.from(gathered);
      gathered = '';
    }
    if (text === undefined && pace.isDue) await pace.turn();
  }
  if (gathered !== '') yield Buffer.from(gathered);
}
