/** An estimate of what images share, for a person. */
import type { DedupEstimate } from '../../dedup/estimate.js';
import { table } from './columns.js';
import { formatBytes, plural } from './units.js';

export const share = (part: number, whole: number): string =>
  whole === 0 ? '–' : `${((part / whole) * 100).toFixed(1)} %`;

const columns = (rows: readonly (readonly string[])[], left = new Set([0])): readonly string[] =>
  table(rows, left);

export function* estimateLines(estimate: DedupEstimate): Generator<string> {
  const { images, stored, shared, chunkSizes, dictionary, upgrades } = estimate;
  yield 'stored in the registry, image after image';
  yield* columns([
    ['image', 'layers', 'Nydus', 'with dictionary'],
    ...images.map(({ image }, n) => {
      const { layers = 0, nydus = 0, withDictionary = 0 } = stored[n] ?? {};
      return [image, formatBytes(layers), formatBytes(nydus), formatBytes(withDictionary)];
    }),
  ]);
  yield '';
  yield 'chunks in common, in percent of the smaller image';
  yield* columns([
    ['', ...images.map((_, n) => `${n + 1}`)],
    ...images.map(({ image }, row) => [
      `${row + 1} ${image}`,
      ...images.map((_, column) =>
        share(shared[row]?.[column] ?? 0, Math.min(shared[row]?.[row] ?? 0, shared[column]?.[column] ?? 0)),
      ),
    ]),
  ]);
  yield '';
  yield 'chunk sizes';
  yield* columns([
    ['chunk size', 'chunks', 'blobs', 'bootstraps', 'each chunk once'],
    ...chunkSizes.map((row) => [
      formatChunkSize(row.chunkSize),
      `${row.chunks}`,
      formatBytes(row.blobBytes),
      formatBytes(row.bootstrapBytes),
      formatBytes(row.uniqueBytes),
    ]),
  ]);
  yield '';
  const { storedWithout, storedWith } = dictionary;
  const rest = images.length - dictionary.images;
  yield `a dictionary of the first ${plural(dictionary.images, 'image')}: ${plural(dictionary.chunks, 'chunk')}, ${formatBytes(dictionary.bytes)}`;
  if (rest > 0)
    yield `  the other ${rest}: ${formatBytes(storedWith)} instead of ${formatBytes(storedWithout)} (${share(storedWithout - storedWith, storedWithout)} less)`;
  yield '';
  yield 'to be downloaded by a node that has one image and gets the next';
  yield* columns(
    [
      ['from', 'to', 'layers', 'Nydus', 'with dictionary'],
      ...images.slice(1).map(({ image: to }, n) => {
        const from = images[n]?.image ?? '';
        const step = upgrades.find((upgrade) => upgrade.from === from && upgrade.to === to);
        return [
          from,
          to,
          formatBytes(step?.layers ?? 0),
          formatBytes(step?.nydus ?? 0),
          formatBytes(step?.withDictionary ?? 0),
        ];
      }),
    ],
    new Set([0, 1]),
  );
}

export function formatChunkSize(bytes: number): string {
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`;
}
