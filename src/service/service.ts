/** The service: a queue, a server that fills it, and processes that empty it. */
import { setMaxListeners } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { VERSION } from '../convert/version.js';
import type { ServiceConfig } from './config/config.js';
import { listen } from './http/listen.js';
import { openServer } from './http/server.js';
import { WorkerPool } from './jobs/pool.js';
import { GarbageCollector } from './garbage.js';
import type { Log } from './log.js';
import { type Metrics, openMetrics } from './metrics.js';
import { EmbeddedQueue } from './queue/embedded/engine.js';
import { Runner } from './runner.js';
import { SweepClock } from './sweeps.js';
import { bytesIn, isWritable, openWorkDir, removeLeftovers } from './work-dir.js';

export interface ServiceOptions {
  readonly config: ServiceConfig;
  /** The program of the processes that convert. */
  readonly program: string;
  readonly log: Log;
}

/** Milliseconds between two rounds of tidying up. */
const TIDY_MS = 3_600_000;

export class Service {
  /** Where it can be reached. */
  readonly address: string;
  readonly #options: ServiceOptions;
  readonly #queue: EmbeddedQueue;
  readonly #pool: WorkerPool;
  readonly #runner: Runner;
  readonly #server: FastifyInstance;
  readonly #closing: AbortController;
  readonly #sweeps: SweepClock;
  readonly #garbage: GarbageCollector;
  readonly #removeLeftovers: () => Promise<void>;
  readonly #tidying: NodeJS.Timeout;
  #config: ServiceConfig;
  #stopped: Promise<void> | undefined;
  #collecting: Promise<void> | undefined;

  private constructor(
    options: ServiceOptions,
    parts: {
      readonly address: string;
      readonly queue: EmbeddedQueue;
      readonly pool: WorkerPool;
      readonly runner: Runner;
      readonly server: FastifyInstance;
      readonly closing: AbortController;
      readonly garbage: GarbageCollector;
      readonly removeLeftovers: () => Promise<void>;
    },
  ) {
    this.#options = options;
    this.#config = options.config;
    this.address = parts.address;
    this.#queue = parts.queue;
    this.#pool = parts.pool;
    this.#runner = parts.runner;
    this.#server = parts.server;
    this.#closing = parts.closing;
    this.#sweeps = new SweepClock(parts.queue, options.log);
    this.#sweeps.set(options.config.sweeps.values());
    this.#garbage = parts.garbage;
    this.#removeLeftovers = parts.removeLeftovers;
    this.#tidying = setInterval(() => {
      this.#tidy();
    }, TIDY_MS).unref();
  }

  /** Starts everything. Throws LocalIoError, and then nothing is left running. */
  static async start(options: ServiceOptions): Promise<Service> {
    const { config, log, program } = options;
    const { converter, queue: limits, server: http } = config.settings;
    const work = openWorkDir(config.workDir);
    const running: { metrics?: Metrics; service?: Service } = {};
    const now = (): ServiceConfig => running.service?.config ?? config;
    await removeLeftovers(work);
    const tidySpool = async (): Promise<void> => {
      // Conversions may keep their files elsewhere, too.
      const others = now().rules.rules.flatMap(({ driver }) => driver.workDir ?? []);
      try {
        for (const spool of new Set([work.spool, ...others])) await removeLeftovers({ spool });
      } catch (error) {
        log.warn('the spool could not be tidied', {
          error: error instanceof Error ? error.message : String(error),
        });
      }
    };
    const queue = await EmbeddedQueue.open(work.path, { maxWaiting: limits.max_waiting });
    const undo: AsyncDisposable[] = [queue];
    try {
      for (const note of queue.notes) log.warn(note);
      // What the last run's conversions have left elsewhere.
      void tidySpool();
      const pool = new WorkerPool({
        program,
        workers: converter.worker,
        memory: converter.memory,
        timeoutMs: converter.timeout,
        onRestart: (reason) => {
          running.metrics?.restarts.inc({ reason });
          if (reason !== 'jobs') void tidySpool();
        },
      });
      undo.push(pool);
      const metrics = openMetrics({
        name: http.name,
        version: VERSION,
        queue,
        workers: () => ({ busy: pool.busy, free: pool.free }),
        storeBytes: () => bytesIn(work.path),
      });
      const closing = new AbortController();
      // Each request that waits for its conversion listens.
      setMaxListeners(0, closing.signal);
      running.metrics = metrics;
      const garbage = new GarbageCollector({
        work,
        queue,
        log,
        threshold: () => now().settings.provider.gcpolicy.threshold,
      });
      const runner = new Runner({
        queue,
        pool,
        config: now,
        spool: work.spool,
        metrics,
        log,
        onSettled: () => running.service?.collectGarbage(),
      });
      const server = openServer({
        config: now,
        queue,
        metrics,
        log,
        closing: closing.signal,
        isSocket: http.uds !== '',
        jobs: {
          cancel: (id) => runner.cancel(id),
          wake: () => {
            runner.wake();
          },
          processes: () => pool.processes(),
          workers: converter.worker,
          collectGarbage: () => garbage.collect(),
          isWritable: () => isWritable(work.path),
        },
      });
      undo.push({ [Symbol.asyncDispose]: () => server.close() });
      const address = await listen(server, http);
      pool.start();
      const service = new Service(options, {
        address,
        queue,
        pool,
        runner,
        server,
        closing,
        garbage,
        removeLeftovers: tidySpool,
      });
      running.service = service;
      service.#tidy();
      runner.wake();
      return service;
    } catch (error) {
      for (const one of undo.reverse()) await one[Symbol.asyncDispose]();
      throw error;
    }
  }

  get config(): ServiceConfig {
    return this.#config;
  }

  /** Takes a configuration that was read again: rules, sources, webhooks and tokens hold from now on. */
  reload(config: ServiceConfig): void {
    this.#config = config;
    this.#sweeps.set(config.sweeps.values());
    this.#runner.wake();
  }

  /** No new jobs; running ones have `server.shutdown_timeout`. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#tidying);
    this.#sweeps[Symbol.dispose]();
    this.#closing.abort();
    await this.#runner.drain(this.#config.settings.server.shutdown_timeout);
    await this.#server.close();
    await this.#pool[Symbol.asyncDispose]();
    await this.#collecting;
    // Those of a process that was killed may have looked alive when this one began.
    await this.#removeLeftovers();
    await this.#queue[Symbol.asyncDispose]();
  }

  /** Frees storage beside the jobs, which do not wait for it. */
  collectGarbage(): void {
    if (this.#closing.signal.aborted) return;
    this.#collecting = this.#garbage.collect().then(
      () => undefined,
      (error: unknown) => {
        this.#failed('garbage could not be removed', error);
      },
    );
  }

  #tidy(): void {
    const { keep, keep_count } = this.#config.settings.tasks;
    this.#queue.prune({ ageMs: keep, count: keep_count }).then(
      () => {
        this.collectGarbage();
      },
      (error: unknown) => {
        this.#failed('old tasks could not be removed', error);
      },
    );
  }

  #failed(message: string, error: unknown): void {
    this.#options.log.error(message, { error: error instanceof Error ? error.message : String(error) });
  }
}
