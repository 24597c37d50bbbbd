/** What v2 takes and answers. Requests are checked by these schemas, and `/openapi.json` follows from them. */
import * as v from 'valibot';
import { TASK_STATES } from '../../queue/task.js';

const MAX_PAGE = 1000;
const TIME = v.pipe(v.string(), v.isoTimestamp());
const COUNT = v.pipe(v.number(), v.minValue(0));
const MAYBE_TEXT = v.nullable(v.string());

const ORIGINS = ['hand', 'webhook', 'look', 'sweep'] as const;

export const LAYER = v.strictObject({
  platform: v.string(),
  size: COUNT,
  bytes: v.pipe(COUNT, v.description('Read so far.')),
  outcome: v.nullable(v.picklist(['pushed', 'present', 'mounted'])),
});

export const TASK = v.strictObject({
  id: v.string(),
  kind: v.picklist(['convert', 'look', 'sweep']),
  source: v.string(),
  target: v.pipe(MAYBE_TEXT, v.description('Null for a look at a repository and for a sweep.')),
  rule: MAYBE_TEXT,
  origin: v.picklist(ORIGINS),
  priority: v.number(),
  state: v.picklist(TASK_STATES),
  reason: v.pipe(v.string(), v.description('Why it was skipped, cancelled or failed; empty otherwise.')),
  attempts: COUNT,
  created: TIME,
  started: v.nullable(TIME),
  finished: v.nullable(TIME),
  next_attempt: v.nullable(TIME),
  source_digest: MAYBE_TEXT,
  target_digest: MAYBE_TEXT,
  source_size: v.nullable(COUNT),
  target_size: v.nullable(COUNT),
  progress: v.nullable(
    v.strictObject({
      layers: COUNT,
      done: COUNT,
      bytes: COUNT,
      total: COUNT,
      each: v.array(LAYER),
    }),
  ),
  error: v.nullable(v.strictObject({ code: v.string(), message: v.string(), hint: MAYBE_TEXT })),
});

export const TASK_PAGE = v.strictObject({
  tasks: v.array(TASK),
  next: v.pipe(MAYBE_TEXT, v.description('The cursor of the next page; null at the end.')),
});

export const TASK_LOG = v.strictObject({
  lines: v.array(v.strictObject({ time: TIME, text: v.string() })),
});

export const QUEUE = v.strictObject({
  waiting: COUNT,
  delayed: COUNT,
  active: COUNT,
  failed: COUNT,
  oldest_seconds: v.pipe(COUNT, v.description('Age of the oldest task that could begin.')),
  workers: COUNT,
  busy: COUNT,
  paused: v.boolean(),
});

export const GARBAGE = v.strictObject({
  freed_bytes: COUNT,
  removed_tasks: COUNT,
  kept_bytes: COUNT,
  threshold_bytes: COUNT,
});

export const LIVE = v.strictObject({ live: v.literal(true) });

export const READY = v.strictObject({
  ready: v.boolean(),
  queue: v.pipe(v.boolean(), v.description('It answers.')),
  workers: v.pipe(v.boolean(), v.description('At least one process lives.')),
  work_dir: v.pipe(v.boolean(), v.description('It can be written to.')),
  draining: v.pipe(v.boolean(), v.description('The service is stopping.')),
});

const STATE_LIST = new RegExp(`^(?:${TASK_STATES.join('|')})(?:,(?:${TASK_STATES.join('|')}))*$`);

export const TASKS_QUERY = v.strictObject({
  state: v.optional(
    v.pipe(
      v.string(),
      v.description('States, with commas between.'),
      v.regex(STATE_LIST, `one or more of ${TASK_STATES.join(', ')}`),
    ),
  ),
  source: v.optional(v.pipe(v.string(), v.description('Only tasks of this image.'))),
  search: v.optional(v.pipe(v.string(), v.description('Only tasks whose source or target contains this.'))),
  origin: v.optional(v.picklist(ORIGINS)),
  limit: v.optional(
    v.pipe(
      v.string(),
      v.description(`Tasks of a page, at most ${MAX_PAGE}; 100 by default.`),
      v.regex(/^(?:[1-9]\d{0,2}|1000)$/, `a number from 1 to ${MAX_PAGE}`),
    ),
  ),
  cursor: v.optional(
    v.pipe(v.string(), v.description('`next` of an earlier page.'), v.regex(/^\d{1,15}$/, 'not a cursor')),
  ),
});

export const EVENTS_QUERY = v.strictObject({
  task: v.optional(v.pipe(v.string(), v.description('Only events of this task.'))),
});

export const NEW_TASK = v.strictObject({
  source: v.pipe(
    v.string(),
    v.description('The image. Of one that is named by its digest alone, the repository is looked at.'),
    v.maxLength(1024),
  ),
  rule: v.optional(v.pipe(v.string(), v.description('In place of the first rule that matches.'))),
  target: v.optional(
    v.pipe(v.string(), v.description('In place of the one that the rule makes.'), v.maxLength(1024)),
  ),
  force: v.optional(
    v.pipe(v.boolean(), v.description('Convert although the target was made from the same image.')),
  ),
  priority: v.optional(
    v.pipe(
      v.number(),
      v.description('Lower ones first; 1 by default.'),
      v.integer(),
      v.minValue(0),
      v.maxValue(100),
    ),
  ),
  wait: v.optional(v.pipe(v.boolean(), v.description('Answer when the task has ended.'))),
});

export const NO_QUERY = v.strictObject({});

export type TaskJson = v.InferOutput<typeof TASK>;
