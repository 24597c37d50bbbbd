/** The CSV that the optimizer of the nydus snapshotter writes beside its list: `path,size,elapsed`. */
import { UsageError } from '../errors.js';
import type { Patterns } from './patterns.js';

/** The first line, whatever columns follow. */
export function isHeader(line: string): boolean {
  return /^path,/.test(line);
}

/** Only the first column counts. A value in quotes may hold commas, line breaks, and quotes twice. */
export function readTable(text: string, patterns: Patterns): void {
  let at = endOfRow(text, 0);
  while (at < text.length) {
    let path: string;
    if (text[at] === '"') {
      const end = endOfQuotes(text, at + 1);
      path = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    } else {
      const row = text.indexOf('\n', at);
      const comma = text.indexOf(',', at);
      const last = row < 0 ? text.length : row;
      path = text.slice(at, comma < 0 ? last : Math.min(comma, last)).replace(/\r$/, '');
    }
    if (path !== '') patterns.add(path, 'file');
    at = endOfRow(text, at);
  }
}

/** Behind the line break that ends the row; later columns may have quotes, too. */
function endOfRow(text: string, from: number): number {
  let at = from;
  for (;;) {
    const row = text.indexOf('\n', at);
    if (row < 0) return text.length;
    const quote = text.slice(at, row).indexOf('"');
    if (quote < 0) return row + 1;
    at = endOfQuotes(text, at + quote + 1) + 1;
  }
}

function endOfQuotes(text: string, from: number): number {
  let at = from;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) throw new UsageError('the prefetch list has a quote that is never closed');
    if (text[quote + 1] !== '"') return quote;
    at = quote + 2;
  }
}
