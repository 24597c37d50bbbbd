/** Says at the end what optimising has made of each image. */
import { digestHex } from '../../oci/digest.js';
import type { OptimizedImage } from '../../optimize/image.js';
import type { OptimizeResult } from '../../optimize/optimize.js';
import type { Reads } from '../../optimize/reads.js';
import { prefetchLines } from './prefetch.js';
import { formatBytes, formatMs, plural } from './units.js';

export function optimizeSummary(result: OptimizeResult): readonly string[] {
  const { images, kept, target, unchanged, milliseconds } = result;
  const others =
    kept.length === 0 ? '' : `, ${plural(kept.length, 'other entry').replace('entrys', 'entries')} kept`;
  const count = `${plural(images.length, 'image')}${others}`;
  return [
    ...images.flatMap(imageLines),
    unchanged
      ? `already there: ${target} is the result (${count}, ${formatMs(milliseconds)})`
      : `optimised ${count} in ${formatMs(milliseconds)}, pushed to ${target}`,
  ];
}

function imageLines({ platform, blob, replaced, prefetched, reads }: OptimizedImage): readonly string[] {
  const instead = replaced === undefined ? '' : `, instead of ${digestHex(replaced.digest).slice(0, 12)}`;
  return [
    `${platform}: blob ${digestHex(blob.digest).slice(0, 12)} of ${formatBytes(blob.size)}${instead}`,
    ...prefetchLines(prefetched).map((line) => `  ${line}`),
    ...(reads === undefined
      ? []
      : [
          `  to read these files a client needs ${readsText(reads.after)}; before: ${readsText(reads.before)}`,
        ]),
    '',
  ];
}

function readsText({ requests, bytes }: Reads): string {
  return `${plural(requests, 'request')} (${formatBytes(bytes)})`;
}
