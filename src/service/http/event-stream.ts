/** Server-sent events: one answer that goes on until its client, or the service, ends. */
import { PassThrough } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { taskJson } from './api/task-json.js';
import { ApiError } from './errors.js';
import type { EventHub, TaskEvent } from './events.js';

export interface StreamOptions {
  readonly hub: EventHub;
  readonly closing: AbortSignal;
  /** Only events of this task. */
  readonly task?: string | undefined;
  /** Throws once the client may not listen any more, since its token was removed or its session is over. */
  readonly demand: () => void;
}

const MAX_LISTENERS = 200;
/** Proxies end connections on which nothing is said for a minute. */
const BEAT_MS = 15_000;
/** Bytes that may wait for a client that reads slowly; beyond, it has to come back. */
const MAX_WAITING = 4 << 20;

/** Throws ApiError where too many listen. */
export function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  options: StreamOptions,
): FastifyReply {
  const { hub, closing, task, demand } = options;
  if (hub.listeners >= MAX_LISTENERS) throw new ApiError('ERR_BUSY', 'too many clients listen for events');
  const stream = new PassThrough();
  const write = (text: string): void => {
    if (stream.destroyed || stream.writableEnded) return;
    if (stream.writableLength + stream.readableLength > MAX_WAITING) stream.destroy();
    else stream.write(text);
  };
  const send = (event: TaskEvent): void => {
    if (task === undefined || event.task.id === task)
      write(`id: ${event.id}\nevent: task\ndata: ${JSON.stringify(taskJson(event.task))}\n\n`);
  };
  const last = request.headers['last-event-id'];
  const missed = typeof last === 'string' ? hub.since(last) : [];
  write(missed === undefined ? 'event: reset\ndata: {}\n\n' : ': the events follow\n\n');
  for (const event of missed ?? []) send(event);
  const stop = hub.listen(send);
  const end = (): void => {
    stream.end();
  };
  const beat = setInterval(() => {
    try {
      demand();
      write(': still here\n\n');
    } catch {
      end();
    }
  }, BEAT_MS).unref();
  closing.addEventListener('abort', end, { once: true });
  stream.once('close', () => {
    stop();
    clearInterval(beat);
    closing.removeEventListener('abort', end);
  });
  if (closing.aborted) end();
  return reply
    .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    .type('text/event-stream')
    .send(stream);
}
