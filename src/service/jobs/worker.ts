/** The process that converts: it takes one job at a time from its parent, and reports what happens. */
import {
  InternalError,
  InterruptedError,
  NydusError,
  RegistryError,
  UnsupportedError,
} from '../../errors.js';
import { returnFreedMemory } from '../../native/program.js';
import { parseReference } from '../../oci/reference.js';
import { type OpenOptions, openSource } from '../../registry/open.js';
import { listsRepositories, listsTags } from '../../registry/stores/store.js';
import type { CallOptions, ConvertEvent } from '../../reporter.js';
import { isGlob } from '../config/sweeps.js';
import { globMatches } from '../rules/glob.js';
import { openOptionsFor } from './access.js';
import { attemptConversion } from './attempt.js';
import { ProgressCount } from './progress.js';
import type { FromWorker, JobAnswer, JobFailure, LookRequest, SweepRequest, ToWorker } from './request.js';

/** The parent, as far as the worker needs it. */
export interface Parent {
  send(message: FromWorker): void;
  /** Calls back with each message, and with undefined when the parent is gone. */
  listen(receive: (message: ToWorker | undefined) => void): void;
}

/** Milliseconds between two reports of progress. */
const REPORT_MS = 1000;

/** Serves the parent until that is gone; then the running job is stopped. `base` holds for every registry. */
export async function runWorker(parent: Parent, base: OpenOptions): Promise<void> {
  returnFreedMemory();
  let running: AbortController | undefined;
  await new Promise<void>((resolve) => {
    parent.listen((message) => {
      if (message === undefined) {
        running?.abort(new InterruptedError('the service has ended'));
        resolve();
      } else if (message.type === 'abort') running?.abort(new InterruptedError('stopped by the service'));
      else {
        const control = new AbortController();
        running = control;
        void runJob(message, base, parent, control.signal).then((answer) => {
          running = undefined;
          parent.send({ type: 'done', answer, residentBytes: process.memoryUsage.rss() });
        });
      }
    });
    parent.send({ type: 'ready' });
  });
}

type Job = Extract<ToWorker, { readonly type: 'job' }>;

/** Never rejects. */
async function runJob(
  { request, trace }: Job,
  base: OpenOptions,
  parent: Parent,
  signal: AbortSignal,
): Promise<JobAnswer> {
  const count = new ProgressCount();
  const report = (): void => {
    const progress = count.changed();
    if (progress !== undefined) parent.send({ type: 'progress', progress });
  };
  const timer = setInterval(report, REPORT_MS).unref();
  const call: CallOptions = {
    signal,
    reporter: {
      emit: (event) => {
        count.note(event);
        const text = lineOf(event);
        if (text !== undefined) parent.send({ type: 'line', text });
      },
    },
  };
  try {
    switch (request.kind) {
      case 'convert':
        return await attemptConversion(request, base, call, trace);
      case 'look':
        return await look(request, base, call);
      case 'sweep':
        return await sweep(request, base, call);
    }
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error) };
  } finally {
    clearInterval(timer);
    report();
  }
}

async function look(request: LookRequest, base: OpenOptions, call: CallOptions): Promise<JobAnswer> {
  const reference = parseReference(request.repository);
  await using source = openSource(
    { kind: 'registry', reference },
    openOptionsFor(request.access, reference, base),
  );
  if (!listsTags(source)) throw new UnsupportedError(`${source.location} lists no tags`);
  return { kind: 'tags', tags: await source.tags(call) };
}

/** The registry is asked for its list only where a glob needs it: most let administrators alone see it. */
async function sweep(
  { registry, repositories, access }: SweepRequest,
  base: OpenOptions,
  call: CallOptions,
): Promise<JobAnswer> {
  const found = new Set(repositories.filter((name) => !isGlob(name)));
  const globs = repositories.filter(isGlob);
  if (globs.length > 0) {
    // A list is asked of a registry, and a store is that of a repository, whose name has no part in it.
    const reference = parseReference(`${registry}/all`);
    await using source = openSource({ kind: 'registry', reference }, openOptionsFor(access, reference, base));
    if (!listsRepositories(source)) throw new UnsupportedError(`${registry} lists no repositories`);
    for (const name of await source.repositories(call))
      if (globs.some((glob) => globMatches(glob, name))) found.add(name);
  }
  return { kind: 'repositories', repositories: [...found] };
}

/** The line that a task's log gets; most events are progress alone. */
function lineOf(event: ConvertEvent): string | undefined {
  switch (event.type) {
    case 'resolved':
      return `${event.source} is ${event.manifest.digest}`;
    case 'image.start':
      return `converting ${event.platform}: ${event.manifest}, ${event.layers.length} layers`;
    case 'layer.done':
      return `layer ${event.layer + 1} of ${event.platform}: ${event.outcome}, ${event.stats.blobBytes} bytes`;
    case 'step':
    case 'warning':
      return event.message;
    case 'retry':
      return `${event.what}: attempt ${event.attempt} failed; again in ${Math.round(event.delayMs / 1000)} s`;
    case 'layer.progress':
    case 'image.stages':
    case 'read':
      return undefined;
  }
}

function failureOf(error: unknown): JobFailure {
  const ours =
    error instanceof NydusError
      ? error
      : new InternalError(error instanceof Error ? error.message : String(error), { cause: error });
  const { code, message, hint, side } = ours;
  return {
    code,
    message,
    hint,
    side,
    ...(ours instanceof RegistryError ? { status: ours.status, retryAfterMs: ours.retryAfterMs } : {}),
  };
}
