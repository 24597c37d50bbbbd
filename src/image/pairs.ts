/**
 * Which images belong together: the two halves of a conversion, and an image with the one that it was made from. The digests
 * that manifests record decide; platforms decide where none is recorded, or where it leads nowhere.
 */
import type { Image } from './image.js';
import { type Half, isIsolated, recordedSource } from './kinds.js';

export interface PairableImage extends Image {
  /** Normal form, from the entry, else from the config. */
  readonly platformName: string;
}

/** Halves that were made from one image. Either may be missing, and a broken index may hold several of a kind. */
export type HalvesOf<T> = Readonly<Record<Half, readonly T[]>> & { readonly platform: string };

/**
 * The digest that the image's manifest has in the source of its conversion. An OCI image is its own source, unless an empty
 * layer was put below it; a Nydus image must say it.
 */
export function sourceDigestOf({ kind, manifest }: Image): string | undefined {
  const { digest } = recordedSource(manifest.value);
  if (kind === 'nydus') return digest;
  return (isIsolated(manifest.value) ? digest : undefined) ?? manifest.descriptor.digest;
}

/** The digests by which sources of these images are meant. */
export function sourceDigestsOf(images: readonly Image[]): ReadonlySet<string> {
  return new Set(images.map(sourceDigestOf).filter((digest) => digest !== undefined));
}

/** In order of their first images. */
export function groupHalves<T extends PairableImage>(images: readonly T[]): readonly HalvesOf<T>[] {
  const platforms = new Map<string, T[]>();
  for (const image of images) {
    const known = platforms.get(image.platformName);
    if (known === undefined) platforms.set(image.platformName, [image]);
    else known.push(image);
  }
  return [...platforms].flatMap(([platform, ofPlatform]) => splitBySource(platform, ofPlatform));
}

/**
 * Several OCI images of one platform are several groups; each takes the Nydus images that name it as their source, and the first takes
 * those that name none of them. Where only Nydus images are, each source that they name is a group.
 */
function splitBySource<T extends PairableImage>(
  platform: string,
  images: readonly T[],
): readonly HalvesOf<T>[] {
  const oci = images.filter(({ kind }) => kind === 'oci');
  const nydus = images.filter(({ kind }) => kind === 'nydus');
  const leading = oci.length > 0 ? oci : nydus;
  const groups = new Map<string | undefined, { platform: string; oci: T[]; nydus: T[] }>();
  for (const image of leading) groups.set(sourceDigestOf(image), { platform, oci: [], nydus: [] });
  const [first] = groups.values();
  for (const image of [...oci, ...nydus]) {
    const group = groups.get(sourceDigestOf(image)) ?? first;
    group?.[image.kind].push(image);
  }
  return [...groups.values()];
}

interface SortedSources<T> {
  readonly byDigest: ReadonlyMap<string, readonly T[]>;
  readonly byPlatform: ReadonlyMap<string, readonly T[]>;
  readonly order: (one: T, other: T) => number;
}

const SORTED = new WeakMap<readonly PairableImage[], unknown>();

/** Sources by what pairs them, made once: an index may list thousands, and each of them asks. */
function sortedSources<T extends PairableImage>(sources: readonly T[]): SortedSources<T> {
  const known = SORTED.get(sources) as SortedSources<T> | undefined; // made of this very list
  if (known !== undefined) return known;
  const places = new Map(sources.map((source, i) => [source, i]));
  const sorted: SortedSources<T> = {
    byDigest: grouped(sources, (source) => sourceDigestOf(source) ?? ''),
    byPlatform: grouped(sources, ({ platformName }) => platformName),
    order: (one, other) => (places.get(one) ?? 0) - (places.get(other) ?? 0),
  };
  SORTED.set(sources, sorted);
  return sorted;
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** The image among `sources` that these halves were made from; of a merged source its OCI half. */
export function sourceOf<T extends PairableImage>(
  { platform, oci, nydus }: HalvesOf<PairableImage>,
  sources: readonly T[],
): T | undefined {
  const known = sortedSources(sources);
  const digests = sourceDigestsOf([...oci, ...nydus]);
  const named = [...digests].flatMap((digest) => known.byDigest.get(digest) ?? []).sort(known.order);
  const same = known.byPlatform.get(platform) ?? [];
  const best = named.filter(({ platformName }) => platformName === platform);
  for (const candidates of [best, named, same]) {
    const found = candidates.find(({ kind }) => kind === 'oci') ?? candidates[0];
    if (found !== undefined) return found;
  }
  return undefined;
}
