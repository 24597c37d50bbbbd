/** The endpoints of v2, and `/openapi.json`: tasks, their log and events, the queue, garbage and readiness. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as v from 'valibot';
import type { TaskState } from '../queue/task.js';
import { addSweep } from '../sweeps.js';
import { traced } from '../tracing.js';
import type { QueueState } from './task-verbs.js';
import { demandScope } from './access.js';
import { type Endpoint, type EndpointName, ENDPOINTS, type ObjectSchema } from './api/endpoints.js';
import { openapiDocument } from './api/openapi.js';
import { EVENTS_QUERY, NEW_TASK, TASKS_QUERY } from './api/schemas.js';
import { taskJson, timeText } from './api/task-json.js';
import { jsonBody } from './body.js';
import { ApiError } from './errors.js';
import { sendEvents } from './event-stream.js';
import type { EventHub } from './events.js';
import { whenFinished } from './finished.js';
import type { ApiParts } from './parts.js';
import {
  cancelTask,
  createTask,
  existing,
  hasEnded,
  queueState,
  readiness,
  retryTask,
  setPaused,
} from './task-verbs.js';
import { TokenBucket } from './token-bucket.js';
import { traceOf } from './trace.js';

/** Requests of all clients together. */
const PER_SECOND = 500;
const BURST = 1000;
const PAGE = 100;

interface Call {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly parts: ApiParts;
  readonly hub: EventHub;
}

type Handler = (call: Call) => Promise<unknown>;

const HANDLERS = {
  listTasks: async ({ request, parts }) => {
    const { state, limit, ...rest } = checked(TASKS_QUERY, request.query);
    const { tasks, next } = await parts.queue.list({
      ...rest,
      states: state?.split(',') as TaskState[] | undefined, // the schema knows no others
      limit: limit === undefined ? PAGE : Number(limit),
    });
    return { tasks: tasks.map(taskJson), next: next ?? null };
  },
  createTask: async ({ request, reply, parts }) => {
    const illegal = (): ApiError =>
      new ApiError('ERR_ILLEGAL_PARAMETER', 'the body is no JSON, or not said to be');
    const { wait, ...wish } = checked(NEW_TASK, jsonBody(request, 'application/json', illegal));
    const { task, joined } = await traced(
      { name: 'create task', kind: 'server', parent: traceOf(request) },
      ({ trace }) => createTask({ ...wish, trace }, parts),
    );
    reply.code(joined ? 200 : 201).header('location', `/api/v2/tasks/${task.id}`);
    return taskJson(wait === true && !hasEnded(task) ? await whenFinished(task, parts) : task);
  },
  getTask: async ({ request, parts }) => taskJson(await existing(idOf(request), parts)),
  getTaskLog: async ({ request, parts }) => {
    const { id } = await existing(idOf(request), parts);
    const lines = await parts.queue.lines(id);
    return { lines: lines.map(({ time, text }) => ({ time: timeText(time), text })) };
  },
  retryTask: async ({ request, reply, parts }) => {
    const { task, joined } = await retryTask(idOf(request), parts);
    reply.code(joined ? 200 : 201).header('location', `/api/v2/tasks/${task.id}`);
    return taskJson(task);
  },
  cancelTask: async ({ request, reply, parts }) => {
    const task = await cancelTask(idOf(request), parts);
    reply.code(hasEnded(task) ? 200 : 202);
    return taskJson(task);
  },
  watchEvents: async ({ request, reply, parts, hub }) => {
    const { task } = checked(EVENTS_QUERY, request.query);
    const { closing } = parts;
    const demand = (): void => {
      demandScope(request, parts, 'read');
    };
    return sendEvents(request, reply, { hub, closing, task, demand });
  },
  getQueue: async ({ parts }) => queueJson(await queueState(parts)),
  pauseQueue: async ({ parts }) => {
    await setPaused(true, parts);
    return queueJson(await queueState(parts));
  },
  resumeQueue: async ({ parts }) => {
    await setPaused(false, parts);
    return queueJson(await queueState(parts));
  },
  collectGarbage: async ({ reply, parts }) => {
    const { freedBytes, removedTasks, keptBytes, thresholdBytes } = await parts.jobs.collectGarbage();
    reply.code(202);
    return {
      freed_bytes: freedBytes,
      removed_tasks: removedTasks,
      kept_bytes: keptBytes,
      threshold_bytes: thresholdBytes,
    };
  },
  startSweep: async ({ request, reply, parts }) => {
    const { name } = request.params as { readonly name: string }; // the path has it
    const sweep = parts.config().sweeps.get(name);
    if (sweep === undefined) throw new ApiError('ERR_NOT_FOUND', 'there is no such sweep');
    const { task } = await addSweep(sweep, parts.queue);
    reply.code(202);
    return taskJson(task);
  },
  live: () => Promise.resolve({ live: true }),
  ready: async ({ reply, parts }) => {
    const { queue, workers, workDir, isDraining } = await readiness(parts);
    const isReady = queue && workers && workDir && !isDraining;
    reply.code(isReady ? 200 : 503);
    return { ready: isReady, queue, workers, work_dir: workDir, draining: isDraining };
  },
  openapi: () => Promise.resolve(openapiDocument()),
} as const satisfies Readonly<Partial<Record<EndpointName, Handler>>>;

export function addV2(server: FastifyInstance, parts: ApiParts, hub: EventHub): void {
  const bucket = new TokenBucket(PER_SECOND, BURST);
  for (const [name, handle] of Object.entries<Handler>(HANDLERS)) {
    const { method, path, access, query }: Endpoint = ENDPOINTS[name as keyof typeof HANDLERS];
    server.route({
      method,
      url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
      handler: async (request, reply) => {
        if (access === 'read' || access === 'write') {
          demandScope(request, parts, access);
          if (!bucket.take()) throw new ApiError('ERR_BUSY', 'too many requests');
        }
        checked(query, request.query);
        reply.header('cache-control', 'no-store');
        return handle({ request, reply, parts, hub });
      },
    });
  }
}

/** Throws ApiError with the member at fault. */
function checked<S extends ObjectSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const member = v.getDotPath(issue);
  throw new ApiError(
    'ERR_ILLEGAL_PARAMETER',
    member === null ? issue.message : `${member}: ${issue.message}`,
  );
}

function idOf({ params }: FastifyRequest): string {
  return (params as { readonly id: string }).id; // the path has it
}

function queueJson({ states, oldestMs, workers, busy, paused }: QueueState): object {
  return {
    waiting: states.waiting,
    delayed: states.delayed,
    active: states.active,
    failed: states.failed,
    oldest_seconds: oldestMs / 1000,
    workers,
    busy,
    paused,
  };
}
