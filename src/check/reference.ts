/** Runs the rules on an index as a whole, and on each image that it lists together with its other half and its source. */
import { type Obstacle, obstacleOf } from '../image/obstacles.js';
import { groupHalves } from '../image/pairs.js';
import type { PlatformSelection } from '../oci/platform.js';
import { demandPlatforms } from './demanded-platforms.js';
import { checkIndexDetection } from './detection.js';
import { checkNydus, checkOrdinary } from './images.js';
import { indexRules } from './index-rule.js';
import type { KeptDocuments } from './kept-documents.js';
import type { CheckedPlatform } from './result.js';
import type { CheckRun } from './run.js';
import { findSource, namesOf } from './sources.js';
import type { ImageSubject, ReferenceSubject } from './subject.js';

export interface CheckedReference {
  readonly target: ReferenceSubject;
  /** Undefined when the caller gave no source. */
  readonly sources: ReferenceSubject | undefined;
  readonly platforms: PlatformSelection;
}

export async function checkReference(
  { target, sources, platforms }: CheckedReference,
  run: CheckRun,
  kept: KeptDocuments,
): Promise<readonly CheckedPlatform[]> {
  for (const found of [...target.findings, ...(sources?.findings ?? [])]) run.findings.push(found);
  const groups = groupHalves(target.images);
  if (target.index !== undefined) await run.rules(indexRules, target.index);
  await kept.indexes(target, sources);
  demandPlatforms(target, platforms, run);
  const checked: CheckedPlatform[] = [];
  const clock = new Clock();
  const detected = new Set<string>();
  for (const group of groups) {
    clock.start();
    const { platform, nydus, oci } = group;
    const ordinary = nydus.length === 0 ? ordinaryOf(oci) : undefined;
    if (ordinary !== undefined) {
      run.report('IMAGE-ORDINARY', { platform }, { message: ordinary.reason });
      continue;
    }
    const image = sources === undefined ? undefined : findSource(group, groups.length, sources, run);
    const source =
      image === undefined || sources === undefined ? undefined : { image, names: namesOf(image, sources) };
    for (const half of oci) await checkOrdinary(half, source, run, kept);
    for (const half of nydus) {
      const subject = { ...half, kind: 'nydus', ociHalf: oci[0], sourceNames: source?.names } as const;
      checked.push({ ...(await checkNydus(subject, source, run, kept)), milliseconds: clock.lap() });
    }
    // If several images have the same platform, every client takes the first, and so does detection.
    if (!detected.has(platform)) await checkDetection(target, oci[0], nydus[0], run);
    detected.add(platform);
    if (nydus.length === 0)
      run.report(
        'IMAGE-NOT-NYDUS',
        { platform },
        {
          message: 'there is no Nydus image for this platform',
          ...(isSwapped(target, sources) ? { hint: SWAPPED } : {}),
        },
      );
  }
  return checked;
}

class Clock {
  #since = performance.now();

  start(): void {
    this.#since = performance.now();
  }

  /** Returns the whole milliseconds since the start or the last lap. */
  lap(): number {
    const before = this.#since;
    this.start();
    return Math.round(this.#since - before);
  }
}

const SWAPPED =
  'the source is a Nydus image and the target none: they seem to be swapped. The image to check comes first, then the one that it was made from';

function isSwapped(target: ReferenceSubject, sources: ReferenceSubject | undefined): boolean {
  const hasNydus = ({ images }: ReferenceSubject): boolean => images.some(({ kind }) => kind === 'nydus');
  return sources !== undefined && hasNydus(sources) && !hasNydus(target);
}

/** The reason for which an image without a Nydus half is kept in a merged index as it is. No rule judges it: nothing here made it. */
function ordinaryOf([image]: readonly ImageSubject[]): Obstacle | undefined {
  if (image?.merged !== true) return undefined;
  const platform = image.entry.platform ?? image.config?.value.platform;
  return platform === undefined ? undefined : obstacleOf(image.manifest.value, platform);
}

async function checkDetection(
  { index }: ReferenceSubject,
  oci: ImageSubject | undefined,
  nydus: ImageSubject | undefined,
  run: CheckRun,
): Promise<void> {
  if (index === undefined || oci === undefined || nydus === undefined) return;
  const foresees = run.options.clients === true;
  await run.gather(checkIndexDetection({ store: oci.store, oci, nydus, foresees }, run.call));
}
