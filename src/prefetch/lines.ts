/** Lists with one path in each line, or with a NUL behind each path. */
import { rawNameFromText } from '../oci/raw-name.js';
import type { PrefetchPattern } from '../native/addon-types.js';
import type { Patterns } from './patterns.js';

/** Lines, or what `find -print0` prints. `text` has one character for each byte. */
export function* linesOf(text: string): Generator<string> {
  const separator = text.includes('\0') ? '\0' : '\n';
  for (let at = 0; at < text.length;) {
    const end = text.indexOf(separator, at);
    const line = text.slice(at, end < 0 ? text.length : end);
    at += line.length + 1;
    yield separator === '\n' && line.endsWith('\r') ? line.slice(0, -1) : line;
  }
}

/** The first lines that say something. */
export function firstLines(text: string, count: number): readonly string[] {
  const first: string[] = [];
  for (const line of linesOf(text.slice(0, 64 * 1024))) {
    if (isComment(line)) continue;
    first.push(line);
    if (first.length === count) break;
  }
  return first;
}

/** Lines of logs are shorter: a path has 4096 bytes at most. */
export const MAX_LINE = 64 * 1024;

function isComment(line: string): boolean {
  return /^\s*(?:#|$)/.test(line);
}

/** Characters that mean something in a glob; the backslash alone does not make one. */
const GLOB = /[*?[{]/;

export function isGlob(path: string): boolean {
  return GLOB.test(path);
}

export function readLines(text: string, patterns: Patterns): void {
  for (const line of linesOf(text))
    if (!isComment(line)) {
      const path = line.trim();
      patterns.add(path, isGlob(path) ? 'glob' : 'path');
    }
}

/** Rust's `trim`, which upstream uses. */
const OUTER_SPACE = /^\p{White_Space}+|\p{White_Space}+$/gu;

/**
 * The list that upstream's converter reads: a path names only itself, links are not followed, and `*` is a character. An
 * empty list is the whole image.
 */
export function upstreamPatterns(text: string): readonly PrefetchPattern[] | undefined {
  const lines = text.split('\n').map((line) => line.replace(OUTER_SPACE, ''));
  if (lines.every((line) => line === '')) return undefined;
  return lines.filter((line) => line !== '').map((line) => ({ path: rawNameFromText(line), kind: 'exact' }));
}
