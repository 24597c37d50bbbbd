/** The table of `accelctl task list`, as Go's tabwriter aligns it: by tabs, to multiples of eight. */
import type { ListedTask } from './client.js';

const HEAD = ['ID', 'CREATED', 'STATUS', 'SOURCE', 'REASON'];
const TAB = 8;
/** Longer sources and reasons are cut. */
const MAX_TEXT = 80;

export function taskTable(tasks: readonly ListedTask[]): readonly string[] {
  const rows = [
    HEAD,
    ...tasks.map(({ id, created, status, source, reason }) => [
      id,
      timeOf(created),
      status,
      shortened(source),
      shortened(reason),
    ]),
  ];
  const widths = HEAD.map((_, column) => {
    const longest = Math.max(...rows.map((row) => lengthOf(row[column] ?? '')));
    return Math.ceil((longest + 1) / TAB) * TAB;
  });
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === HEAD.length - 1
          ? cell
          : cell + '\t'.repeat(Math.ceil(((widths[column] ?? 0) - lengthOf(cell)) / TAB)),
      )
      .join(''),
  );
}

/** `2006-01-02 15:04:05` of a time in RFC 3339, in the zone that it is written in. */
function timeOf(created: string): string {
  return created.slice(0, 19).replace('T', ' ');
}

function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}
