/** The way out for lines and documents. A test sees to it that commands write through here alone. */
import { isPause, Pace } from '../../turns.js';
import type { CliContext, Output } from '../context.js';
import { hasColours, withPaintedWord } from './colours.js';
import { terminalLine } from './paint.js';
import { printableJson } from './printable.js';

/** Writes one line; a line break inside of it is shown, not obeyed. */
export function printLine(output: Output, line: string): void {
  output.write(`${terminalLine(line)}\n`);
}

/** Writes a line for a person to stderr, whose first word, such as `warning`, says what it is and is painted. */
export function printMessage(context: CliContext, line: string): void {
  printLine(context.stderr, hasColours(context, 'stderr') ? withPaintedWord(line) : line);
}

/** With or without colours. */
const ERROR = /^(?:\x1b\[\d+m)?error(?:\x1b\[\d+m)?: /;

/** A stderr that lets errors pass alone. */
export function errorsOnly(stderr: Output): Output {
  return {
    write: (text) => {
      if (ERROR.test(text)) stderr.write(text);
    },
  };
}

/** Pieces of a long answer are gathered up to this length, so that it is not a million writes. */
const GATHERED = 0x1_0000;

/** Lines that are made while they are printed; `undefined` is no line, but a pause in the work of making one. */
export type Lines = Iterable<string | undefined>;

/** Returns how many lines there were. The event loop turns while a long answer is made. */
export async function printLines(output: Output, lines: Lines, signal?: AbortSignal): Promise<number> {
  const pace = new Pace(signal);
  let count = 0;
  let pending = '';
  for (const line of lines) {
    if (line === undefined) {
      if (pace.isDue) await pace.turn();
      continue;
    }
    count += 1;
    pending += `${terminalLine(line)}\n`;
    const isFull = pending.length > GATHERED;
    if (isFull) {
      output.write(pending);
      pending = '';
    }
    if ((isFull || isPause(count)) && pace.isDue) await pace.turn();
  }
  if (pending !== '') output.write(pending);
  return count;
}

/** A list in a JSON document, whose items are made while it is printed; `undefined` is a pause, as in `Lines`. */
export class LazyList {
  readonly items: Iterable<unknown>;

  constructor(items: Iterable<unknown>) {
    this.items = items;
  }
}

/** Prints an object some of whose members may be a `LazyList`, and so on inside of their items, indented by two. */
export async function printLargeJson(output: Output, value: object, signal?: AbortSignal): Promise<void> {
  const pace = new Pace(signal);
  let pending = '';
  const open: Iterator<Piece, void>[] = [objectPieces(value, '')];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const { done, value: piece } = top.next();
    if (done === true) open.pop();
    else if (piece === undefined) {
      if (pace.isDue) await pace.turn();
    } else if (typeof piece === 'string') pending += piece;
    else open.push(piece);
    if (pending.length <= GATHERED) continue;
    output.write(pending);
    pending = '';
    if (pace.isDue) await pace.turn();
  }
  output.write(`${pending}\n`);
}

/** Text, a pause, or what makes more of them: a stack of these takes the place of recursion. */
type Piece = string | undefined | Iterator<Piece, void>;

function* objectPieces(value: object, indent: string): Generator<Piece, void> {
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  if (!members.some(([, item]) => holdsList(item))) {
    yield printableJson(value, 2).replaceAll('\n', `\n${indent}`);
    return;
  }
  let before = '{';
  for (const [key, item] of members) {
    yield `${before}\n${indent}  ${printableJson(key)}: `;
    if (item instanceof LazyList) yield listPieces(item, `${indent}  `);
    else if (isObject(item) && holdsList(item)) yield objectPieces(item, `${indent}  `);
    else yield printableJson(item, 2).replaceAll('\n', `\n${indent}  `);
    before = ',';
  }
  yield `\n${indent}}`;
}

/** True for a `LazyList`, and for an object that has one in it. */
function holdsList(value: unknown): boolean {
  return value instanceof LazyList || (isObject(value) && Object.values(value).some(holdsList));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function* listPieces({ items }: LazyList, indent: string): Generator<Piece, void> {
  let before = '[';
  for (const item of items) {
    if (item === undefined) {
      yield undefined;
      continue;
    }
    yield `${before}\n${indent}  `;
    if (typeof item === 'object' && item !== null) yield objectPieces(item, `${indent}  `);
    else yield printableJson(item);
    before = ',';
  }
  yield before === '[' ? '[]' : `\n${indent}]`;
}

export function printJson(output: Output, value: unknown, indent?: number): void {
  output.write(`${printableJson(value, indent)}\n`);
}

/** Writes a report whose values are printable already; its line breaks are its own. */
export function printReport(output: Output, report: string): void {
  output.write(report);
}
