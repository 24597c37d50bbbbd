/** Logs of `fatrace`: a program, its process, what it did, and the path. */
import { linesOf, MAX_LINE } from './lines.js';
import type { Patterns } from './patterns.js';

/** `12:34:56.789012 cat(1234): RCO /etc/passwd`; the time, user and group are there if they were asked for. */
const EVENT = /^(?:[\d:.]+ )?[^/]*?\(\d+\)(?: \[\d+:\d+\])?: ([A-Z+<>]{1,6}) +(.+)$/;

export function isFatraceLine(line: string): boolean {
  return line.length < MAX_LINE && EVENT.test(line);
}

export function readFatrace(text: string, patterns: Patterns): void {
  for (const line of linesOf(text)) {
    if (line === '') continue;
    const [, events, path = ''] = line.length < MAX_LINE ? (EVENT.exec(line) ?? []) : [];
    if (events === undefined) patterns.skipped++;
    else if (isRead(events)) patterns.add(path, 'file');
  }
}

/** Pages that a program maps are not read by calls, so opening counts as well, unless the file was written. */
function isRead(events: string): boolean {
  return events.includes('R') || (events.includes('O') && !events.includes('W'));
}
