/**
 * `node dist/scripts/every-byte.js [CASE…]`: changes every byte of the metadata of small images, and cuts it at every length;
 * says what share of it `check` finds, and in which fields it does not, with the reason. A CASE of `fixtures/reference` is
 * converted; `CASE/v5-…` is the reference's bootstrap. Without any: all whose bootstraps have at most 32 KiB, which takes hours
 * of one core. Exit status 1 when a change stays unseen in a field that has no reason, or a cut stays unseen.
 */
import { everyByteOfBootstrap, everyByteOfCase, type FileReport } from '../test/support/every-byte.js';
import { REASONS } from '../test/support/every-byte-reasons.js';
import { referenceDigests, referenceJson } from '../test/support/fixtures.js';
import { referenceBootstrap } from '../test/support/reference-bootstraps.js';

const LARGEST = 32 * 1024;

function allCases(): string[] {
  const v6 = Object.entries(referenceDigests())
    .filter(([, options]) => (options['v6-zstd']?.bootstrapSize ?? Number.POSITIVE_INFINITY) <= LARGEST)
    .map(([name]) => name);
  const v5 = Object.entries(referenceJson('v5-digests.json') as Record<string, Record<string, string>>) // our own file
    .filter(
      ([name, options]) => 'v5-zstd' in options && referenceBootstrap(name, 'v5-zstd').length <= LARGEST,
    )
    .map(([name]) => `${name}/v5-zstd`);
  return [...v6, ...v5];
}

function reportsOf(name: string): Promise<FileReport[]> {
  const [first = '', option] = name.split('/');
  return option === undefined
    ? everyByteOfCase(first)
    : everyByteOfBootstrap(referenceBootstrap(first, option)).then((report) => [report]);
}

function percent(part: number, all: number): string {
  return `${((100 * part) / Math.max(1, all)).toFixed(2)} %`;
}

const names = process.argv.slice(2);
const fields = new Map<string, number>();
let flips = 0;
let unseen = 0;
let unseenCuts = 0;
for (const name of names.length > 0 ? names : allCases()) {
  for (const report of await reportsOf(name)) {
    const missed = Array.from(report.missed.values()).reduce((sum, count) => sum + count, 0);
    const by = Array.from(report.found, ([rule, count]) => `${rule} ${count}`).join(', ');
    process.stdout.write(
      `${name.padEnd(22)} ${report.file.padEnd(10)} ${String(report.flips).padStart(7)} changes, ` +
        `${percent(report.flips - missed, report.flips)} found (${by}); ${report.cuts} cuts, ${report.missedCuts.length} unseen; ` +
        `slowest ${report.slowestMs.toFixed(0)} ms\n`,
    );
    for (const [field, count] of report.missed) fields.set(field, (fields.get(field) ?? 0) + count);
    flips += report.flips;
    unseen += missed;
    unseenCuts += report.missedCuts.length;
  }
}
process.stdout.write('\n| field | unseen | reason |\n| - | - | - |\n');
for (const [field, count] of Array.from(fields).sort((a, b) => b[1] - a[1])) {
  process.stdout.write(`| \`${field}\` | ${count} | ${REASONS[field] ?? 'NONE'} |\n`);
}
const memory = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(
  `\n${flips} changes, ${percent(flips - unseen, flips)} found; cuts: ${unseenCuts} unseen; at most ${memory} MiB\n`,
);
const unexplained = Array.from(fields.keys()).filter((field) => REASONS[field] === undefined);
process.exitCode = unexplained.length > 0 || unseenCuts > 0 ? 1 : 0;
