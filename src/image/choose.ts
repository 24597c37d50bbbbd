/** The one image that a person means by a platform and a half. */
import { FormatError, UnsupportedError, UsageError } from '../errors.js';
import type { Platform } from '../oci/descriptor.js';
import { formatPlatform, platformMatches } from '../oci/platform.js';
import type { CallOptions } from '../reporter.js';
import { type Entry, type Image, platformText, readConfig } from './image.js';
import { type Half, isBuildCache, notAnImage } from './kinds.js';
import type { ReferenceTree } from './reference-tree.js';

export interface ImageChoice {
  readonly platform?: Platform | undefined;
  /** Taken when several platforms are there and `platform` names none. */
  readonly preferred?: Platform | undefined;
  /** In an index that holds both; the Nydus half by default. */
  readonly half?: Half | undefined;
}

/** Entries that claim to be images; of a single image the image itself, whatever it is. */
export function imageEntries({ index, entries }: ReferenceTree): readonly Entry[] {
  return index === undefined ? entries : entries.filter(({ kind }) => kind === 'oci' || kind === 'nydus');
}

/** True also for an entry that states no platform: only its config knows. */
export function mayBeFor({ platform }: Entry, wanted: Platform): boolean {
  return platform === undefined || platformMatches(wanted, platform);
}

/** Throws UsageError, which lists what is there, when no image or several are meant. */
export async function chooseImage(
  tree: ReferenceTree,
  choice: ImageChoice,
  call: CallOptions,
): Promise<Image> {
  const entries = imageEntries(tree);
  if (entries.length === 0) throw new FormatError('the index holds no image');
  const there = platformNames(entries);
  const remedy = { kind: 'choose-platform', available: there } as const;
  const wanted = choice.platform ?? (there.length > 1 ? choice.preferred : undefined);
  if (wanted === undefined && there.length > 1)
    throw new UsageError('the index holds images of several platforms', { remedy });
  const matching =
    wanted === undefined || tree.index === undefined
      ? entries
      : entries.filter((entry) => mayBeFor(entry, wanted));
  if (matching.length === 0) {
    throw new UsageError(
      `there is no image for ${wanted === undefined ? 'any platform' : formatPlatform(wanted)}`,
      { remedy },
    );
  }
  const image = await ofHalf(tree, matching, choice.half, call);
  if (choice.platform !== undefined && image.entry.platform === undefined)
    await refuseOtherPlatform(image, choice.platform, call);
  return image;
}

/** Names of the platforms that the entries state, each once, in order. */
export function platformNames(entries: readonly Entry[]): readonly string[] {
  return [...new Set(entries.map(({ platform }) => platformText(platform)))];
}

/** Marked entries come first: in a merged index they are the Nydus half. */
async function ofHalf(
  tree: ReferenceTree,
  entries: readonly Entry[],
  half: Half | undefined,
  call: CallOptions,
): Promise<Image> {
  const plain = entries.filter(({ marked }) => !marked);
  const marked = entries.filter((entry) => entry.marked);
  for (const entry of half === 'oci' ? plain : [...marked, ...plain]) {
    const image = await tree.image(entry, call);
    if (isBuildCache(image.manifest.value)) throw new UnsupportedError(notAnImage(image.manifest.value));
    if (half === undefined || image.kind === half) return image;
  }
  throw new UsageError(`there is no ${half === 'oci' ? 'OCI' : 'Nydus'} image`, {
    remedy: { kind: 'choose-half', missing: half === 'oci' ? 'oci' : 'nydus' },
  });
}

async function refuseOtherPlatform(image: Image, wanted: Platform, call: CallOptions): Promise<void> {
  const { platform } = (await readConfig(image, call)).value;
  if (platformMatches(wanted, platform)) return;
  throw new UsageError(`there is no image for ${formatPlatform(wanted)}`, {
    hint: `this one is for ${formatPlatform(platform)}`,
  });
}
