/** Lists of chunks with runs: a hole is one chunk over and over. */

/** Maps the values of a list; equal values that follow each other share one result. */
export function mapRuns<T, R extends object>(list: readonly T[], map: (value: T) => R): R[] {
  const results: R[] = [];
  let last: { readonly value: T; readonly result: R } | undefined;
  for (const value of list) {
    if (last?.value !== value) last = { value, result: map(value) };
    results.push(last.result);
  }
  return results;
}
