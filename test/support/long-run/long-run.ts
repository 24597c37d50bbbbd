/**
 * Many conversions in one process, several at a time, of which some are aborted at a random moment: whatever one of them leaves
 * behind adds up. Source and target are in a registry of another process, whose resources do not count.
 */
import { fork } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { convertImage } from '../../../src/convert/convert.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { buildImage, putImage } from '../images/image-builder.js';
import { dir, file, layer } from '../images/tar.js';
import { type Holdings, holdings, settled, threadCount } from './holdings.js';

export interface LongRunOptions {
  readonly runs: number;
  /** Conversions at a time. */
  readonly parallel: number;
  /** The share of conversions that are aborted. */
  readonly aborts: number;
  /** Decides which conversions are aborted, and when. */
  readonly seed: number;
  /** An empty folder for the registry and the work of conversions. */
  readonly folder: string;
  /** Called after each conversion. */
  readonly done?: (count: number) => void;
}

export interface LongRun {
  readonly converted: number;
  readonly aborted: number;
  /** Errors of conversions that were not aborted. */
  readonly failures: readonly string[];
  /** After a tenth of the conversions, when everything has been loaded and warmed up, and at the end. */
  readonly early: Holdings;
  readonly end: Holdings;
  readonly peakThreads: number;
  readonly peakMemory: number;
  readonly seconds: number;
}

/** Different images, so that conversions do not find everything in the target. */
const IMAGES = 24;

/** Numbers from 0 to 1 that are the same in each run; the constants are those of mulberry32. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function noise(seed: string, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** Three layers: one that all images share, one of noise, one of many small files. */
function image(number: number): ReturnType<typeof buildImage> {
  const small = Array.from({ length: 40 }, (_, i) => file(`app/${i}`, `${number} `.repeat(100 * i)));
  return buildImage({
    layers: [
      layer(dir('bin'), file('bin/sh', noise('shared', 300_000))),
      layer(dir('lib'), file('lib/data', noise(String(number), 700_000))),
      layer(dir('app'), ...small),
    ],
  });
}

/** Runs the conversions, and measures what the process holds before and after. */
export async function longRun(options: LongRunOptions): Promise<LongRun> {
  const { runs, parallel, aborts, seed, folder, done } = options;
  const workDir = join(folder, 'work');
  await mkdir(workDir);
  const server = fork(fileURLToPath(new URL('./registry-process.js', import.meta.url)), [
    join(folder, 'registry'),
  ]);
  try {
    const [host] = (await once(server, 'message')) as [string]; // as registry-process sends it
    for (let number = 0; number < IMAGES; number++) {
      await using target = openTarget(`${host}/source/app:${number}`, { credentials: anonymous });
      await putImage(target, image(number));
    }
    const random = numbers(seed);
    const failures: string[] = [];
    let [started, converted, aborted, typical, peakThreads, peakMemory] = [0, 0, 0, 100, 0, 0];

    const convertNext = async (): Promise<void> => {
      const number = started++;
      const stop = new AbortController();
      const began = performance.now();
      const timer =
        random() < aborts
          ? setTimeout(
              () => {
                stop.abort();
              },
              random() * 1.2 * typical,
            )
          : undefined;
      try {
        await using source = openSource(`${host}/source/app:${number % IMAGES}`, { credentials: anonymous });
        await using target = openTarget(`${host}/target/app-${number % 100}:1`, { credentials: anonymous });
        await convertImage(
          { source, target },
          { workDir, threads: 2, mergePlatform: number % 3 === 0 },
          { signal: stop.signal },
        );
        converted++;
        typical += (performance.now() - began - typical) / 10;
      } catch (error) {
        if (stop.signal.aborted) aborted++;
        else failures.push(String(error));
      } finally {
        clearTimeout(timer);
      }
      peakThreads = Math.max(peakThreads, threadCount());
      peakMemory = Math.max(peakMemory, process.memoryUsage.rss());
      done?.(converted + aborted + failures.length);
    };
    const convertUntil = async (last: number): Promise<void> => {
      const lane = async (): Promise<void> => {
        while (started < last) await convertNext();
      };
      await Promise.all(Array.from({ length: parallel }, lane));
    };

    const began = performance.now();
    await convertUntil(Math.ceil(runs / 10));
    await delay(500); // threads of the last conversions end
    const early = holdings(workDir);
    await convertUntil(runs);
    const end = await settled(workDir, early);
    const seconds = (performance.now() - began) / 1000;
    return { converted, aborted, failures, early, end, peakThreads, peakMemory, seconds };
  } finally {
    server.disconnect();
  }
}

/** What of the end of a run shows that conversions leave something behind. */
export function leftOvers({ early, end, failures }: LongRun): string[] {
  const found = failures.slice(0, 5).map((failure) => `a conversion failed: ${failure}`);
  if (end.descriptors > early.descriptors)
    found.push(`${end.descriptors - early.descriptors} descriptors more`);
  if (end.threads > early.threads) found.push(`${end.threads - early.threads} threads more`);
  if (end.files > 0) found.push(`${end.files} files in the work folder`);
  const allowed = early.memory * 1.25 + (32 << 20);
  if (end.memory > allowed)
    found.push(`${Math.round((end.memory - early.memory) / 2 ** 20)} MiB of memory more`);
  return found;
}
