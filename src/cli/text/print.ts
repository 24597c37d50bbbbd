/** The way out for lines and documents. A test sees to it that commands write through here alone. */
import type { Output } from '../context.js';
import { terminalLine } from './paint.js';
import { printableJson } from './printable.js';

/** Writes one line; a line break inside of it is shown, not obeyed. */
export function printLine(output: Output, line: string): void {
  output.write(`${terminalLine(line)}\n`);
}

/** Pieces of a long answer are gathered up to this length, so that it is not a million writes. */
const GATHERED = 0x1_0000;

/** Returns how many lines there were. */
export function printLines(output: Output, lines: Iterable<string>): number {
  let count = 0;
  let pending = '';
  for (const line of lines) {
    count += 1;
    pending += `${terminalLine(line)}\n`;
    if (pending.length <= GATHERED) continue;
    output.write(pending);
    pending = '';
  }
  if (pending !== '') output.write(pending);
  return count;
}

export function printJson(output: Output, value: unknown, indent?: number): void {
  output.write(`${printableJson(value, indent)}\n`);
}

/** Writes a report whose values are printable already; its line breaks are its own. */
export function printReport(output: Output, report: string): void {
  output.write(report);
}
