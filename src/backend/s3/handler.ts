/**
 * Lets the SDK speak through our own transport, so that proxies, authorities, the pace of transfers and signs of life are those of
 * every other request of a run.
 */
import { Readable } from 'node:stream';
import type { ReplayableContent } from '../../io/streams.js';
import type { Method, Transport } from '../../registry/http/transport.js';
import { inPieces } from '../objects/pieces.js';

/** A request as the SDK signs it. */
export interface SignedRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface AnsweredRequest {
  readonly response: {
    readonly statusCode: number;
    readonly headers: Record<string, string>;
    readonly body: Readable;
  };
}

/** Headers that the transport writes itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['host', 'content-length', 'expect', 'connection']);

export class TransportHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async handle(
    request: SignedRequest,
    { abortSignal }: { readonly abortSignal?: unknown } = {},
  ): Promise<AnsweredRequest> {
    const answer = await this.#transport.send({
      method: request.method as Method, // S3 knows no others
      url: urlOf(request),
      headers: Object.fromEntries(
        Object.entries(request.headers)
          .map(([name, value]) => [name.toLowerCase(), value] as const)
          .filter(([name]) => !OWN_HEADERS.has(name)),
      ),
      body: contentOfBody(request.body) ?? emptyBody(request.method),
      signal: abortSignal instanceof AbortSignal ? abortSignal : undefined,
      sameOriginOnly: true,
    });
    return {
      response: {
        statusCode: answer.status,
        headers: { ...answer.headers },
        body: Readable.from(answer.body, { objectMode: false }),
      },
    };
  }

  /** The SDK asks a handler to take its settings; there are none. */
  updateHttpClientConfig(): void {
    // The transport has its own.
  }

  httpHandlerConfigs(): object {
    return {};
  }

  destroy(): void {
    // The transport is closed by its owner.
  }
}

function urlOf({ protocol, hostname, port, path, query = {} }: SignedRequest): URL {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) =>
      one === null ? escaped(name) : `${escaped(name)}=${escaped(String(one))}`,
    ),
  );
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  return new URL(`${protocol}//${host}${path}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}`);
}

/** As signatures have it (RFC 3986). */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** A body without bytes has a length all the same. */
function emptyBody(method: string): ReplayableContent | undefined {
  return method === 'PUT' || method === 'POST' ? inPieces(new Uint8Array()) : undefined;
}

function contentOfBody(body: unknown): ReplayableContent | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string') return inPieces(Buffer.from(body, 'utf8'));
  if (body instanceof Uint8Array) return inPieces(body);
  throw new TypeError('a request of the SDK has a body of an unknown kind');
}
