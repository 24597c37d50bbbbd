/** Child processes that convert, one job at a time each; a process that dies, or has grown large or old, is replaced. */
import { type ChildProcess, fork } from 'node:child_process';
import { InterruptedError } from '../../errors.js';
import { residentBytes } from './resident.js';
import type { TaskProgress } from '../queue/task.js';
import type { FromWorker, JobAnswer, JobRequest, ToWorker } from './request.js';

export interface PoolOptions {
  /** The program of a worker. */
  readonly program: string;
  readonly workers: number;
  /** Resident bytes beyond which a process is ended during its job, and replaced after it. */
  readonly memory: number;
  /** Milliseconds that one job may take. */
  readonly timeoutMs: number;
  readonly onRestart?: ((reason: RestartReason) => void) | undefined;
}

export type RestartReason = 'died' | 'memory' | 'jobs' | 'stopped';

/** The process of a job has died without an answer. */
export class WorkerDiedError extends Error {
  override readonly name = 'WorkerDiedError';
}

/** A job went on for longer than it may. */
export class JobTimeoutError extends Error {
  override readonly name = 'JobTimeoutError';
}

/** A process, as the API shows it. */
export interface ProcessState {
  readonly pid: number | undefined;
  readonly isAlive: boolean;
  readonly isBusy: boolean;
  readonly jobs: number;
  /** As of its last job; 0 before. */
  readonly residentBytes: number;
}

export interface JobWatcher {
  readonly signal: AbortSignal;
  readonly progress: (progress: TaskProgress) => void;
  readonly line: (text: string) => void;
  /** The span that the job belongs to, as `traceparent`. */
  readonly trace?: string | undefined;
}

const MAX_JOBS = 50;
/** Milliseconds that a job which is stopped has to tidy up. */
const GRACE_MS = 10_000;
/** Milliseconds between two looks at the memory of a process that works. */
const LOOK_MS = 250;
const MEBIBYTE = 2 ** 20;

export class WorkerPool implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #idle: Worker[] = [];
  readonly #busy = new Set<Worker>();
  #isOpen = true;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get busy(): number {
    return this.#busy.size;
  }

  get free(): number {
    return this.#isOpen ? this.#options.workers - this.#busy.size : 0;
  }

  /** Busy ones first. */
  processes(): readonly ProcessState[] {
    return [...this.#busy, ...this.#idle].map((worker) => ({
      pid: worker.pid,
      isAlive: worker.isAlive,
      isBusy: this.#busy.has(worker),
      jobs: worker.jobs,
      residentBytes: worker.residentBytes,
    }));
  }

  /** Starts all processes, so that the first jobs need not wait for them. */
  start(): void {
    while (this.#idle.length + this.#busy.size < this.#options.workers)
      this.#idle.push(new Worker(this.#options.program, this.#options.memory));
  }

  /** Runs a job. There must be a free worker. Throws WorkerDiedError, JobTimeoutError, and the signal's reason once it has fired. */
  async run(request: JobRequest, watcher: JobWatcher): Promise<JobAnswer> {
    const worker = this.#take();
    this.#busy.add(worker);
    const timeout = new AbortController();
    const timer = setTimeout(() => {
      timeout.abort(new JobTimeoutError(`it took longer than ${this.#options.timeoutMs / 1000} s`));
    }, this.#options.timeoutMs);
    try {
      const signal = AbortSignal.any([watcher.signal, timeout.signal]);
      return await worker.run(request, { ...watcher, signal });
    } finally {
      clearTimeout(timer);
      this.#busy.delete(worker);
      this.#giveBack(worker);
    }
  }

  #take(): Worker {
    for (let worker = this.#idle.pop(); worker !== undefined; worker = this.#idle.pop())
      if (worker.isAlive) return worker;
    return new Worker(this.#options.program, this.#options.memory);
  }

  #giveBack(worker: Worker): void {
    const reason = this.#reasonToReplace(worker);
    if (reason === undefined) {
      this.#idle.push(worker);
      return;
    }
    worker.end();
    this.#options.onRestart?.(reason);
    if (this.#isOpen) this.#idle.push(new Worker(this.#options.program, this.#options.memory));
  }

  #reasonToReplace(worker: Worker): RestartReason | undefined {
    if (worker.residentBytes > this.#options.memory) return 'memory';
    if (worker.wasStopped) return 'stopped';
    if (!worker.isAlive) return 'died';
    return worker.jobs >= MAX_JOBS ? 'jobs' : undefined;
  }

  /** Ends all processes. Running jobs must have been stopped before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    const all = [...this.#idle.splice(0), ...this.#busy];
    for (const worker of all) worker.end();
    await Promise.all(all.map((worker) => worker.ended));
  }
}

class Worker {
  readonly ended: Promise<void>;
  jobs = 0;
  residentBytes = 0;
  wasStopped = false;
  readonly #child: ChildProcess;
  readonly #memory: number;
  #isAlive = true;
  #how: string | undefined;
  #receive: ((message: FromWorker | undefined) => void) | undefined;

  constructor(program: string, memory: number) {
    this.#memory = memory;
    // Its output is the service's own, so that what a crash prints is not lost.
    this.#child = fork(program, [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'json',
    });
    this.#child.on('message', (message) => this.#receive?.(message as FromWorker)); // our own program sends it
    this.ended = new Promise((resolve) => {
      const gone = (how: string): void => {
        this.#how ??= how;
        this.#isAlive = false;
        this.#receive?.(undefined);
        resolve();
      };
      this.#child.once('exit', (code, signal) => {
        gone(signal === null ? `exit code ${code ?? 0}` : signal);
      });
      this.#child.once('error', (error) => {
        if (this.#child.pid === undefined) gone(error.message);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isAlive(): boolean {
    return this.#isAlive && this.#child.connected;
  }

  async run(request: JobRequest, { signal, progress, line, trace }: JobWatcher): Promise<JobAnswer> {
    this.jobs++;
    let killing: NodeJS.Timeout | undefined;
    const stop = (): void => {
      this.wasStopped = true;
      this.#send({ type: 'abort' });
      killing = setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS);
    };
    const looking = setInterval(() => void this.#look(), LOOK_MS).unref();
    try {
      signal.throwIfAborted();
      const answer = await new Promise<JobAnswer | undefined>((resolve) => {
        this.#receive = (message) => {
          if (message === undefined) resolve(undefined);
          else if (message.type === 'progress') progress(message.progress);
          else if (message.type === 'line') line(message.text);
          else if (message.type === 'done') {
            this.residentBytes = message.residentBytes;
            resolve(message.answer);
          }
        };
        if (!this.isAlive) {
          resolve(undefined);
          return;
        }
        signal.addEventListener('abort', stop, { once: true });
        this.#send({ type: 'job', request, trace });
      });
      if (signal.aborted && answer?.kind !== 'converted') signal.throwIfAborted();
      if (answer === undefined) throw new WorkerDiedError(this.#how ?? 'it ended');
      return answer;
    } finally {
      clearInterval(looking);
      signal.removeEventListener('abort', stop);
      clearTimeout(killing);
      this.#receive = undefined;
    }
  }

  /** Ends a process that has grown beyond its bound: the kernel would end any process of the machine, this one's parent too. */
  async #look(): Promise<void> {
    const { pid } = this.#child;
    const bytes = pid === undefined ? undefined : await residentBytes(pid);
    // The job may have ended meanwhile, and then the process is replaced without being killed.
    if (bytes === undefined || bytes <= this.#memory || this.#receive === undefined) return;
    this.residentBytes = bytes;
    this.#how ??= `it grew to ${Math.round(bytes / MEBIBYTE)} MiB, and converter.memory allows ${Math.round(this.#memory / MEBIBYTE)} MiB`;
    this.#child.kill('SIGKILL');
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
    const killing = setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS).unref();
    void this.ended.then(() => {
      clearTimeout(killing);
    });
  }

  #send(message: ToWorker): void {
    // A process that is gone answers by its end.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }
}

/** The reason for which the service stops a job that it wants to go on later. */
export class DrainError extends InterruptedError {}
