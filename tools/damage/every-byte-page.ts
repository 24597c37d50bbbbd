/** The measurements of `every-byte.ts` as Markdown: a summary, a row for each file, and the fields that no rule sees, with the reason. */
import { markdownTable } from '../../test/support/markdown-table.js';
import { REASONS } from '../../test/support/damage/every-byte-reasons.js';
import type { FileReport, Missed } from '../../test/support/damage/every-byte.js';

/** A report as it crosses from a process: maps become lists. */
export interface CaseReport {
  readonly name: string;
  readonly files: readonly (Omit<FileReport, 'found' | 'missed'> & {
    readonly found: readonly (readonly [rule: string, count: number])[];
    readonly missed: readonly (readonly [field: string, missed: Missed])[];
  })[];
  /** Peak memory of the case's own process, Node included; MiB. */
  readonly memory: number;
  /** Processor time of that process, in seconds. */
  readonly seconds: number;
}

export interface Totals {
  readonly changes: number;
  readonly unseen: number;
  readonly cuts: number;
  readonly unseenCuts: number;
  readonly memory: number;
  readonly seconds: number;
  /** Most frequent first. */
  readonly fields: readonly UnseenField[];
}

export interface UnseenField {
  readonly field: string;
  readonly count: number;
  readonly reason: string | undefined;
  /** The first of them, as in `basic bootstrap at 0x1480`. */
  readonly first: string;
}

export function totalsOf(cases: readonly CaseReport[]): Totals {
  const files = cases.flatMap((one) => one.files);
  const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);
  const fields = new Map<string, UnseenField>();
  for (const { name, files: own } of cases) {
    for (const { file, missed } of own) {
      for (const [field, { count, first }] of missed) {
        const before = fields.get(field);
        const where = `${name} ${file} at 0x${first.toString(16)}`;
        fields.set(field, {
          field,
          count: (before?.count ?? 0) + count,
          reason: REASONS[field],
          first: before?.first ?? where,
        });
      }
    }
  }
  return {
    changes: sum(files.map(({ flips }) => flips)),
    unseen: sum(files.map(unseenIn)),
    cuts: sum(files.map(({ cuts }) => cuts)),
    unseenCuts: sum(files.map(({ missedCuts }) => missedCuts.length)),
    memory: Math.max(...cases.map(({ memory }) => memory)),
    seconds: sum(cases.map(({ seconds }) => seconds)),
    fields: Array.from(fields.values()).sort((a, b) => b.count - a.count),
  };
}

/** `command`: what was typed. */
export function pageSection(cases: readonly CaseReport[], command: string): string {
  const { changes, unseen, cuts, unseenCuts, memory, seconds, fields } = totalsOf(cases);
  const files = cases.flatMap((one) => one.files);
  const whole = files.filter(({ step }) => step === 1).length;
  return [
    `\`${command}\`: ${cases.length} cases, ${files.length} files, ${whole === files.length ? 'all of them whole' : `${whole} of them whole and of the others the share that the table tells`};` +
      ` ${(seconds / 60).toFixed(0)} minutes of one core.`,
    `**${number(changes)} changes, ${percent(changes - unseen, changes)} found. ${number(cuts)} cuts,` +
      ` ${unseenCuts === 0 ? 'all' : number(cuts - unseenCuts)} found.** Nothing crashed or took a second of processor time;` +
      ` a process had at most ${memory} MiB, Node itself included.`,
    '### What no rule sees',
    'Each field in which a change stayed unseen, how many did, and why no rule can, or should, find it.',
    markdownTable(
      ['field', 'unseen', 'why'],
      fields.map(({ field, count, reason, first }) => [
        `\`${field}\``,
        number(count),
        reason ?? `**no reason**, first in ${first}`,
      ]),
    ),
    '### By file',
    caseTable(cases),
  ].join('\n\n');
}

function caseTable(cases: readonly CaseReport[]): string {
  const head = ['case', 'part', 'bytes', 'changes', 'found', 'by rules', 'unseen cuts', 'slowest', 'memory'];
  const rows = cases.flatMap(({ name, files, memory }) =>
    files.map((file) => [
      name,
      file.file,
      number(file.bytes),
      `${number(file.flips)}${file.step === 1 ? '' : ` (1 byte of ${file.step})`}`,
      percent(file.flips - unseenIn(file), file.flips),
      file.found.map(([rule, count]) => `${rule} ${number(count)}`).join(', '),
      String(file.missedCuts.length),
      `${file.slowestMs.toFixed(0)} ms`,
      `${memory} MiB`,
    ]),
  );
  return markdownTable(head, rows);
}

function unseenIn({ missed }: CaseReport['files'][number]): number {
  return missed.reduce((all, [, { count }]) => all + count, 0);
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function percent(part: number, all: number): string {
  return `${((100 * part) / Math.max(1, all)).toFixed(2)} %`;
}
