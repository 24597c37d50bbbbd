/** The HTTP server: its limits, its answers to what is wrong, and the metrics of requests. */
import { readFileSync } from 'node:fs';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { LocalIoError } from '../../errors.js';
import { localIoError } from '../../io/system-error.js';
import { QueueFullError } from '../queue/queue.js';
import type { Settings } from '../config/settings.js';
import { addUi } from '../ui/routes.js';
import { type ApiCode, ApiError, CODES } from './errors.js';
import type { ApiParts } from './parts.js';
import { EventHub } from './events.js';
import { addV1 } from './v1.js';
import { addV2 } from './v2.js';
import { addWebhooks } from './webhooks.js';

/** Milliseconds that a sender has for a whole request. */
const REQUEST_MS = 30_000;
const IDLE_MS = 65_000;
const MAX_URL = 2048;
/** For senders, where the queue is full or away. */
const RETRY_AFTER_SECONDS = 30;

/** Throws LocalIoError for a certificate that cannot be read. */
export function openServer(parts: ApiParts): FastifyInstance {
  const { server: settings, metric } = parts.config().settings;
  const { tls } = settings;
  const options = {
    logger: false,
    bodyLimit: settings.body_limit,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    connectionTimeout: 0,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_URL },
    ...(tls === undefined ? {} : { https: { cert: pem(tls.cert), key: pem(tls.key) } }),
  } as const;
  const server = fastify(options) as unknown as FastifyInstance; // http or https; the routes do not know
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => {
    done(null, body);
  });
  server.setNotFoundHandler(() => {
    throw new ApiError('ERR_INVALID_ENDPOINT', 'Endpoint not found');
  });
  server.setErrorHandler(async (error, request, reply) => {
    const { code, message } = refusalOf(error, request, parts);
    if (code === 'ERR_UNAVAILABLE') reply.header('retry-after', RETRY_AFTER_SECONDS);
    return reply
      .code(CODES[code].status)
      .type('application/json')
      .send(`${JSON.stringify({ code, message })}\n`);
  });
  countRequests(server, parts, settings);
  addV1(server, parts);
  addWebhooks(server, parts);
  const hub = new EventHub(parts.queue);
  server.addHook('onClose', (_, done) => {
    hub[Symbol.dispose]();
    done();
  });
  addV2(server, parts, hub);
  addUi(server, parts, hub);
  if (metric.enabled)
    server.get('/metrics', async (_, reply) => {
      const { registry } = parts.metrics;
      return reply.type(registry.contentType).send(await registry.metrics());
    });
  return server;
}

function pem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw localIoError(`cannot read ${path}`, cause);
  }
}

function refusalOf(
  error: unknown,
  { url }: FastifyRequest,
  { log }: ApiParts,
): { readonly code: ApiCode; readonly message: string } {
  if (error instanceof ApiError) return error;
  // Upstream's client takes 503 for success.
  const unavailable = url.startsWith('/api/v1/conversions') ? 'ERR_INTERNAL' : 'ERR_UNAVAILABLE';
  if (error instanceof QueueFullError) return { code: unavailable, message: error.message };
  if (error instanceof LocalIoError) {
    log.error('a request failed', { error: error.message });
    return { code: unavailable, message: 'the queue does not answer' };
  }
  const { statusCode, message } = error as { readonly statusCode?: number; readonly message?: string };
  if (statusCode === CODES.ERR_TOO_LARGE.status)
    return { code: 'ERR_TOO_LARGE', message: 'the body is larger than server.body_limit' };
  if (statusCode !== undefined && statusCode < 500)
    return { code: 'ERR_ILLEGAL_PARAMETER', message: message ?? 'the request cannot be read' };
  log.error('a request failed', { error: message ?? String(error) });
  return { code: 'ERR_INTERNAL', message: 'the service could not do that; its log says more' };
}

function countRequests(server: FastifyInstance, { metrics }: ApiParts, settings: Settings['server']): void {
  const known = new Set(
    [settings.host, 'localhost', '127.0.0.1', '[::1]'].flatMap((host) => [host, `${host}:${settings.port}`]),
  );
  server.addHook('onResponse', (request, reply, done) => {
    const labels = {
      code: String(reply.statusCode),
      method: METHODS.has(request.method) ? request.method : 'other',
      host: known.has(request.headers.host ?? '') ? (request.headers.host ?? '') : 'other',
      url: routeOf(request),
    };
    metrics.requests.inc(labels);
    metrics.requestSeconds.observe(labels, reply.elapsedTime / 1000);
    metrics.requestBytes.observe(labels, lengthOf(request.headers['content-length']));
    metrics.responseBytes.observe(labels, lengthOf(reply.getHeader('content-length')));
    done();
  });
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);

/** The route, and not the path, which a client may fill. */
function routeOf({ routeOptions }: FastifyRequest): string {
  return routeOptions.url ?? '/*';
}

function lengthOf(header: unknown): number {
  const length = Number(header ?? 0);
  return Number.isFinite(length) ? length : 0;
}
