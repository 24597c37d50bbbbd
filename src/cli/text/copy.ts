/** Says at the end of a copy what was sent, and of a comparison what differs. */
import type { CopyComparison } from '../../copy/compare.js';
import type { CopyOutcome } from '../../copy/copier.js';
import type { CopyResult } from '../../copy/copy.js';
import { formatBytes, formatMs, plural } from './units.js';

const WORDS: readonly (readonly [outcome: CopyOutcome, word: string])[] = [
  ['pushed', 'sent'],
  ['mounted', 'mounted from another repository'],
  ['present', 'there already'],
  ['elsewhere', 'left where their addresses say'],
];

export function copySummary({ contents, target, unchanged, milliseconds }: CopyResult): readonly string[] {
  const parts = WORDS.flatMap(([outcome, word]) => {
    const found = contents.filter((content) => content.outcome === outcome);
    const bytes = found.reduce((sum, { size }) => sum + size, 0);
    return found.length === 0 ? [] : [`${found.length} ${word} (${formatBytes(bytes)})`];
  });
  const referrers = contents.filter(({ isReferrer }) => isReferrer).length;
  const manifests = referrers === 0 ? '' : `, ${referrers} of them of referrers`;
  return [
    unchanged
      ? `already there: ${target} is this image (${formatMs(milliseconds)})`
      : `copied to ${target} in ${formatMs(milliseconds)}`,
    `${plural(contents.length, 'part')}${manifests}: ${parts.join(', ')}`,
  ];
}

export function comparisonLines({
  source,
  target,
  compared,
  bytes,
  differences,
}: CopyComparison): readonly string[] {
  const what = `${plural(compared, 'descriptor')} compared, ${formatBytes(bytes)} read`;
  if (differences.length === 0) return [`${target} is ${source}: ${what}`];
  return [
    ...differences.map(({ kind, message }) => `differs (${kind}): ${message}`),
    `${target} is not ${source}: ${plural(differences.length, 'difference')}, ${what}`,
  ];
}
