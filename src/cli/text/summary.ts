/** Prints the closing table of a conversion. */
import type { ConvertResult, ImageReport } from '../../convert/convert.js';
import { digestHex } from '../../oci/digest.js';
import { table } from './columns.js';
import { formatBytes, formatMs, plural } from './units.js';

export function convertSummary(result: ConvertResult): readonly string[] {
  const images = result.images.flatMap((image) => [...imageTable(image), '']);
  const { sourceBytes, targetBytes, times, kept } = result;
  const keptText =
    kept.length === 0 ? '' : `, ${plural(kept.length, 'other entry').replace('entrys', 'entries')} kept`;
  return [
    ...images,
    `converted ${plural(result.images.length, 'image')}${keptText} in ${formatMs(times.total)}: ` +
      `${formatBytes(sourceBytes)} became ${formatBytes(targetBytes)}${result.images.some(({ oci }) => oci !== undefined) ? ' (original images included)' : ''}`,
    `pushed to ${result.target}`,
  ];
}

function imageTable({ platform, layers, bootstrapBytes, repeatedBytes }: ImageReport): readonly string[] {
  const rows = layers.map(({ source, stats, outcome }, i) => [
    String(i + 1),
    digestHex(source.digest).slice(0, 12),
    formatBytes(stats.sourceBytes),
    formatBytes(stats.blobBytes),
    String(stats.chunks),
    stats.chunks === stats.newChunks
      ? '-'
      : `${stats.chunks - stats.newChunks} (${formatBytes(stats.duplicateBytes)})`,
    outcome,
  ]);
  const sum = (pick: (layer: ImageReport['layers'][number]) => number): number =>
    layers.reduce((total, layer) => total + pick(layer), 0);
  const duplicates = sum(({ stats }) => stats.chunks - stats.newChunks);
  const total = [
    'all',
    '',
    formatBytes(sum(({ stats }) => stats.sourceBytes)),
    formatBytes(sum(({ stats }) => stats.blobBytes)),
    String(sum(({ stats }) => stats.chunks)),
    duplicates === 0 ? '-' : `${duplicates} (${formatBytes(sum(({ stats }) => stats.duplicateBytes))})`,
    '',
  ];
  return [
    `${platform}, bootstrap ${formatBytes(bootstrapBytes)}`,
    ...table(
      [['layer', 'digest', 'source', 'blob', 'chunks', 'duplicates saved', 'blob was'], ...rows, total],
      new Set([0, 1, 6]),
    ).map((line) => `  ${line}`),
    ...savingLines(
      repeatedBytes,
      sum(({ stats }) => stats.blobBytes),
    ),
  ];
}

/** Without a saving, the other scope of deduplication is not worth a line. */
function savingLines(repeatedBytes: number, blobBytes: number): readonly string[] {
  if (repeatedBytes === 0) return [];
  const share = ((repeatedBytes / blobBytes) * 100).toFixed(1);
  return [`  --dedup image would store ${formatBytes(repeatedBytes)} (${share} %) less`];
}
