/** Says at the end what a commit has made. */
import type { CommitResult } from '../../commit/commit.js';
import { digestHex } from '../../oci/digest.js';
import { formatBytes, formatMs, plural } from './units.js';

export function commitSummary(result: CommitResult): readonly string[] {
  const { platform, blob, ordinary, stats, times, target, unchanged, milliseconds } = result;
  const again = stats.chunks - stats.newChunks;
  const known = again > 0 ? `, ${plural(again, 'chunk')} known` : '';
  return [
    `${platform}: ${plural(stats.entries, 'change')} in blob ${digestHex(blob.digest).slice(0, 12)} of ${formatBytes(blob.size)}${known}`,
    ...(ordinary === undefined
      ? []
      : [`  the ordinary image beside it has the same layer, of ${formatBytes(ordinary.layer.size)}`]),
    ...(times > 1 ? [`  ${plural(times, 'layer')} of changes on the image`] : []),
    '',
    unchanged
      ? `already there: ${target} is the result (${formatMs(milliseconds)})`
      : `committed in ${formatMs(milliseconds)}, pushed to ${target}`,
  ];
}
