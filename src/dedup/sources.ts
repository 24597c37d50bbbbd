/** The Nydus images that a dictionary is made of: opened, of one format, and parted into those that it sees and those held back. */
import type { ConvertOptions } from '../convert/options.js';
import { UsageError } from '../errors.js';
import { imageEntries } from '../image/choose.js';
import { platformOf, readConfig } from '../image/image.js';
import { readReference } from '../image/reference-tree.js';
import type { Platform } from '../oci/descriptor.js';
import { formatPlatform } from '../oci/platform.js';
import { repositoryOf } from '../registry/location.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ChunkSpace } from './chunk-space.js';
import { openNydusImage, type OpenedImage, type Profile, profileOf } from './profile.js';

export interface Source extends OpenedImage {
  readonly name: string;
  readonly profile: Profile;
  readonly created: string;
  readonly store: ImageSource;
}

/** The platforms for which one of these stores has a Nydus image, in the order in which they are met, each with those stores. */
export async function storesByPlatform(
  stores: readonly ImageSource[],
  call: CallOptions,
): Promise<readonly (readonly [Platform, readonly ImageSource[]])[]> {
  const found = new Map<string, { readonly platform: Platform; readonly stores: ImageSource[] }>();
  for (const store of stores) {
    const tree = await readReference(store, call);
    const own = new Map<string, Platform>();
    for (const entry of imageEntries(tree)) {
      const image = await tree.image(entry, call);
      if (image.kind !== 'nydus') continue;
      const platform = await platformOf(image, call);
      own.set(formatPlatform(platform), platform);
    }
    for (const [name, platform] of own) {
      const known = found.get(name) ?? { platform, stores: [] };
      known.stores.push(store);
      found.set(name, known);
    }
  }
  return Array.from(found.values(), ({ platform, stores: own }) => [platform, own]);
}

export async function openSource(
  store: ImageSource,
  platform: Platform,
  space: ChunkSpace,
  call: CallOptions,
): Promise<Source> {
  const opened = await openNydusImage(store, { preferred: platform }, call);
  const { created } = (await readConfig(opened.image, call)).value.raw;
  return {
    ...opened,
    store,
    name: store.location,
    profile: profileOf(opened, space),
    created: typeof created === 'string' ? created : '',
  };
}

type Format = Pick<ConvertOptions, 'fsVersion' | 'chunkSize' | 'compressor' | 'digester'>;

function formatOf({ name, rafs }: Source): Format {
  const { chunkSize, compressor, digester } = rafs.bootstrap;
  if (compressor === 'gzip')
    throw new UsageError(`${name} has chunks that are compressed with gzip, which cannot be written`, {
      hint: 'convert the image that it was made from once more',
    });
  return { fsVersion: rafs.version, chunkSize, compressor, digester };
}

/** One blob table cannot refer to chunks of different formats, and chunks of different sizes or digests are never equal. */
export function commonFormat(sources: readonly Source[]): Format {
  const [first] = sources;
  if (first === undefined)
    throw new UsageError('a dictionary needs a source', { hint: 'name Nydus images that share chunks' });
  const format = formatOf(first);
  for (const source of sources) {
    const other = formatOf(source);
    for (const key of Object.keys(format) as (keyof Format)[]) {
      if (format[key] === other[key]) continue;
      throw new UsageError(
        `the sources have different formats: ${first.name} has ${WORDS[key]} ${format[key]}, and ${source.name} has ${other[key]}`,
        { hint: 'make a dictionary for each format, or convert the images again, with equal options' },
      );
    }
  }
  return format;
}

const WORDS: Readonly<Record<keyof Format, string>> = {
  fsVersion: 'RAFS version',
  chunkSize: 'chunk size',
  compressor: 'compressor',
  digester: 'digester',
};

/** The newest image of each repository that has several, if two images are left for the dictionary. */
export function newestOfEach(sources: readonly Source[]): ReadonlySet<Source> {
  const byRepository = new Map<string, Source[]>();
  for (const source of sources) {
    const home = repositoryOf(source.store.place) ?? homeOf(source.store);
    byRepository.set(home, [...(byRepository.get(home) ?? []), source]);
  }
  const newest = new Set<Source>();
  for (const group of byRepository.values()) {
    if (group.length < 2) continue;
    newest.add(group.reduce((known, source) => (timeOf(source) >= timeOf(known) ? source : known)));
  }
  return sources.length - newest.size < 2 ? new Set() : newest;
}

function homeOf({ place }: ImageSource): string {
  return place.kind === 'registry' ? '' : place.path;
}

/** An image without a time counts as the oldest. */
function timeOf({ created }: Source): number {
  const time = Date.parse(created);
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
}
