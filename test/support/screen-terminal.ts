/** A terminal that keeps its screen: it obeys the sequences that a live area uses, and wraps lines anew when its width changes. */
import { EventEmitter } from 'node:events';
import type { Terminal } from '../../src/cli/text/live-area.js';

interface Row {
  text: string;
  /** Continues the row above, which was too long. */
  wrapped: boolean;
}

export class ScreenTerminal extends EventEmitter implements Terminal {
  #rows: Row[] = [{ text: '', wrapped: false }];
  #row = 0;
  #column = 0;
  #size: readonly [number, number];
  #area: { clear(): void; draw(): void } | undefined;
  #drawing = false;
  raw = '';

  constructor(columns: number, rows: number) {
    super();
    this.#size = [columns, rows];
  }

  size(): readonly [columns: number, rows: number] {
    return this.#size;
  }

  setArea(area: { clear(): void; draw(): void } | undefined): void {
    this.#area = area;
  }

  /** Text of an area itself is put on the screen; text of others has the area taken away before and drawn after it. */
  write(text: string): void {
    if (this.#drawing || this.#area === undefined || !/^[^\x1b\r]/.test(text)) {
      this.#put(text);
      return;
    }
    this.#drawing = true;
    this.#area.clear();
    this.#put(text);
    this.#area.draw();
    this.#drawing = false;
  }

  text(): string {
    return this.#rows
      .map(({ text }) => text.trimEnd())
      .join('\n')
      .trimEnd();
  }

  /** Resizes as terminals of desktops do: rows that were wrapped are joined, and rows that are too long are wrapped. */
  resize(columns: number, rows: number): void {
    const lines: string[] = [];
    // The cursor stands in the last row; below it everything has been erased.
    for (const { text, wrapped } of this.#rows.slice(0, this.#row + 1)) {
      lines.push(wrapped ? `${lines.pop() ?? ''}${text}` : text);
    }
    this.#size = [columns, rows];
    this.#rows = lines.flatMap((line) => {
      const pieces = line.match(new RegExp(`[^]{1,${columns}}`, 'gu')) ?? [''];
      return pieces.map((text, i) => ({ text, wrapped: i > 0 }));
    });
    this.#row = this.#rows.length - 1;
    this.#column = this.#rows[this.#row]?.text.length ?? 0;
    this.emit('resize');
  }

  #put(text: string): void {
    this.raw += text;
    for (const [token] of text.matchAll(/\x1b\[[0-9;?]*[A-Za-z]|[^]/gu)) this.#obey(token);
  }

  #obey(token: string): void {
    const row = this.#rows[this.#row] ?? { text: '', wrapped: false };
    if (token === '\r') this.#column = 0;
    else if (token === '\n') this.#down(false);
    else if (token === '\x1b[2K') [row.text, row.wrapped] = ['', false];
    else if (token === '\x1b[1A') this.#row = Math.max(0, this.#row - 1);
    else if (!token.startsWith('\x1b')) {
      if (this.#column >= this.#size[0]) this.#down(true);
      const line = this.#rows[this.#row] ?? row;
      line.text =
        line.text.padEnd(this.#column).slice(0, this.#column) + token + line.text.slice(this.#column + 1);
      this.#column += 1;
    }
  }

  #down(wrapped: boolean): void {
    this.#row += 1;
    this.#column = 0;
    if (this.#rows[this.#row] === undefined) this.#rows.push({ text: '', wrapped });
  }
}
