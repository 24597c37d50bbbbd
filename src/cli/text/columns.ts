/** Text in columns and lines of a terminal. Widths are what a terminal shows: some characters take two cells, others none. */
import stringWidth from 'string-width';
import { isPause } from '../../turns.js';
import { printable } from './printable.js';

/** Printable characters of Latin scripts take one cell each, so their number is the width; counting is 1000 times as fast. */
const LATIN = /^[ -~\u00a1-\u00ac\u00ae-\u02ff]*$/;

/** The terminal cells that a text takes, without its colours. */
export function textWidth(text: string): number {
  return LATIN.test(text) ? text.length : stringWidth(text);
}

/** Columns as wide as their widest cell, with no blanks at the end of a line. Columns that are not in `leftColumns` are flush right. */
export function table(
  rows: readonly (readonly string[])[],
  leftColumns: ReadonlySet<number>,
): readonly string[] {
  const shown = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of shown) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, textWidth(cell))));
  return shown.map((row) =>
    row
      .map((cell, i) => {
        const blanks = ' '.repeat((widths[i] ?? 0) - textWidth(cell));
        return leftColumns.has(i) ? cell + blanks : blanks + cell;
      })
      .join('  ')
      .trimEnd(),
  );
}

/**
 * `table` for many rows, with pauses (undefined) in between. `end` gives one more cell of each row, which is flush left and may
 * have colours.
 */
export function* longTable(
  rows: readonly (readonly string[])[],
  leftColumns: ReadonlySet<number>,
  end?: (row: number) => string,
): Generator<string | undefined, void> {
  const widths: number[] = [];
  for (const [count, row] of rows.entries()) {
    if (isPause(count)) yield undefined;
    row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, textWidth(printable(cell)))));
  }
  for (const [count, row] of rows.entries()) {
    const cells = row.map((cell, i) => {
      const shown = printable(cell);
      const blanks = ' '.repeat((widths[i] ?? 0) - textWidth(shown));
      return leftColumns.has(i) ? shown + blanks : blanks + shown;
    });
    if (end !== undefined) cells.push(end(count));
    yield cells.join('  ').trimEnd();
  }
}

/** Lines of whole words, with `indent` blanks before the first line and two more before the others. */
export function wrapped(text: string, columns: number, indent: number): string[] {
  const lines: string[] = [];
  let line = ' '.repeat(indent);
  let width = indent;
  let empty = true;
  for (const word of printable(text).split(' ')) {
    const wordWidth = textWidth(word);
    if (!empty && width + 1 + wordWidth > columns) {
      lines.push(line);
      line = ' '.repeat(indent + 2);
      width = indent + 2;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    width += wordWidth + (empty ? 0 : 1);
    empty = false;
  }
  return [...lines, line];
}
