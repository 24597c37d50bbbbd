/**
 * `npm run service-load -- [--part NAMES] [--images N] [--write]`: the acceleration service under load and kills, the time of its answers,
 * its queue's file after every kind of failure, attacks on it, and what it needs when idle. `--write` puts the tables of the parts that ran into
 * docs/service.md. Other numbers are given by `--bodies` for each receiver, `--tries` for wrong secrets, `--kills`, `--cuts`, `--flips`, `--seconds` and `--idle`.
 */
import { parseArgs } from 'node:util';
import { markdownTable } from '../../test/support/markdown-table.js';
import { startDockerRegistry } from '../../test/support/registries/real-registries.js';
import { measureAnswers } from '../../test/support/service/answers.js';
import {
  type CrashCount,
  cuts,
  flips,
  fullDisk,
  kills,
  powerCuts,
  twoProcesses,
} from '../../test/support/service/crash-matrix.js';
import { attackService, faultsOfAttack } from '../../test/support/service/attacks.js';
import { measureIdle } from '../../test/support/service/idle.js';
import { runLoad } from '../../test/support/service/load.js';
import { seeded } from '../../test/support/service/mutated-json.js';
import type { Owner } from '../../test/support/temp-folder.js';
import { requireCommands } from '../bench/run.js';
import { writePageSection } from '../docs/page-section.js';

const PARTS = ['load', 'answers', 'crashes', 'security', 'idle'] as const;
type Part = (typeof PARTS)[number];

interface Options {
  readonly images: number;
  readonly kills: number;
  readonly cuts: number;
  readonly flips: number;
  readonly seconds: number;
  readonly bodies: number;
  readonly tries: number;
  readonly idleSeconds: number;
  readonly random: () => number;
}

function say(text: string): void {
  process.stderr.write(`▸ ${text}\n`);
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

async function load(t: Owner, { images, random }: Options): Promise<string> {
  await using registry = await startDockerRegistry();
  const plan = {
    images,
    moved: Math.round(images / 20),
    digests: Math.round(images / 50),
    kills: 10,
    workerShare: 0.3,
    workers: 2,
    random,
  };
  const result = await runLoad(t, registry.host, plan);
  const { wrong, foreign, left, contents, attempts, completed, skipped } = result;
  for (const fault of [...wrong, ...foreign, ...left]) say(`FAULT: ${fault}`);
  if (wrong.length + foreign.length + left.length > 0) process.exitCode = 1;
  const rows = [
    ['images, each of a content of its own', String(images)],
    ['tags pushed again with other content meanwhile', String(plan.moved)],
    ['images of which an event told the digest alone', String(plan.digests)],
    ['events, each image one to three times, in random order', String(result.deliveries)],
    ['kills of the service with its processes, or of one of these', String(plan.kills)],
    ['tags whose result is not of what they point to', String(wrong.length)],
    ['tags that nobody asked for', String(foreign.length)],
    ['files left', String(left.length)],
    ['distinct contents', String(contents)],
    ['conversions', String(completed)],
    ['attempts that a kill or a moved tag ended', String(attempts - completed - skipped)],
    ['attempts that found the result there', String(skipped)],
    ['images a minute', ((images / result.seconds) * 60).toFixed(0)],
    ['peak memory of the server', mebibytes(result.serverBytes)],
    ['peak memory of a process that converts', mebibytes(result.workerBytes)],
  ];
  return markdownTable(['load', 'figure'], rows, 'numbers');
}

async function answers(t: Owner, { seconds, random }: Options): Promise<string> {
  await using registry = await startDockerRegistry();
  const { times, others, missing, completed } = await measureAnswers(t, registry.host, {
    seconds,
    perSecond: 200,
    random,
  });
  if (others.length > 0 || missing.length > 0) process.exitCode = 1;
  const at = (share: number): string => `${(times[Math.ceil(times.length * share) - 1] ?? 0).toFixed(1)} ms`;
  return markdownTable(
    ['answers to 200 events a second', 'figure'],
    [
      ['seconds', String(seconds)],
      ['events answered with 2xx', String(times.length)],
      ['events answered otherwise, before the kill', String(others.length)],
      ['median', at(0.5)],
      ['99 of 100 are answered within', at(0.99)],
      ['longest', at(1)],
      ['answered events that are gone after a SIGKILL in the last second', String(missing.length)],
      ['conversions meanwhile', String(completed)],
    ],
    'numbers',
  );
}

async function crashes(t: Owner, options: Options): Promise<string> {
  const { random } = options;
  const all: readonly (() => Promise<CrashCount>)[] = [
    () => kills(t, options.kills, random),
    () => powerCuts(t, options.cuts, random),
    () => cuts(t, Math.ceil(options.flips / 3), random),
    () => flips(t, options.flips, random),
    () => fullDisk(t),
    () => twoProcesses(t),
  ];
  const rows: string[][] = [];
  for (const run of all) {
    const { title, rounds, answered, whole, kept, said, silent } = await run();
    say(`${title}: ${whole} of ${rounds} whole, ${said} said, ${silent.length} silent`);
    for (const fault of new Set(silent)) say(`FAULT: ${fault}`);
    if (silent.length > 0) process.exitCode = 1;
    rows.push([title, ...[rounds, answered, kept, whole, said, silent.length].map(String)]);
  }
  return markdownTable(
    [
      'what happens',
      'times',
      'records answered before',
      'of these there afterwards',
      'every record there',
      'damage named',
      'lost in silence',
    ],
    rows,
    'numbers',
  );
}

async function security(t: Owner, { bodies, tries, random }: Options): Promise<string> {
  const result = await attackService(t, { bodies, tries, random });
  const faults = faultsOfAttack(result);
  for (const fault of faults) say(`FAULT: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
  const { sent, accepted, failed, growth, searched, leaks, configured, contacted, wrongSecrets, trend } =
    result;
  const foreign = contacted.filter((host) => !configured.includes(host));
  return markdownTable(
    ['attack', 'figure'],
    [
      ["bodies of random shape, at eight kinds of receivers and upstream's endpoint", String(sent)],
      ['of these accepted', String(accepted)],
      ['answers of 500 or above, or none', String(failed.length)],
      ['growth of the server between the first fifth of them and the last', mebibytes(growth)],
      ['answers, logs, pages, metrics and records that were searched for every secret', String(searched)],
      ['places where one stands', String(leaks.length)],
      ['registries of the configuration, each contacted through a proxy', String(configured.length)],
      ['other hosts that the proxy was asked for', String(foreign.length)],
      ['wrong secrets of the right length', String(wrongSecrets)],
      ['rank correlation of the time of a refusal with the letters that were right', trend.toFixed(3)],
    ],
    'numbers',
  );
}

async function idle(t: Owner, { idleSeconds }: Options): Promise<string> {
  const rows: string[][] = [];
  for (const waiting of [0, 10_000]) {
    const { startMs, serverBytes, workerBytes, cpuSeconds } = await measureIdle(t, waiting, idleSeconds);
    rows.push([
      String(waiting),
      `${(startMs / 1000).toFixed(2)} s`,
      mebibytes(serverBytes),
      mebibytes(workerBytes),
      `${cpuSeconds.toFixed(2)} s`,
    ]);
  }
  return markdownTable(
    [
      'tasks that wait',
      'start',
      'memory of the server',
      'memory of one process that converts',
      `CPU in ${idleSeconds} s`,
    ],
    rows,
    'numbers',
  );
}

const RUNS: Readonly<Record<Part, (t: Owner, options: Options) => Promise<string>>> = {
  load,
  answers,
  crashes,
  security,
  idle,
};

async function main(args: readonly string[]): Promise<void> {
  requireCommands({ 'docker-registry': 'docker-registry' });
  const { values } = parseArgs({
    args: [...args],
    options: {
      part: { type: 'string', default: PARTS.join(',') },
      images: { type: 'string', default: '1000' },
      kills: { type: 'string', default: '500' },
      cuts: { type: 'string', default: '200' },
      flips: { type: 'string', default: '300' },
      seconds: { type: 'string', default: '30' },
      bodies: { type: 'string', default: '1000' },
      tries: { type: 'string', default: '10000' },
      idle: { type: 'string', default: '300' },
      seed: { type: 'string', default: '1' },
      write: { type: 'boolean', default: false },
    },
  });
  const names = values.part.split(',');
  for (const part of PARTS.filter((name) => names.includes(name))) {
    const ends: (() => unknown)[] = [];
    try {
      const text = await RUNS[part](
        { after: (end) => void ends.unshift(end) },
        {
          images: Number(values.images),
          kills: Number(values.kills),
          cuts: Number(values.cuts),
          flips: Number(values.flips),
          seconds: Number(values.seconds),
          bodies: Number(values.bodies),
          tries: Number(values.tries),
          idleSeconds: Number(values.idle),
          random: seeded(Number(values.seed)),
        },
      );
      if (values.write) await writePageSection('service.md', `service-${part}`, text);
      else process.stdout.write(`${text}\n\n`);
    } finally {
      for (const end of ends)
        await Promise.resolve(end()).catch((error: unknown) => {
          say(String(error));
        });
    }
  }
}

await main(process.argv.slice(2));
