/**
 * How to keep what V8 has compiled. Bootstraps and blobs of an image come one after the other, each with the same loops over many
 * records, and compiling the loops can take longer than running them.
 */

const kept: object[] = [];

/**
 * Code that was compiled for objects of a class is dropped when the last of them goes. One that stays and holds next to nothing
 * is enough to keep it.
 */
export function keepShape(instance: object): void {
  kept.push(instance);
}

/** So few that a function with a loop over them is called often, so many that the calls cost nothing. */
const PIECE = 512;

/**
 * Calls `piece` for 0 to `count`, piece by piece. A loop that runs long in one call is compiled for that call alone; a function
 * that is called often is compiled once.
 */
export function inPieces(count: number, piece: (from: number, to: number) => void): void {
  for (let from = 0; from < count; from += PIECE) piece(from, Math.min(from + PIECE, count));
}

/** The same for a search: `piece` returns where it has found something, or `to`. The first such place, or `count`. */
export function findInPieces(count: number, piece: (from: number, to: number) => number): number {
  let from = 0;
  while (from < count) {
    const to = Math.min(from + PIECE, count);
    const found = piece(from, to);
    if (found < to) return found;
    from = to;
  }
  return count;
}
