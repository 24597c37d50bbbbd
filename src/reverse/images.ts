/** The images of a source that are to be converted back, each with what the source knows of its original. */
import type { Originals } from '../convert/originals.js';
import type { ForeignEntry, SourceImage } from '../convert/source-images.js';
import { type NydusError, UnsupportedError, UsageError } from '../errors.js';
import { imageEntries } from '../image/choose.js';
import { type Entry, type Image, platformOf, readConfig } from '../image/image.js';
import { isContainerImage, isImageKind, isNydusManifest, notAnImage } from '../image/kinds.js';
import { sourceDigestOf } from '../image/pairs.js';
import type { ReferenceTree } from '../image/reference-tree.js';
import { keepsAttestations } from '../convert/options.js';
import type { Platform } from '../oci/descriptor.js';
import { formatPlatform, isSelected, platformMatches } from '../oci/platform.js';
import type { CallOptions } from '../reporter.js';
import type { ReverseOptions } from './options.js';
import { originalDigestOf } from './original.js';

export interface ImageToReverse {
  readonly platform: Platform;
  /** Undefined for an ordinary image that no Nydus image was made from. */
  readonly nydus: Image | undefined;
  /** The ordinary image beside it, as it was before it was merged; an error if that cannot be restored. */
  readonly beside: SourceImage | NydusError | undefined;
}

export interface ImagesToReverse {
  readonly images: readonly ImageToReverse[];
  /** Entries to carry over. */
  readonly foreign: readonly ForeignEntry[];
}

interface Placed extends Image {
  readonly platform: Platform;
}

/**
 * Throws UsageError when the source lacks a platform that the options name, and UnsupportedError when it holds no Nydus image at all.
 */
export async function readImages(
  tree: ReferenceTree,
  originals: Originals,
  options: ReverseOptions,
  call: CallOptions,
): Promise<ImagesToReverse> {
  const foreign = tree.entries.filter(({ kind }) => tree.index !== undefined && !isImageKind(kind));
  const all: Placed[] = [];
  for (const entry of imageEntries(tree)) {
    const image = await tree.image(entry, call);
    const manifest = image.manifest.value;
    if (!isContainerImage(manifest)) {
      if (tree.index === undefined)
        throw new UnsupportedError(`${tree.store.location}: ${notAnImage(manifest)}`);
      foreign.push(entry);
      continue;
    }
    if (image.kind === 'oci' && isNydusManifest(manifest))
      throw new UnsupportedError(
        `manifest ${entry.descriptor.digest} is of a Nydus image, and has no bootstrap`,
      );
    if (image.kind === 'nydus') originals.noteManifest(manifest);
    all.push({ ...image, platform: await platformOf(image, call) });
  }
  if (!all.some(({ kind }) => kind === 'nydus'))
    throw new UnsupportedError(
      `${tree.store.location} is no Nydus image, so there is nothing to convert back`,
    );
  const selected = tree.index === undefined ? all : selectedOf(all, options);
  const images = await paired(tree, selected, originals, call);
  return {
    images,
    foreign: keepsAttestations(options) ? foreign.map((entry) => foreignOf(tree, entry)) : [],
  };
}

function foreignOf(tree: ReferenceTree, entry: Entry): ForeignEntry {
  return { entry: tree.entryJson(entry), descriptor: entry.descriptor };
}

function selectedOf(
  all: readonly Placed[],
  { platforms, allowMissingPlatforms }: ReverseOptions,
): readonly Placed[] {
  const selected = all.filter(({ platform }) => isSelected(platforms, platform));
  const available = [...new Set(all.map(({ platform }) => formatPlatform(platform)))];
  const wanted = platforms.kind === 'all' ? [] : platforms.platforms;
  const missing = wanted.find((one) => !selected.some(({ platform }) => platformMatches(one, platform)));
  if (selected.length > 0 && (missing === undefined || allowMissingPlatforms)) return selected;
  throw new UsageError(
    `there is no image for ${missing === undefined ? 'any platform' : formatPlatform(missing)}`,
    { remedy: { kind: 'choose-platform', available } },
  );
}

/** Images that belong together are one: the halves of a merged index, and a Nydus image that is listed twice. */
async function paired(
  tree: ReferenceTree,
  images: readonly Placed[],
  originals: Originals,
  call: CallOptions,
): Promise<readonly ImageToReverse[]> {
  const digests = new Set<string>();
  const unique = images.filter(({ manifest: { descriptor } }) => {
    const isNew = !digests.has(descriptor.digest);
    digests.add(descriptor.digest);
    return isNew;
  });
  const ordinary = unique.filter(({ kind }) => kind === 'oci');
  const left = new Set(unique.filter(({ kind }) => kind === 'nydus'));
  const found: ImageToReverse[] = [];
  for (const image of ordinary) {
    const nydus = [...left].find((other) => isMadeFrom(other, image, ordinary));
    if (nydus !== undefined) left.delete(nydus);
    found.push({ platform: image.platform, nydus, beside: await restored(tree, image, originals, call) });
  }
  return [...found, ...[...left].map((nydus) => ({ platform: nydus.platform, nydus, beside: undefined }))];
}

/** Where the recorded digest is none of those that are there, the platform decides. */
function isMadeFrom(nydus: Placed, image: Placed, ordinary: readonly Placed[]): boolean {
  const digest = originalDigestOf(nydus);
  if (digest !== undefined && digest === sourceDigestOf(image)) return true;
  if (ordinary.some((other) => digest === sourceDigestOf(other))) return false;
  return formatPlatform(nydus.platform) === formatPlatform(image.platform);
}

async function restored(
  tree: ReferenceTree,
  image: Image,
  originals: Originals,
  call: CallOptions,
): Promise<SourceImage | NydusError> {
  const config = await readConfig(image, call);
  const listed = tree.index === undefined ? undefined : tree.entryJson(image.entry);
  try {
    return await originals.sourceImage(image, config, listed);
  } catch (cause) {
    if (cause instanceof UnsupportedError) return cause;
    throw cause;
  }
}
