/**
 * Colours of our own beside text of others. A painted text carries a mark in the place of ESC, which `printLine` turns into
 * ESC after it has escaped everything else. The mark is random, so no name in an image can hold it.
 */
import { randomBytes } from 'node:crypto';
import { printable } from './printable.js';

const MARK = `\u{f0000}${randomBytes(8).toString('hex')}\u{f0001}`;

/** The text, made printable and then coloured by a function such as `chalk.red`. */
export function painted(style: (text: string) => string, text: string): string {
  return style(printable(text)).replaceAll('\x1b', MARK);
}

/** A line for a terminal: escaped, but for the colours of `painted`. */
export function terminalLine(line: string): string {
  return printable(line).replaceAll(MARK, '\x1b');
}
