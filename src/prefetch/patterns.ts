/** Collects the patterns of a list: each once, at its first place. */
import { UsageError } from '../errors.js';
import type { PrefetchPattern } from '../native/addon-types.js';

/** As many as the addon takes. */
const MAX_PATTERNS = 1_000_000;

export class Patterns {
  readonly #known = new Map<string, PrefetchPattern>();
  /** Lines and records that name no file of an image. */
  skipped = 0;

  /** Adds a path; one without a leading slash is skipped. */
  add(path: string, kind: PrefetchPattern['kind']): void {
    if (!path.startsWith('/')) {
      this.skipped++;
      return;
    }
    if (this.#known.has(path)) return;
    if (this.#known.size === MAX_PATTERNS)
      throw new UsageError(`the prefetch list has more than ${MAX_PATTERNS} paths`);
    this.#known.set(path, { path, kind });
  }

  get all(): readonly PrefetchPattern[] {
    return [...this.#known.values()];
  }
}
