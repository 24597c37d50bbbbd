/** Sections of a log that GitLab can fold, by its own commands. */
import type { Output } from '../context.js';
import { printable } from './printable.js';

const ERASE_LINE = '\x1b[0K';

/** One section at a time; its title may come from outside. */
export class LogSection {
  readonly #output: Output;
  readonly #now: () => number;
  #open: string | undefined;
  #count = 0;

  constructor(output: Output, now: () => number = Date.now) {
    this.#output = output;
    this.#now = now;
  }

  /** Ends the section before, since sections of this program do not nest. */
  start(title: string): void {
    this.end();
    this.#count += 1;
    this.#open = `nydusify_${this.#count}`;
    this.#write('start', this.#open, printable(title));
  }

  /** Idempotent. */
  end(): void {
    if (this.#open === undefined) return;
    this.#write('end', this.#open, '');
    this.#open = undefined;
  }

  #write(edge: 'start' | 'end', name: string, title: string): void {
    const seconds = Math.floor(this.#now() / 1000);
    this.#output.write(`${ERASE_LINE}section_${edge}:${seconds}:${name}\r${ERASE_LINE}${title}\n`);
  }
}
