/** Upstream's endpoints, with their paths, bodies and statuses. Never 503, which upstream's client takes for success. */
import { jsonObject } from '../json-object.js';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as v from 'valibot';
import { NydusError } from '../../errors.js';
import { goBoolean } from '../config/driver.js';
import { knownHost } from '../config/hosts.js';
import { imageText, parsePushed, type PushedImage, recordSkipped, takeIn } from '../intake.js';
import { FINISHED, type Task } from '../queue/task.js';
import type { SkipReason } from '../rules/plan.js';
import { traced } from '../tracing.js';
import { demandHosts, hasToken, unauthorized } from './access.js';
import { ApiError } from './errors.js';
import { whenFinished } from './finished.js';
import type { ApiParts } from './parts.js';
import { traceOf } from './trace.js';
import { jsonBody } from './body.js';

const PUSH = 'PUSH_ARTIFACT';
const MAX_IMAGES = 1000;
/** Go's zero time, which stands for "not yet". */
const NO_TIME = '0001-01-01T00:00:00Z';

const EVENT = jsonObject({
  event_data: jsonObject({
    resources: v.nullish(v.pipe(v.array(jsonObject({ resource_url: v.string() })), v.maxLength(MAX_IMAGES))),
  }),
});
const TYPE = jsonObject({ type: v.nullish(v.string()) });

export function addV1(server: FastifyInstance, parts: ApiParts): void {
  server.post('/api/v1/conversions', async (request, reply) => {
    const images = imagesIn(request);
    await convert(images, request, parts);
    return reply.type('application/json').send('"Ok"\n');
  });
  server.get('/api/v1/conversions', async (request, reply) => {
    const config = parts.config();
    const { authorization } = request.headers;
    const isAsked = config.settings.api.tokens.length > 0 && !parts.isSocket;
    if (isAsked && !hasToken(config, authorization, 'read')) throw unauthorized();
    const { tasks } = await parts.queue.list({ limit: config.settings.tasks.keep_count + MAX_IMAGES });
    return reply
      .type('application/json')
      .send(`${JSON.stringify(tasks.filter(({ kind }) => kind === 'convert').map(listed))}\n`);
  });
  server.get('/api/v1/health', async (_, reply) => {
    const isHealthy = await parts.queue.count().then(
      () => true,
      () => false,
    );
    if (!isHealthy) throw new ApiError('ERR_UNHEALTHY', 'the queue does not answer');
    return reply.type('text/plain').send('Ok');
  });
}

/** No images for a body that is not about a push. Throws ApiError. */
function imagesIn(request: FastifyRequest): readonly PushedImage[] {
  const illegal = (): ApiError => new ApiError('ERR_ILLEGAL_PARAMETER', 'invalid webhook payload');
  const body = jsonBody(request, 'application/json', illegal);
  if (body === undefined || body === null) return [];
  const typed = v.safeParse(TYPE, body);
  if (!typed.success) throw illegal();
  if (typed.output.type !== PUSH) return [];
  const event = v.safeParse(EVENT, body);
  if (!event.success) {
    const [issue] = event.issues;
    const at = v.getDotPath(issue) ?? '';
    throw new ApiError('ERR_ILLEGAL_PARAMETER', `invalid webhook payload: ${at}`);
  }
  return (event.output.event_data.resources ?? []).map(({ resource_url }, index) => {
    try {
      return parsePushed(resource_url);
    } catch (error) {
      if (!(error instanceof NydusError)) throw error;
      throw new ApiError(
        'ERR_ILLEGAL_PARAMETER',
        `event_data.resources[${index}].resource_url: ${error.message}`,
      );
    }
  });
}

async function convert(
  images: readonly PushedImage[],
  request: FastifyRequest,
  parts: ApiParts,
): Promise<void> {
  const config = parts.config();
  const names = images.map(({ registry }) => knownHost(config.hosts, registry));
  demandHosts(
    parts,
    request.headers.authorization,
    names.filter((name) => name !== undefined),
  );
  const unknown = images.find((_, index) => names[index] === undefined);
  if (unknown !== undefined)
    throw new ApiError('ERR_FORBIDDEN', `${unknown.registry} is not in provider.source`);
  const { accepted, skipped } = await traced(
    {
      name: 'receive event',
      kind: 'server',
      parent: traceOf(request),
      attributes: { 'nydusify.images': images.length },
    },
    ({ trace }) => takeIn(images, config, parts.queue, { origin: 'webhook', trace }),
  );
  for (const { image, reason, message } of skipped) {
    parts.metrics.skips.inc({ reason });
    await recordSkipped(parts.queue, image, message, 'webhook');
    parts.log.info('skipped', { source: imageText(image), reason: message });
  }
  if (!isSync(request)) return;
  const failure = skipped.find(({ reason }) => !HARMLESS.has(reason));
  if (failure !== undefined) throw new ApiError('ERR_CONVERT_FAILED', failure.message);
  const ended = await Promise.all(accepted.map(({ task }) => whenFinished(task, parts)));
  const failed = ended.find(({ state }) => state === 'failed' || state === 'cancelled');
  if (failed !== undefined) throw new ApiError('ERR_CONVERT_FAILED', failed.reason);
}

/** Reasons that upstream answers with success. */
const HARMLESS: ReadonlySet<SkipReason | 'host' | 'name'> = new Set([
  'converted',
  'cache-tag',
  'referrers',
  'excluded',
]);

/** What is no boolean counts as false. */
function isSync({ query }: FastifyRequest): boolean {
  const { sync } = query as { readonly sync?: unknown };
  try {
    return typeof sync === 'string' && goBoolean(sync);
  } catch {
    return false;
  }
}

/** A task as upstream lists it. */
function listed(task: Task): Readonly<Record<string, string | number>> {
  const { id, state, created, finished, source, sourceSize = 0, targetSize = 0, reason, error } = task;
  const isDone = FINISHED.has(state);
  const isBad = state === 'failed' || state === 'cancelled';
  return {
    id,
    created: new Date(created).toISOString(),
    finished: finished === undefined ? NO_TIME : new Date(finished).toISOString(),
    source,
    source_size: sourceSize,
    target_size: targetSize,
    status: !isDone ? 'PROCESSING' : isBad ? 'FAILED' : 'COMPLETED',
    reason: isDone ? reason : (error?.message ?? ''),
  };
}
