/** Says at the end what a build has made. */
import type { BuiltFiles } from '../../build/files.js';
import type { BuiltImage } from '../../build/image.js';
import { digestHex } from '../../oci/digest.js';
import type { PackStats } from '../../reporter.js';
import { prefetchLines } from './prefetch.js';
import { formatBytes, formatMs, plural } from './units.js';

export function builtFilesSummary(built: BuiltFiles): readonly string[] {
  const { stats, blobSize, bootstrapSize, prefetched, milliseconds } = built;
  return [
    ...(prefetched === undefined ? [] : prefetchLines(prefetched)),
    `packed ${packedText(stats)}: blob ${formatBytes(blobSize)}, bootstrap ${formatBytes(bootstrapSize)}, in ${formatMs(milliseconds)}`,
  ];
}

export function builtImageSummary(built: BuiltImage): readonly string[] {
  const { stats, blob, target, unchanged, platform, prefetched, milliseconds } = built;
  const size = `blob ${digestHex(blob.digest).slice(0, 12)} of ${formatBytes(blob.size)}`;
  return [
    ...(prefetched === undefined ? [] : prefetchLines(prefetched)),
    `${platform}: packed ${packedText(stats)}: ${size}`,
    unchanged
      ? `already there: ${target} is the result (${formatMs(milliseconds)})`
      : `pushed to ${target} in ${formatMs(milliseconds)}`,
  ];
}

function packedText({ entries, tarBytes, duplicateBytes }: PackStats): string {
  const twice = duplicateBytes === 0 ? '' : `, of which ${formatBytes(duplicateBytes)} more than once`;
  return `${plural(entries, 'entry').replace('entrys', 'entries')} of ${formatBytes(tarBytes)}${twice}`;
}
