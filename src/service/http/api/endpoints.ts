/** Every endpoint, as data: the routes of v2, `/openapi.json` and the table in docs/service.md follow from it. */
import * as v from 'valibot';
import { type ApiCode, CODES } from '../errors.js';
import {
  EVENTS_QUERY,
  GARBAGE,
  LAYER,
  LIVE,
  NEW_TASK,
  NO_QUERY,
  QUEUE,
  READY,
  TASK,
  TASK_LOG,
  TASK_PAGE,
  TASKS_QUERY,
} from './schemas.js';

/** `open`: nothing is asked. `sender`: the secret of a registry or of a receiver. `list`: a token, once there is one. Else a token of the scope. */
export type Access = 'open' | 'sender' | 'list' | 'read' | 'write';

export type ObjectSchema = v.StrictObjectSchema<v.ObjectEntries, undefined>;

export interface Answer {
  readonly text: string;
  readonly type: 'application/json' | 'text/plain' | 'text/event-stream';
  /** The name of a schema in `SCHEMAS`; texts have none. */
  readonly schema?: SchemaName;
}

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With parameters in braces. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly query: ObjectSchema;
  readonly body?: { readonly schema: SchemaName; readonly isRequired: boolean };
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Refusals beyond those that any endpoint of its access may give. */
  readonly codes: readonly ApiCode[];
}

const REFUSAL = v.strictObject({
  // The type of `Object.keys` is wider than that of the constant.
  code: v.picklist(Object.keys(CODES) as ApiCode[]),
  message: v.string(),
});

const LISTED_TASK = v.strictObject({
  id: v.string(),
  created: v.string(),
  finished: v.string(),
  source: v.string(),
  source_size: v.number(),
  target_size: v.number(),
  status: v.picklist(['PROCESSING', 'COMPLETED', 'FAILED']),
  reason: v.string(),
});

/** Members that others than we have made up. */
const ANY = v.unknown();

const PUSH_EVENT = v.objectWithRest(
  {
    type: v.optional(v.pipe(v.string(), v.description('Anything but PUSH_ARTIFACT has no effect.'))),
    event_data: v.optional(
      v.objectWithRest(
        { resources: v.nullish(v.array(v.objectWithRest({ resource_url: v.string() }, ANY))) },
        ANY,
      ),
    ),
  },
  ANY,
);

const RECEIVED = v.strictObject({
  accepted: v.array(v.strictObject({ task: v.string(), source: v.string() })),
  skipped: v.array(v.strictObject({ source: v.string(), reason: v.string() })),
});

/** The named schemas of `/openapi.json`. */
export const SCHEMAS = {
  Task: TASK,
  Layer: LAYER,
  TaskPage: TASK_PAGE,
  TaskLog: TASK_LOG,
  NewTask: NEW_TASK,
  Queue: QUEUE,
  Garbage: GARBAGE,
  Live: LIVE,
  Ready: READY,
  Refusal: REFUSAL,
  PushEvent: PUSH_EVENT,
  ListedTasks: v.array(LISTED_TASK),
  Ok: v.literal('Ok'),
  Event: v.record(v.string(), ANY),
  Received: RECEIVED,
  Document: v.objectWithRest({ openapi: v.string() }, ANY),
} as const satisfies Readonly<Record<string, v.GenericSchema>>;

export type SchemaName = keyof typeof SCHEMAS;

const json = (text: string, schema: SchemaName): Answer => ({ text, type: 'application/json', schema });
const SYNC = v.strictObject({
  sync: v.optional(v.pipe(v.string(), v.description('A boolean: answer when the conversion has ended.'))),
});
const TASK_NOW = json('The task.', 'Task');
const RECEIVER = {
  method: 'POST',
  access: 'sender',
  query: NO_QUERY,
  body: { schema: 'Event', isRequired: true },
  answers: {
    200: json('There is nothing to do.', 'Received'),
    202: json('What was accepted and skipped.', 'Received'),
  },
  codes: ['ERR_FORBIDDEN', 'ERR_NOT_FOUND', 'ERR_BUSY', 'ERR_UNAVAILABLE'],
} as const;

export const ENDPOINTS = {
  createConversion: {
    method: 'POST',
    path: '/api/v1/conversions',
    summary: "Converts the images of Harbor's event; other events have no effect.",
    access: 'sender',
    query: SYNC,
    body: { schema: 'PushEvent', isRequired: false },
    answers: { 200: json('Accepted; with `sync`, converted.', 'Ok') },
    codes: ['ERR_FORBIDDEN', 'ERR_CONVERT_FAILED'],
  },
  listConversions: {
    method: 'GET',
    path: '/api/v1/conversions',
    summary: "Conversions in upstream's form, newest first.",
    access: 'list',
    query: NO_QUERY,
    answers: { 200: json('The conversions.', 'ListedTasks') },
    codes: [],
  },
  health: {
    method: 'GET',
    path: '/api/v1/health',
    summary: 'Whether the queue answers.',
    access: 'open',
    query: NO_QUERY,
    answers: { 200: { text: '`Ok`.', type: 'text/plain' } },
    codes: ['ERR_UNHEALTHY'],
  },
  receive: {
    ...RECEIVER,
    path: '/api/v1/webhooks/{name}',
    summary: 'An event of the sender that the receiver is configured for.',
  },
  receiveBySecret: {
    ...RECEIVER,
    path: '/api/v1/webhooks/{name}/{secret}',
    summary: 'The same, for senders that cannot set headers.',
  },
  listTasks: {
    method: 'GET',
    path: '/api/v2/tasks',
    summary: 'A page of tasks, newest first.',
    access: 'read',
    query: TASKS_QUERY,
    answers: { 200: json('The page.', 'TaskPage') },
    codes: [],
  },
  createTask: {
    method: 'POST',
    path: '/api/v2/tasks',
    summary: 'Converts an image.',
    access: 'write',
    query: NO_QUERY,
    body: { schema: 'NewTask', isRequired: true },
    answers: {
      200: json('A task that waits for the same target stands for this one, too.', 'Task'),
      201: json('The task is new.', 'Task'),
    },
    codes: ['ERR_FORBIDDEN'],
  },
  getTask: {
    method: 'GET',
    path: '/api/v2/tasks/{id}',
    summary: 'A task.',
    access: 'read',
    query: NO_QUERY,
    answers: { 200: TASK_NOW },
    codes: ['ERR_NOT_FOUND'],
  },
  getTaskLog: {
    method: 'GET',
    path: '/api/v2/tasks/{id}/log',
    summary: 'What its conversion has said.',
    access: 'read',
    query: NO_QUERY,
    answers: { 200: json('The lines, oldest first.', 'TaskLog') },
    codes: ['ERR_NOT_FOUND'],
  },
  retryTask: {
    method: 'POST',
    path: '/api/v2/tasks/{id}/retry',
    summary: 'A new task with the content of one that was skipped, cancelled or failed.',
    access: 'write',
    query: NO_QUERY,
    answers: {
      200: json('A task that waits for the same target stands for this one, too.', 'Task'),
      201: json('The new task.', 'Task'),
    },
    codes: ['ERR_NOT_FOUND', 'ERR_CONFLICT'],
  },
  cancelTask: {
    method: 'DELETE',
    path: '/api/v2/tasks/{id}',
    summary: 'Cancels a task that has not ended.',
    access: 'write',
    query: NO_QUERY,
    answers: { 200: json('It is cancelled.', 'Task'), 202: json('It runs, and is being stopped.', 'Task') },
    codes: ['ERR_NOT_FOUND', 'ERR_CONFLICT'],
  },
  watchEvents: {
    method: 'GET',
    path: '/api/v2/events',
    summary:
      'Changes of tasks as server-sent events: `task` with the task, and `reset` where events were missed, after which a client lists tasks anew. `Last-Event-ID` goes on after an event.',
    access: 'read',
    query: EVENTS_QUERY,
    answers: { 200: { text: 'Events, until the client ends.', type: 'text/event-stream' } },
    codes: [],
  },
  getQueue: {
    method: 'GET',
    path: '/api/v2/queue',
    summary: 'How much waits and runs; `waiting` is what an autoscaler reads.',
    access: 'read',
    query: NO_QUERY,
    answers: { 200: json('The state of the queue.', 'Queue') },
    codes: [],
  },
  pauseQueue: {
    method: 'POST',
    path: '/api/v2/queue/pause',
    summary: 'No task begins any more; tasks are accepted, and running ones go on.',
    access: 'write',
    query: NO_QUERY,
    answers: { 200: json('The state of the queue.', 'Queue') },
    codes: [],
  },
  resumeQueue: {
    method: 'POST',
    path: '/api/v2/queue/resume',
    summary: 'Tasks begin again.',
    access: 'write',
    query: NO_QUERY,
    answers: { 200: json('The state of the queue.', 'Queue') },
    codes: [],
  },
  collectGarbage: {
    method: 'POST',
    path: '/api/v2/gc',
    summary: 'Frees storage down to `provider.gcpolicy.threshold`, as after each conversion.',
    access: 'write',
    query: NO_QUERY,
    answers: { 202: json('What was freed.', 'Garbage') },
    codes: [],
  },
  startSweep: {
    method: 'POST',
    path: '/api/v2/sweeps/{name}',
    summary: 'Looks through a registry now, as a sweep of the configuration does at its times.',
    access: 'write',
    query: NO_QUERY,
    answers: { 202: json('The task of the sweep.', 'Task') },
    codes: ['ERR_NOT_FOUND'],
  },
  live: {
    method: 'GET',
    path: '/api/v2/live',
    summary: 'The process answers.',
    access: 'open',
    query: NO_QUERY,
    answers: { 200: json('It does.', 'Live') },
    codes: [],
  },
  ready: {
    method: 'GET',
    path: '/api/v2/ready',
    summary: 'Whether tasks are accepted and begin.',
    access: 'open',
    query: NO_QUERY,
    answers: { 200: json('They are.', 'Ready'), 503: json('They are not, and why.', 'Ready') },
    codes: [],
  },
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description, in OpenAPI 3.1.',
    access: 'open',
    query: NO_QUERY,
    answers: { 200: json('The description.', 'Document') },
    codes: [],
  },
} as const satisfies Readonly<Record<string, Endpoint>>;

export type EndpointName = keyof typeof ENDPOINTS;

/** Refusals that an endpoint may give, in the order of their statuses. */
export function refusalsOf(name: EndpointName): readonly ApiCode[] {
  const { access, codes, path }: Endpoint = ENDPOINTS[name];
  const found = new Set<ApiCode>(['ERR_ILLEGAL_PARAMETER', 'ERR_INTERNAL', ...codes]);
  if (access !== 'open') found.add('ERR_UNAUTHORIZED');
  if (ENDPOINTS[name].method !== 'GET') found.add('ERR_TOO_LARGE');
  if (access === 'read' || access === 'write')
    for (const code of ['ERR_FORBIDDEN', 'ERR_BUSY', 'ERR_UNAVAILABLE'] as const) found.add(code);
  // Upstream's client takes 503 for success.
  if (path === '/api/v1/conversions') found.delete('ERR_UNAVAILABLE');
  return [...found].sort((a, b) => CODES[a].status - CODES[b].status || (a < b ? -1 : 1));
}
