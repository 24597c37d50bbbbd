/** Says at the end what converting back has done with each image, and with each of its layers. */
import { digestHex } from '../../oci/digest.js';
import type { ReversedImage, ReverseResult } from '../../reverse/reverse.js';
import { table } from './columns.js';
import { formatBytes, formatMs, plural } from './units.js';

export function reverseSummary({
  images,
  kept,
  target,
  unchanged,
  elapsed,
}: ReverseResult): readonly string[] {
  const others =
    kept.length === 0 ? '' : `, ${plural(kept.length, 'other entry').replace('entrys', 'entries')} kept`;
  const count = `${plural(images.length, 'image')}${others}`;
  return [
    ...images.flatMap(imageLines),
    unchanged
      ? `already there: ${target} is the result (${count}, ${formatMs(elapsed)})`
      : `converted back ${count} in ${formatMs(elapsed)}, pushed to ${target}`,
  ];
}

function imageLines({ platform, how, why, layers }: ReversedImage): readonly string[] {
  const summary =
    how === 'relink'
      ? `${platform}: the original manifest, from ${why}`
      : `${platform}: layers made again, because ${why}`;
  const rows = layers.map(({ layer, blob, tarBytes, exact, outcome }, i) => [
    String(i + 1),
    blob === undefined ? '-' : digestHex(blob.digest).slice(0, 12),
    tarBytes === undefined ? '-' : formatBytes(tarBytes),
    exact,
    digestHex(layer.digest).slice(0, 12),
    formatBytes(layer.size),
    outcome,
  ]);
  const head = ['layer', 'blob', 'tar', 'as before', 'digest', 'size', 'layer was'];
  return [summary, ...table([head, ...rows], new Set([0, 1, 3, 4, 6])).map((line) => `  ${line}`), ''];
}
