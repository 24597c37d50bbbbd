/** Takes tasks from the queue while there are free workers, and settles them by what comes of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { InterruptedError, NydusError } from '../errors.js';
import { parseReference } from '../oci/reference.js';
import { formatSelection } from '../oci/platform.js';
import type { ServiceConfig } from './config/config.js';
import { cacheOf, takeIn } from './intake.js';
import { accessTo } from './jobs/access.js';
import { DrainError, JobTimeoutError, WorkerDiedError, type WorkerPool } from './jobs/pool.js';
import type { JobAnswer, JobFailure, JobRequest } from './jobs/request.js';
import { afterFailure, afterWorkerDeath } from './jobs/retries.js';
import type { Log } from './log.js';
import { globMatches } from './rules/glob.js';
import { SWEEP_PRIORITY } from './sweeps.js';
import type { Metrics } from './metrics.js';
import type { Outcome, TaskQueue } from './queue/queue.js';
import type { NewTask, Task, TaskKind } from './queue/task.js';
import { traced } from './tracing.js';

export interface RunnerOptions {
  readonly queue: TaskQueue;
  readonly pool: WorkerPool;
  /** The configuration that is in force now. */
  readonly config: () => ServiceConfig;
  readonly spool: string;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Called after each task. */
  readonly onSettled?: (() => void) | undefined;
}

/** Of so many workers one takes the least urgent tasks first, so that they do not wait for ever. */
const PATIENT_FROM = 3;
/** Tasks that are added at once, so that requests need not wait for long. */
const PIECE = 500;
/** A timer cannot wait longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const STARTS: Readonly<Record<TaskKind, string>> = {
  convert: 'converting image',
  look: 'looking at repository',
  sweep: 'sweeping registry',
};

interface Running {
  readonly control: AbortController;
  readonly ended: Promise<void>;
}

export class Runner {
  readonly #options: RunnerOptions;
  readonly #running = new Map<string, Running>();
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** The task that was taken as the least urgent. */
  #patient: string | undefined;
  #isStopping = false;
  #pumping: Promise<void> | undefined;
  #again = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#unsubscribe = options.queue.subscribe(({ state }) => {
      if (state === 'waiting' || state === 'delayed') this.wake();
    });
  }

  /** Looks for work, now and when some is due. */
  wake(): void {
    if (this.#isStopping) return;
    if (this.#pumping !== undefined) {
      this.#again = true;
      return;
    }
    this.#pumping = this.#pump()
      .catch((error: unknown) => {
        this.#options.log.error('the queue does not answer', { error: textOf(error) });
        this.#wakeIn(1000);
      })
      .finally(() => {
        this.#pumping = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.wake();
      });
  }

  /** True if the task was running and is being stopped. */
  cancel(id: string): boolean {
    const running = this.#running.get(id);
    running?.control.abort(new CancelledError('cancelled'));
    return running !== undefined;
  }

  /** Takes no more tasks; running ones have so long to end, and wait again afterwards, uncounted. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    this.#unsubscribe();
    // The service may be killed before the attempts have ended.
    await this.#options.queue.stopping().catch((error: unknown) => {
      this.#options.log.error('the queue does not answer', { error: textOf(error) });
    });
    await this.#pumping;
    const all = [...this.#running.values()];
    const ended = Promise.all(all.map(({ ended: one }) => one));
    const timer = new AbortController();
    await Promise.race([ended, sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    for (const { control } of all) control.abort(new DrainError('the service is stopping'));
    await ended;
  }

  async #pump(): Promise<void> {
    const { queue, pool, config } = this.#options;
    clearTimeout(this.#timer);
    while (pool.free > 0 && !this.#isStopping) {
      const isPatient = config().settings.converter.worker >= PATIENT_FROM && this.#patient === undefined;
      const task = await queue.take(isPatient ? 'patient' : 'urgent');
      if (task === undefined) break;
      if (isPatient) this.#patient = task.id;
      this.#start(task);
    }
    if (pool.free > 0) {
      const next = await queue.untilNext();
      if (next !== undefined && next > 0) this.#wakeIn(next);
    }
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.wake();
      },
      Math.min(ms, MAX_TIMER_MS),
    ).unref();
  }

  #start(task: Task): void {
    const control = new AbortController();
    const ended = this.#run(task, control.signal)
      .catch((error: unknown) => {
        // The task stays active, and waits again at the next start.
        this.#options.log.error('a task could not be settled', { task: task.id, error: textOf(error) });
      })
      .finally(() => {
        this.#running.delete(task.id);
        if (this.#patient === task.id) this.#patient = undefined;
        this.#options.onSettled?.();
        this.wake();
      });
    this.#running.set(task.id, { control, ended });
  }

  async #run(task: Task, signal: AbortSignal): Promise<void> {
    const { queue, metrics, log } = this.#options;
    const started = performance.now();
    const { id, kind, source, target } = task;
    log.info(STARTS[kind], { task: id, source, target });
    if (kind === 'convert') metrics.conversions.inc({ op: 'convert' });
    const outcome = await traced(
      {
        name: STARTS[kind],
        kind: 'consumer',
        parent: task.trace,
        attributes: { 'nydusify.task': id, 'nydusify.source': source, 'nydusify.target': target },
      },
      async (span) => {
        const ended = await this.#outcome(task, signal, span.trace);
        span.set({ 'nydusify.outcome': ended.kind });
        if ('error' in ended && ended.error !== undefined) span.fail(ended.error.message);
        return ended;
      },
    );
    const seconds = (performance.now() - started) / 1000;
    metrics.jobs.inc({ kind, outcome: outcome.kind });
    metrics.jobSeconds.observe({ kind, outcome: outcome.kind }, seconds);
    if (outcome.kind === 'completed' && kind === 'convert') {
      metrics.conversionSeconds.observe({ op: 'convert' }, seconds);
      if (task.origin === 'sweep') metrics.sweepMissing.inc();
      metrics.bytes.inc({ direction: 'source' }, outcome.sourceSize ?? 0);
      metrics.bytes.inc({ direction: 'target' }, outcome.targetSize ?? 0);
    }
    const error = outcome.kind === 'failed' || outcome.kind === 'retry' ? outcome.error : undefined;
    if (error !== undefined) {
      metrics.failures.inc({ code: error.code });
      if (kind === 'convert') metrics.conversionErrors.inc({ op: 'convert' });
      await queue.log(id, `${error.code}: ${error.message}`);
    }
    await queue.settle(id, outcome);
    const fields = { task: id, source, target, seconds: Math.round(seconds * 1000) / 1000 };
    if (outcome.kind === 'failed') log.error('conversion failed', { ...fields, error: error?.message });
    else if (outcome.kind === 'retry')
      log.warn('conversion will be tried again', {
        ...fields,
        in: outcome.delayMs / 1000,
        error: error?.message,
      });
    else log.info(outcome.kind, { ...fields, reason: 'reason' in outcome ? outcome.reason : undefined });
  }

  async #outcome(task: Task, signal: AbortSignal, trace: string | undefined): Promise<Outcome> {
    const { pool, queue, config } = this.#options;
    const rules = { attempts: config().settings.converter.attempts, random: Math.random };
    const request = this.#requestOf(task);
    if ('code' in request) return { kind: 'failed', error: request };
    // A line or a count that cannot be stored is no reason to stop a conversion.
    const ignore = (): undefined => undefined;
    try {
      const answer = await pool.run(request, {
        signal,
        trace,
        progress: (progress) => {
          queue.progress(task.id, progress).catch(ignore);
        },
        line: (text) => {
          queue.log(task.id, text).catch(ignore);
        },
      });
      return await this.#outcomeOf(task, answer);
    } catch (error) {
      if (error instanceof CancelledError) return { kind: 'cancelled', reason: 'cancelled' };
      if (error instanceof DrainError) return { kind: 'retry', delayMs: 0, counts: false };
      if (error instanceof WorkerDiedError) return afterWorkerDeath(task, error.message, rules);
      if (error instanceof JobTimeoutError)
        return afterFailure(
          task,
          { code: 'TIMEOUT', message: error.message, hint: 'converter.timeout allows more' },
          rules,
        );
      const code = error instanceof NydusError ? error.code : 'INTERNAL';
      return afterFailure(task, { code, message: textOf(error) }, rules);
    }
  }

  async #outcomeOf(task: Task, answer: JobAnswer): Promise<Outcome> {
    const { metrics, config } = this.#options;
    switch (answer.kind) {
      case 'converted':
        metrics.cacheRecords.inc({ result: 'hit' }, answer.cache?.hits ?? 0);
        metrics.cacheRecords.inc({ result: 'miss' }, answer.cache?.misses ?? 0);
        return { kind: 'completed', ...answer.result };
      case 'skipped':
        return { kind: 'skipped', reason: answer.reason, ...answer.result };
      case 'tags':
        await this.#convertTags(task, answer.tags);
        return { kind: 'completed' };
      case 'repositories':
        await this.#lookAt(task, answer.repositories);
        return { kind: 'completed' };
      case 'failed':
        return afterFailure(task, answer.failure, {
          attempts: config().settings.converter.attempts,
          random: Math.random,
        });
    }
  }

  /** Each tag becomes a task, which asks the registry whether its target is up to date. */
  async #convertTags(task: Task, tags: readonly string[]): Promise<void> {
    const { queue, config, metrics } = this.#options;
    const { registry, repository } = parseReference(task.source);
    const globs = task.origin === 'sweep' ? (config().sweeps.get(task.rule)?.tags ?? []) : ['*'];
    const images = tags
      .filter((tag) => globs.some((glob) => globMatches(glob, tag)))
      .map((tag) => ({ registry, repository, tag }));
    const origin = task.origin === 'sweep' ? 'sweep' : 'look';
    const { skipped } = await takeIn(images, config(), queue, { origin, priority: SWEEP_PRIORITY });
    for (const { reason } of skipped) metrics.skips.inc({ reason });
  }

  /** Each repository becomes a task of its own, beside one that a push has caused: that one takes every tag. */
  async #lookAt({ source, rule }: Task, repositories: readonly string[]): Promise<void> {
    const looks = repositories.map((name): NewTask => {
      const repository = `${source}/${name}`;
      return {
        kind: 'look',
        key: `look ${repository} for ${rule}`,
        source: repository,
        target: '',
        rule,
        origin: 'sweep',
        priority: SWEEP_PRIORITY,
      };
    });
    for (let at = 0; at < looks.length; at += PIECE)
      await this.#options.queue.add(looks.slice(at, at + PIECE));
  }

  /** A task names its rule; what the rule says is read now, since the configuration may have changed. */
  #requestOf(task: Task): JobRequest | JobFailure {
    const { config, spool } = this.#options;
    const { hosts, rules, settings } = config();
    try {
      if (task.kind === 'sweep') {
        const sweep = config().sweeps.get(task.rule);
        if (sweep === undefined)
          return { code: 'USAGE', message: `sweep ${task.rule} is not in the configuration any more` };
        const access = accessTo(hosts, [sweep]);
        if (access === undefined) return notConfigured(sweep.registry);
        return { kind: 'sweep', registry: sweep.registry, repositories: sweep.repositories, access };
      }
      const source = parseReference(task.source);
      if (task.kind === 'look') {
        const access = accessTo(hosts, [source]);
        if (access === undefined) return notConfigured(task.source);
        return { kind: 'look', repository: task.source, access };
      }
      const target = parseReference(task.target);
      const rule = rules.rules.find(({ name }) => name === task.rule);
      if (rule === undefined)
        return { code: 'USAGE', message: `rule ${task.rule} is not in the configuration any more` };
      const { dictionary } = rule.driver;
      const images = [source, target, ...(dictionary === undefined ? [] : [parseReference(dictionary)])];
      const access = accessTo(hosts, images);
      if (access === undefined) return notConfigured(images.map(({ registry }) => registry).join(', '));
      return {
        kind: 'convert',
        source: task.source,
        target: task.target,
        cache: settings.provider.cache_size === 0 ? '' : cacheOf(target, rule.cacheTag),
        cacheSize: settings.provider.cache_size,
        cacheVersion: settings.provider.cache_version,
        platforms: formatSelection(rule.platforms),
        driver: rule.driver.texts,
        workDir: spool,
        force: task.force,
        access,
      };
    } catch (error) {
      if (!(error instanceof NydusError)) throw error;
      return { code: error.code, message: error.message };
    }
  }
}

/** A user has asked that the task ends. */
class CancelledError extends InterruptedError {}

function notConfigured(name: string): JobFailure {
  return { code: 'USAGE', message: `${name}: the registry is not in provider.source` };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
