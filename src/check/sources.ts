/** Finds the image of the source that images of the target were made from. */
import { sourceOf, type HalvesOf } from '../image/pairs.js';
import type { CheckRun } from './run.js';
import type { ImageSubject, ReferenceSubject } from './subject.js';

/** The absence of a source becomes a finding. `groups` is the number of pairs of halves that the target has. */
export function findSource(
  halves: HalvesOf<ImageSubject>,
  groups: number,
  sources: ReferenceSubject,
  run: CheckRun,
): ImageSubject | undefined {
  const { platform } = halves;
  const found = sourceOf(halves, sources.images);
  if (found !== undefined) return found;
  const [only] = sources.images;
  // If source and target hold one image each, they belong together even if their platforms are named differently.
  if (only !== undefined && sources.images.length === 1 && sources.index === undefined && groups === 1)
    return only;
  const unread = sources.unread.filter(
    ({ where }) => where.platform === platform || where.platform === undefined,
  );
  run.findings.push(...unread);
  if (sources.findings.length === 0 && unread.length === 0)
    run.report('SOURCE-NO-PLATFORM', { platform }, { message: 'the source has no image of this platform' });
  return undefined;
}
