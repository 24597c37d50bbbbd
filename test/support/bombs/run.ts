/** Runs the command on a bomb and measures what it takes: memory, disk, time on a core, time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { productCommand } from '../project.js';

export interface BombResult {
  readonly exitCode: number | null;
  /** Bytes. */
  readonly memory: number;
  /** Bytes beside the input, in the folder for temporary files and in the target, at most. */
  readonly disk: number;
  /** Seconds. */
  readonly cpu: number;
  readonly wall: number;
  /** The lines of the error. */
  readonly said: readonly string[];
}

type Used = Pick<BombResult, 'memory' | 'cpu'>;

/** Writes what the process has used when it ends. */
const METER = `data:text/javascript,${encodeURIComponent(
  `import { readFileSync, writeFileSync } from 'node:fs';
   process.on('exit', () => {
     const { user, system } = process.cpuUsage();
     // The peak that the system counts for a process begins with that of the process which started it.
     const [, peak] = /VmHWM:\\s*([0-9]+)/.exec(readFileSync('/proc/self/status', 'utf8'));
     writeFileSync(process.env.BOMB_METER, JSON.stringify({ memory: peak * 1024, cpu: (user + system) / 1e6 }));
   });`,
)}`;

/** The time after which a run counts as endless, in milliseconds. */
const ENDLESS = 120_000;

/** `folder` holds the input, and all that the run writes beside it. */
export async function runBomb(args: readonly string[], folder: string): Promise<BombResult> {
  const temporary = join(folder, 'tmp');
  const meter = join(folder, 'meter.json');
  await mkdir(temporary);
  const before = await sizeOf(folder);
  const child = spawn(process.execPath, ['--import', METER, productCommand, ...args], {
    env: { ...process.env, TMPDIR: temporary, BOMB_METER: meter },
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
  const [exitCode] = (await once(child, 'close')) as [number | null];
  const wall = (performance.now() - started) / 1000;
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
    wall,
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
