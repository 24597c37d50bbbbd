/** Charges an image for layers that it lists more than once: they are read once, but describe their files each time. */
import type { Budget } from '../limits.js';

/** What an entry is charged with, besides its names. */
const ENTRY_BYTES = 128;

/** Called for each repetition of a layer with this many entries and folders without one. Throws UnsupportedError. */
export function chargeRepetition(budget: Budget, entries: number): void {
  budget.chargeMetadata((entries + 1) * ENTRY_BYTES);
}
