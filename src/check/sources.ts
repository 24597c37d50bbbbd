/** Finds the image of the source that images of the target were made from. */
import { sourceDigestsOf, sourceOf, type HalvesOf } from '../image/pairs.js';
import type { CheckRun } from './run.js';
import { machineOf, type ImageSubject, type ReferenceSubject } from './subject.js';

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
  const byIndex = sourceByIndex(halves, sources);
  if (byIndex !== undefined) return byIndex;
  const unread = sources.unread.filter(
    ({ where }) => where.platform === platform || where.platform === undefined,
  );
  run.findings.push(...unread);
  if (sources.findings.length === 0 && unread.length === 0) {
    const [stranger] = sources.images.length === 0 ? sources.strangers : [];
    const message = stranger ?? 'the source has no image of this platform';
    run.report('SOURCE-NO-PLATFORM', { platform, part: stranger && 'source' }, { message });
  }
  return undefined;
}

/**
 * A conversion may record the index that it chose an image from. A manifest that stands alone has its platform from the config, which
 * may lack the variant that the index states.
 */
function sourceByIndex(
  { platform, oci, nydus }: HalvesOf<ImageSubject>,
  { images, indexDigests }: ReferenceSubject,
): ImageSubject | undefined {
  if (![...sourceDigestsOf([...oci, ...nydus])].some((digest) => indexDigests.has(digest))) return undefined;
  const fitting = images.filter(({ platformName }) => machineOf(platformName) === machineOf(platform));
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** The digests by which a conversion may have recorded the source `image`. */
export function namesOf(image: ImageSubject, { indexDigests }: ReferenceSubject): ReadonlySet<string> {
  const own = [...sourceDigestsOf([image]), image.manifest.descriptor.digest];
  return new Set([...own, ...indexDigests]);
}
