/** What other formats cost or save, for a person, in the words of the flags that choose them. */
import type { FormatChange, Sample } from '../../convert/sample.js';
import { table } from './columns.js';
import { formatBytes, plural } from './units.js';

export function sampleLines({ layers, pull, share, choices }: Sample): readonly string[] {
  const [chosen] = choices;
  const rows = choices.map(({ change, allBytes, seconds }) => [
    wordsOf(change),
    formatBytes(allBytes),
    change === chosen?.change ? '' : difference(allBytes, chosen?.allBytes ?? 0),
    `${seconds.toFixed(1)} s`,
  ]);
  const read = `${plural(layers, 'layer')}, ${formatBytes(pull)}`;
  const whole = share === 1 ? 'all of them' : `${Math.round(share * 100)} % of the compressed bytes`;
  return [
    ...table([['with', 'blobs', 'change', 'processor'], ...rows], new Set([0])),
    `Measured on ${read}: ${whole}${share === 1 ? '' : '; the sizes are for all layers, if the others shrink alike'}.`,
  ];
}

function wordsOf({ compressor, batchSize, chunkSize }: FormatChange): string {
  if (compressor !== undefined) return `--compressor ${compressor}`;
  if (batchSize !== undefined) return `--batch-size ${batchSize}`;
  if (chunkSize !== undefined) return `--fs-chunk-size ${chunkSize / 1024}K`;
  return 'the options given';
}

function difference(bytes: number, than: number): string {
  if (than === 0) return '';
  const percent = (bytes / than - 1) * 100;
  return `${percent < 0 ? '-' : '+'}${Math.abs(percent).toFixed(1)} %`;
}
