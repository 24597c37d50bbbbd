/** A `nydusd` that mounts one image: started, waited for, and stopped so that nothing stays mounted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalIoError } from '../errors.js';
import { isMounted, unmount, type UnmountOptions } from './mount-point.js';

export interface NydusdCall extends UnmountOptions {
  readonly program: string;
  readonly config: string;
  readonly bootstrap: string;
  readonly socket: string;
  /** A real path. */
  readonly directory: string;
  /** Called with each line that nydusd writes. */
  readonly onLine: (line: string) => void;
}

const READY_MS = 30_000;
const ASK_MS = 100;
/** How long a daemon that is asked to end may take. */
const END_MS = 5000;
/** Characters of what it wrote last, for the error. */
const LAST_WORDS = 500;

export class Nydusd {
  readonly #call: NydusdCall;
  readonly #daemon: ChildProcess;
  readonly #closed: Promise<unknown>;
  #last = '';

  private constructor(call: NydusdCall) {
    this.#call = call;
    const { program, config, directory, bootstrap, socket, onLine } = call;
    const args = [
      '--config',
      config,
      '--mountpoint',
      directory,
      '--bootstrap',
      bootstrap,
      '--apisock',
      socket,
    ];
    // In a group of its own: a terminal sends its signals to this process alone, which unmounts first.
    this.#daemon = spawn(program, [...args, '--log-level', 'warn'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#daemon, 'close').catch(() => undefined);
    for (const stream of [this.#daemon.stdout, this.#daemon.stderr])
      stream?.on('data', (data: Buffer) => {
        const text = data.toString();
        this.#last = `${this.#last}${text}`.slice(-LAST_WORDS);
        for (const line of text.split('\n')) if (line !== '') onLine(line);
      });
  }

  /** Returns when the image is mounted. Throws LocalIoError, with nothing mounted, if nydusd does not get so far, and the signal's reason. */
  static async start(call: NydusdCall, signal: AbortSignal): Promise<Nydusd> {
    const nydusd = new Nydusd(call);
    try {
      await nydusd.#ready(signal);
      return nydusd;
    } catch (cause) {
      await nydusd.stop();
      throw cause;
    }
  }

  /** Settles when the daemon has ended, for whatever reason. */
  get closed(): Promise<unknown> {
    return this.#closed;
  }

  /** What it wrote last. */
  get lastWords(): string {
    return this.#last.trim();
  }

  /** Unmounts, then ends the daemon. Returns false if something is mounted all the same. */
  async stop(): Promise<boolean> {
    const { directory, hurry } = this.#call;
    const isUnmounted = (await isMounted(directory)) === false || (await unmount(directory, this.#call));
    this.#daemon.kill('SIGTERM');
    if (!(await this.#hasEnded(hurry))) {
      this.#daemon.kill('SIGKILL');
      await this.#hasEnded();
    }
    // A daemon that was starting may have mounted meanwhile.
    if ((await isMounted(directory)) === true) return unmount(directory, this.#call);
    return isUnmounted;
  }

  /** Waits for its end as long as that may take, or until the signal fires. */
  async #hasEnded(signal?: AbortSignal): Promise<boolean> {
    const patience = sleep(END_MS, undefined, { signal, ref: false }).catch(() => undefined);
    return Promise.race([this.#closed.then(() => true), patience.then(() => false)]);
  }

  async #ready(signal: AbortSignal): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      this.#daemon.once('error', (cause) => {
        reject(new LocalIoError(`cannot run ${this.#call.program}: ${cause.message}`, { cause }));
      });
      void this.#closed.then(() => {
        reject(new LocalIoError(`nydusd has ended before the image was mounted: ${this.lastWords}`));
      });
    });
    failed.catch(() => undefined);
    const deadline = performance.now() + READY_MS;
    while (!(await Promise.race([this.#isRunning(), failed]))) {
      signal.throwIfAborted();
      if (performance.now() > deadline)
        throw new LocalIoError(`nydusd has not mounted the image in ${READY_MS / 1000} s: ${this.lastWords}`);
      await Promise.race([sleep(ASK_MS), failed]);
    }
  }

  /** Asks for the state over the socket, which is not there at first. */
  #isRunning(): Promise<boolean> {
    return new Promise((resolve) => {
      const asked = request({ socketPath: this.#call.socket, path: '/api/v1/daemon' }, (answer) => {
        let text = '';
        answer.on('data', (data: Buffer) => (text += data.toString()));
        answer.on('end', () => {
          resolve(/"state"\s*:\s*"RUNNING"/.test(text));
        });
        answer.on('error', () => {
          resolve(false);
        });
      });
      asked.setTimeout(ASK_MS * 10, () => asked.destroy());
      asked.on('error', () => {
        resolve(false);
      });
      asked.end();
    });
  }
}
