/** Bounds what the paths of a tree may cost: a path of a few bytes can imply a thousand directories or lead through as many names. */
import { UnsupportedError } from '../errors.js';

/** Directories without an entry that a tree may have, beyond one for each entry. */
const MAX_IMPLIED = 2 ** 18;
/** Names that targets of symlinks may lead through. Real layers have a few thousand. */
const MAX_LINK_STEPS = 2 ** 24;

export class Effort {
  /** Directories that were made. */
  implied = 0;
  readonly #most: number;
  #steps = MAX_LINK_STEPS;

  constructor(entries: number) {
    this.#most = entries + MAX_IMPLIED;
  }

  imply(): void {
    this.implied += 1;
    if (this.implied > this.#most)
      throw new UnsupportedError(`paths imply more than ${MAX_IMPLIED} directories that have no entry`);
  }

  follow(names: number): void {
    this.#steps -= names;
    if (this.#steps < 0)
      throw new UnsupportedError(`symlinks lead through more than ${MAX_LINK_STEPS} names`);
  }
}
