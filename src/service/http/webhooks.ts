/** `POST /api/v1/webhooks/NAME`, or `…/NAME/TOKEN` for senders that cannot set headers. The token is in no log. */
import { createHmac } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Webhook } from '../config/webhooks.js';
import { imageText, type PushedImage, takeIn } from '../intake.js';
import { BodyError, ForeignRegistryError, type Named, type Received } from '../receivers/receiver.js';
import { RECEIVERS } from '../receivers/receivers.js';
import { unauthorized } from './access.js';
import { bodyBytes, mediaType, parseJson } from './body.js';
import { ApiError } from './errors.js';
import type { ApiParts } from './parts.js';
import { isSecret } from '../../io/secrets.js';
import { TokenBucket } from './token-bucket.js';
import { traceOf } from './trace.js';
import { traced } from '../tracing.js';

/** Requests of one receiver. */
const PER_SECOND = 500;
const BURST = 1000;

interface Path {
  readonly name: string;
  readonly token?: string;
}

export function addWebhooks(server: FastifyInstance, parts: ApiParts): void {
  const buckets = new Map<string, TokenBucket>();
  const receive = (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    answer(request, reply, parts, buckets);
  server.post('/api/v1/webhooks/:name', receive);
  server.post('/api/v1/webhooks/:name/:token', receive);
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: ApiParts,
  buckets: Map<string, TokenBucket>,
): Promise<FastifyReply> {
  const { name, token } = request.params as Path; // the two routes above
  const webhook = parts.config().webhooks.get(name);
  if (webhook === undefined) throw new ApiError('ERR_NOT_FOUND', 'there is no such receiver');
  const count = (outcome: string, by = 1): void => {
    parts.metrics.events.inc({ receiver: name, outcome }, by);
  };
  try {
    demandSender(request, webhook, token);
    const bucket = buckets.get(name) ?? new TokenBucket(PER_SECOND, BURST);
    buckets.set(name, bucket);
    if (!bucket.take()) throw new ApiError('ERR_BUSY', 'too many requests');
    const received = read(request, webhook);
    if (received.kind === 'ignored') {
      count('ignored');
      parts.metrics.skips.inc({ reason: received.reason });
      return await reply.code(200).send({ accepted: [], skipped: [] });
    }
    const { body, accepted } = await accept(received.images, request, parts);
    count('accepted', accepted);
    return await reply.code(accepted > 0 ? 202 : 200).send(body);
  } catch (error) {
    count(error instanceof ApiError ? error.code : 'failed');
    throw error;
  }
}

/** Throws ApiError. The same text and time for a missing secret and for a wrong one. */
function demandSender(request: FastifyRequest, webhook: Webhook, token: string | undefined): void {
  const { allow, auth, type } = webhook;
  if (allow !== undefined) {
    const address = request.ip.replace(/^::ffff:/, '');
    if (!allow.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'))
      throw new ApiError('ERR_FORBIDDEN', 'this receiver takes nothing from your address');
  }
  if (auth === undefined) return;
  const header = (name: string): string => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : '';
  };
  if (type === 'github') {
    const mac = createHmac('sha256', auth.value).update(bodyBytes(request)).digest('hex');
    if (!isSecret(header('x-hub-signature-256'), `sha256=${mac}`)) throw unauthorized();
    return;
  }
  const byHeader = isSecret(header(auth.header), auth.value);
  const byPath = isSecret(token ?? '', auth.value);
  if (!byHeader && !byPath) throw unauthorized();
}

/** Throws ApiError. */
function read(request: FastifyRequest, webhook: Webhook): Received {
  const illegal = (): ApiError => new ApiError('ERR_ILLEGAL_PARAMETER', 'the body is no JSON');
  const json = parseJson(bodyBytes(request), illegal);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : undefined,
    ]),
  );
  try {
    return RECEIVERS[webhook.type].read({ headers, mediaType: mediaType(request), json }, webhook);
  } catch (error) {
    if (error instanceof BodyError) throw new ApiError('ERR_ILLEGAL_PARAMETER', error.message);
    if (error instanceof ForeignRegistryError) throw new ApiError('ERR_FORBIDDEN', error.message);
    throw error;
  }
}

async function accept(
  images: readonly Named[],
  request: FastifyRequest,
  { config, queue, metrics }: ApiParts,
): Promise<{ readonly body: object; readonly accepted: number }> {
  const good = images.filter((image): image is PushedImage => 'registry' in image);
  const bad = images.filter((image) => 'fault' in image);
  const { name } = request.params as Path; // the two routes above
  const taken = await traced(
    {
      name: 'receive event',
      kind: 'server',
      parent: traceOf(request),
      attributes: { 'nydusify.receiver': name, 'nydusify.images': images.length },
    },
    ({ trace }) => takeIn(good, config(), queue, { origin: 'webhook', trace }),
  );
  for (const { reason } of taken.skipped) metrics.skips.inc({ reason });
  metrics.skips.inc({ reason: 'name' }, bad.length);
  if (taken.accepted.length === 0 && images.length > 0 && bad.length === images.length)
    throw new ApiError('ERR_ILLEGAL_PARAMETER', `${bad[0]?.source ?? ''}: ${bad[0]?.fault ?? ''}`);
  const isForeign =
    taken.skipped.length === images.length && taken.skipped.every(({ reason }) => reason === 'host');
  if (isForeign && images.length > 0) throw new ApiError('ERR_FORBIDDEN', taken.skipped[0]?.message ?? '');
  return {
    accepted: taken.accepted.length,
    body: {
      accepted: taken.accepted.map(({ task }) => ({ task: task.id, source: task.source })),
      skipped: [
        ...taken.skipped.map(({ image, message }) => ({ source: imageText(image), reason: message })),
        ...bad.map(({ source, fault }) => ({ source, reason: fault })),
      ],
    },
  };
}
