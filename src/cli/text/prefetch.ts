/** What a prefetch list means on an image, for people. */
import { type PrefetchMeaning, type PrefetchPart, shareOf, verdictOf } from '../../prefetch/meaning.js';
import { formatBytes, plural } from './units.js';
import { displayName, type RawPath } from '../../oci/raw-name.js';

/** Lines without an indentation. Missing paths are not among them, since they have been told. */
export function prefetchLines(meaning: PrefetchMeaning): readonly string[] {
  const { patterns, missing, files, bytes, stored, entries, covered, empty } = meaning;
  const left = [
    ...(missing.count === 0 ? [] : [`${missing.count} not there`]),
    ...(covered === 0 ? [] : [`${covered} covered by earlier ones`]),
    ...(empty === 0 ? [] : [`${empty} without content`]),
  ];
  const of = `prefetch list: ${plural(patterns, 'pattern')}${left.length === 0 ? '' : ` (${left.join(', ')})`}`;
  const what =
    `${plural(files.listed, 'file')} of ${files.all}, ${formatBytes(bytes.listed)}` +
    (stored.all === 0 ? ` (${percent(bytes)} of the image)` : `, ${fetched(stored)}`);
  return [
    `${of}: ${plural(entries, 'entry').replace('entrys', 'entries')}, ${what}`,
    ...adviceLines(meaning),
  ];
}

/** The paths that lead nowhere, one a line. */
export function missingLines({ missing }: PrefetchMeaning): readonly string[] {
  const { count, paths } = missing;
  const more = count > paths.length ? [`not there: ${count - paths.length} more`] : [];
  return [...paths.map((path) => `not there: ${displayName(path as RawPath)}`), ...more]; // bytes, as paths are
}

function fetched(stored: PrefetchPart): string {
  return `fetched as ${formatBytes(stored.listed)} (${percent(stored)} of the data)`;
}

function adviceLines(meaning: PrefetchMeaning): readonly string[] {
  switch (verdictOf(meaning)) {
    case 'nothing':
      return ['advice: no file is loaded first; without a list clients load all of the image'];
    case 'most':
      return [
        'advice: most of the image is loaded first, and what a start needs at once waits for it; list only what is read at the start',
      ];
    case 'some':
      return [];
  }
}

function percent(part: PrefetchPart): string {
  const share = shareOf(part) * 100;
  return `${share >= 10 || share === 0 ? Math.round(share) : share.toFixed(1)} %`;
}
