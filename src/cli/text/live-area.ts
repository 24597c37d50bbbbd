/** Lines at the bottom of a terminal that are drawn over and over, without a trace of the ones before. */
import { textWidth } from './columns.js';
import { terminalLine } from './paint.js';

/** The part of a terminal's stream that drawing needs; Node's `tty.WriteStream` has it. */
export interface Terminal {
  write(text: string): unknown;
  /** Zeroes for a terminal that does not say. */
  size(): readonly [columns: number, rows: number];
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
  /** Has lines of others written above the area. */
  setArea(area: { clear(): void; draw(): void } | undefined): void;
}

/** A terminal narrower than this shows nothing useful in one line. */
const MIN_COLUMNS = 20;

/** False for a terminal without a size, as `docker run -t` and `script` make it, and for one that is too small. */
export function canBeDrawnOn(terminal: Terminal): boolean {
  const [columns, rows] = terminal.size();
  return columns >= MIN_COLUMNS && rows >= 2;
}

/** A line before it is cut to the width of the terminal. Only a line that fits keeps its colours. */
export interface AreaLine {
  readonly plain: string;
  readonly coloured?: string;
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
/** Between these a terminal that knows them shows nothing half drawn. */
const BEGIN = '\x1b[?2026h';
const END = '\x1b[?2026l';
const CLEAR_LINE = '\r\x1b[2K';
const UP = '\x1b[1A';

export class LiveArea {
  readonly #terminal: Terminal;
  readonly #lines: (columns: number) => readonly AreaLine[];
  /** Widths of the lines that are on the screen. */
  #drawn: readonly number[] = [];
  #open = true;
  readonly #redraw = (): void => {
    this.draw();
  };
  readonly #showCursor = (): void => {
    this.stop();
  };

  /** `lines` are asked for at every drawing. */
  constructor(terminal: Terminal, lines: (columns: number) => readonly AreaLine[]) {
    this.#terminal = terminal;
    this.#lines = lines;
    terminal.on('resize', this.#redraw);
    process.once('exit', this.#showCursor);
    terminal.setArea(this);
    terminal.write(HIDE_CURSOR);
    this.draw();
  }

  clear(): void {
    const erased = this.#erase();
    if (erased !== '') this.#terminal.write(erased);
  }

  draw(): void {
    if (!this.#open) return;
    const [columns, rows] = this.#terminal.size();
    const erased = this.#erase();
    // The last column stays free, since some terminals wrap when it is filled.
    const room = columns - 1;
    const lines = room < 1 ? [] : this.#lines(room).slice(0, Math.max(1, rows - 1));
    const shown = lines.map(({ plain, coloured }) => {
      const cut = cutTo(plain, room);
      return cut === plain && coloured !== undefined ? coloured : cut;
    });
    this.#drawn = lines.map(({ plain }) => textWidth(cutTo(plain, room)));
    this.#terminal.write(`${BEGIN}${erased}${shown.map(terminalLine).join('\r\n')}${END}`);
  }

  /** Takes the area away and leaves the terminal as it was; idempotent. */
  stop(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#terminal.off('resize', this.#redraw);
    process.off('exit', this.#showCursor);
    this.#terminal.setArea(undefined);
    this.#terminal.write(`${this.#erase()}${SHOW_CURSOR}`);
  }

  /** A terminal that became narrower has wrapped the lines that are on it, and each takes as many rows as it now needs. */
  #erase(): string {
    const [columns] = this.#terminal.size();
    const rows = this.#drawn.reduce(
      (sum, width) => sum + (columns < 1 ? 1 : Math.max(1, Math.ceil(width / columns))),
      0,
    );
    this.#drawn = [];
    return rows === 0 ? '' : CLEAR_LINE + `${UP}${CLEAR_LINE}`.repeat(rows - 1);
  }
}

/** The beginning of a text, as many terminal cells wide at most. */
function cutTo(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let cut = '';
  let width = 0;
  // A character with its accents, or an emoji of several parts, is kept or cut as a whole.
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    width += textWidth(segment);
    if (width > columns - 1) break;
    cut += segment;
  }
  return `${cut}…`;
}
