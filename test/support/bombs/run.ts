/** Runs the command on a bomb and measures what it takes: memory, disk, time on a core, time, and how long the event loop was held. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { productCommand, projectRoot } from '../project.js';

export interface BombResult {
  readonly exitCode: number | null;
  /** Bytes. */
  readonly memory: number;
  /** Bytes beside the input, in the folder for temporary files and in the target, at most. */
  readonly disk: number;
  /** Seconds. */
  readonly cpu: number;
  readonly wall: number;
  /** Milliseconds of the longest stretch of work in which no signal was heard. */
  readonly held: number;
  /** Seconds between the signal and the end; undefined when the run had ended before, or none was sent. */
  readonly stopped: number | undefined;
  /** The lines of the error. */
  readonly said: readonly string[];
}

type Used = Pick<BombResult, 'memory' | 'cpu' | 'held'>;

/** A signal, and how many seconds after the start it is sent. */
export interface Stop {
  readonly signal: 'SIGINT' | 'SIGTERM';
  readonly after: number;
}

const METER = pathToFileURL(join(projectRoot, 'dist', 'test', 'support', 'bombs', 'meter.js')).href;

/** The time after which a run counts as endless, in milliseconds. */
const ENDLESS = 120_000;

/** `folder` holds the input, and all that the run writes beside it. */
export async function runBomb(args: readonly string[], folder: string, stop?: Stop): Promise<BombResult> {
  const temporary = join(folder, 'tmp');
  const meter = join(folder, 'meter.json');
  await mkdir(temporary, { recursive: true });
  await rm(meter, { force: true });
  const before = await sizeOf(folder);
  const child = spawn(process.execPath, ['--import', METER, productCommand, ...args], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', TMPDIR: temporary, BOMB_METER: meter },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: ENDLESS,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString('utf8')).slice(-100_000);
  });
  let disk = 0;
  const watch = setInterval(
    () => void sizeOf(folder).then((size) => (disk = Math.max(disk, size - before))),
    100,
  );
  const started = performance.now();
  let sent: number | undefined;
  const stopping =
    stop === undefined
      ? undefined
      : setTimeout(() => {
          sent = performance.now();
          child.kill(stop.signal);
        }, stop.after * 1000);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  const ended = performance.now();
  clearTimeout(stopping);
  clearInterval(watch);
  // A run that was killed has written nothing, or a part.
  const used = await readFile(meter, 'utf8').then(
    (text) => (text.endsWith('}') ? (JSON.parse(text) as Used) : undefined),
    () => undefined,
  );
  return {
    exitCode,
    memory: used?.memory ?? Infinity,
    disk,
    cpu: used?.cpu ?? 0,
    wall: (ended - started) / 1000,
    held: used?.held ?? Infinity,
    stopped: sent === undefined ? undefined : (ended - sent) / 1000,
    said: said.split('\n').filter((line) => /^(nydusify|error)/i.test(line)),
  };
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (found) => found.blocks * 512,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
