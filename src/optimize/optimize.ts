/**
 * `optimizeImage` gives the files that clients load first a blob of their own, in the order in which they are read, so that few requests
 * bring all of them. The other blobs stay as they are. Blobs are pushed first and the tag last, so no client can pull an incomplete
 * image.
 */
import { tmpdir } from 'node:os';
import { publish } from '../convert/publish.js';
import { storedDocument, type StoredDocument } from '../convert/halves.js';
import { entryFor, replacedIndex } from '../convert/merge-index.js';
import { stopwatch } from '../convert/stopwatch.js';
import { Uploads } from '../convert/uploads.js';
import { Copier, type CopiedContent } from '../copy/copier.js';
import { readWhole } from '../copy/copy.js';
import { UnsupportedError, UsageError } from '../errors.js';
import { imageEntries } from '../image/choose.js';
import { ownDigests } from '../image/identity.js';
import { type Entry, platformOf } from '../image/image.js';
import { isContainerImage, notAnImage } from '../image/kinds.js';
import type { ReferenceTree } from '../image/reference-tree.js';
import { openScratch } from '../io/scratch.js';
import { withBudget } from '../native/budget.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { displayName, type RawPath } from '../oci/raw-name.js';
import { formatPlatform, isSelected, platformMatches } from '../oci/platform.js';
import { tagOf } from '../registry/moved-tag.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import {
  type LookedUpImage,
  lookUp,
  type MadeImage,
  type OptimizedImage,
  optimizeOne,
  type OptimizeRun,
} from './image.js';
import { optimizeOptions, type OptimizeOptions } from './options.js';

/** The Nydus image, and the target of the optimised one, which may be the same. */
export interface OptimizeImages {
  readonly source: ImageSource;
  readonly target: ImageTarget;
}

export interface OptimizeResult {
  /** The manifest or index that the target's tag now points to. */
  readonly root: Descriptor;
  readonly target: string;
  /** True when the target's tag led to this root before the run. */
  readonly unchanged: boolean;
  readonly images: readonly OptimizedImage[];
  /** Images and other entries that are in the result as they were. */
  readonly kept: readonly Descriptor[];
  /** What the target got or had already of the source. */
  readonly contents: readonly CopiedContent[];
  readonly milliseconds: number;
}

/** Throws a NydusError, or the signal's reason once it has fired; the target's tag is then unchanged. */
export async function optimizeImage(
  images: OptimizeImages,
  given: Partial<OptimizeOptions>,
  from: CallOptions = {},
): Promise<OptimizeResult> {
  const options = optimizeOptions(given);
  const call = withBudget(from);
  const { target } = images;
  const started = performance.now();
  call.signal?.throwIfAborted();
  try {
    await using scratch = await openScratch(options.workDir ?? tmpdir());
    const span = stopwatch(() => performance.now()).push;
    await using uploads = new Uploads(target, options.concurrency, span, call);
    const before = await tagOf(target, uploads.call);
    const { source, tree } = await readWhole(images.source, uploads.call);
    const found = await lookUpAll(tree, options, uploads.call);
    const run = { uploads, options, blobPath: (image: number) => scratch.file(`${image}.blob`) };
    const { made, kept, contents } = await place({ source, target }, tree, found, run).catch(
      (error: unknown) => {
        throw uploads.blame(error);
      },
    );
    const result = rootOf(tree, made);
    const manifests = made.map(({ manifest }) => manifest);
    const unchanged = await publish(target, { manifests, root: result, before }, uploads.call);
    return {
      root: result.descriptor,
      target: target.location,
      unchanged,
      images: made.map(({ report }) => report),
      kept: kept.map(({ descriptor }) => descriptor),
      contents,
      milliseconds: performance.now() - started,
    };
  } catch (error) {
    call.signal?.throwIfAborted();
    throw error;
  }
}

interface Placed {
  readonly made: readonly MadeImage[];
  /** The entries of the index that stay. */
  readonly kept: readonly Entry[];
  readonly contents: readonly CopiedContent[];
}

/** Makes the images. On return the target has everything that their manifests name, and the entries that stay. */
async function place(
  ends: OptimizeImages,
  tree: ReferenceTree,
  found: readonly LookedUpImage[],
  run: OptimizeRun,
): Promise<Placed> {
  const { uploads, options } = run;
  const made: MadeImage[] = [];
  for (const [number, image] of found.entries()) made.push(await optimizeOne(run, image, number));
  const { concurrency } = options;
  const copier = new Copier(ends, { concurrency, isPlaced: (digest) => uploads.has(digest) });
  for (const { manifest } of made) await copier.copyBelow(manifest.descriptor, manifest.bytes, uploads.call);
  const kept = keptEntries(tree, made);
  for (const { descriptor } of kept) await copier.copy(descriptor, uploads.call);
  await uploads.settle();
  return { made, kept, contents: copier.copied };
}

/** The images that the list has files of. Throws UsageError when there is no image for a platform that is asked for. */
async function lookUpAll(
  tree: ReferenceTree,
  options: OptimizeOptions,
  call: CallOptions,
): Promise<readonly LookedUpImage[]> {
  const { platforms } = options;
  const seen = new Set<Digest>();
  const found: LookedUpImage[] = [];
  const available: Platform[] = [];
  for (const entry of imageEntries(tree)) {
    if (seen.has(entry.descriptor.digest)) continue;
    seen.add(entry.descriptor.digest);
    const image = await tree.image(entry, call);
    const { value } = image.manifest;
    if (!isContainerImage(value)) {
      if (tree.index === undefined)
        throw new UnsupportedError(`${tree.store.location}: ${notAnImage(value)}`);
      continue;
    }
    if (image.kind !== 'nydus') continue;
    const platform = await platformOf(image, call);
    available.push(platform);
    if (tree.index !== undefined && !isSelected(platforms, platform)) continue;
    const one = await lookUp(image, platform, options, call);
    warnOfMissing(one, call);
    if (one.hot.files.length > 0) found.push(one);
  }
  if (available.length === 0)
    throw new UnsupportedError(`${tree.store.location} is no Nydus image, so there is nothing to optimise`, {
      hint: 'convert it first; a conversion takes the same list',
    });
  const wanted = platforms.kind === 'all' || tree.index === undefined ? [] : platforms.platforms;
  const missing = wanted.find((one) => !available.some((platform) => platformMatches(one, platform)));
  if (missing !== undefined)
    throw new UsageError(`there is no Nydus image for ${formatPlatform(missing)}`, {
      remedy: { kind: 'choose-platform', available: [...new Set(available.map(formatPlatform))] },
    });
  if (found.length === 0)
    throw new UnsupportedError('the list names no file of the image that has content', {
      hint: 'the list may be one of another image',
    });
  return found;
}

function warnOfMissing({ platform, hot }: LookedUpImage, { reporter }: CallOptions): void {
  const { missing, patterns } = hot.meaning;
  const name = formatPlatform(platform);
  if (missing.count > 0) {
    const shown = missing.paths.map((path) => displayName(path as RawPath)).join(', '); // patterns are bytes as paths are
    const more =
      missing.count > missing.paths.length ? `, and ${missing.count - missing.paths.length} more` : '';
    const message = `${name}: ${missing.count} of ${patterns} patterns of the prefetch list are not there: ${shown}${more}`;
    reporter?.emit({ type: 'warning', code: 'prefetch-missing', message });
  }
  if (hot.files.length === 0) {
    const message = `${name}: the list names no file that has content, so this image stays as it is`;
    reporter?.emit({ type: 'warning', code: 'prefetch-nothing', message });
  }
}

/** The entries of the index that stay. */
function keptEntries(tree: ReferenceTree, made: readonly MadeImage[]): readonly Entry[] {
  return tree.index === undefined ? [] : tree.entries.filter(({ descriptor }) => !madeFrom(descriptor, made));
}

function madeFrom({ digest }: Descriptor, made: readonly MadeImage[]): MadeImage | undefined {
  return made.find(({ source }) => source.descriptor.digest === digest);
}

/** The document that the tag will name: the only manifest, or the index with other images in the places of those before. */
function rootOf(tree: ReferenceTree, made: readonly MadeImage[]): StoredDocument {
  const [only] = made;
  if (tree.index === undefined) {
    if (only === undefined) throw new UnsupportedError('there is nothing to optimise');
    return only.manifest;
  }
  const entries = tree.entries.map((entry) => {
    const json = tree.entryJson(entry);
    const image = madeFrom(entry.descriptor, made);
    return image === undefined ? json : entryFor(json, ownDigests(image.source), image.manifest.descriptor);
  });
  const { mediaType } = tree.index.value;
  return storedDocument(mediaType, replacedIndex(tree.indexJson(), mediaType, entries));
}
