/**
 * Adds a conversion to what the target's tag holds. Another client may do the same at the same time, and no registry exchanges a tag
 * only if it is what a client has read. So the tag is read again right before it is set, and a while afterwards: if what was added
 * is not there any more, it is added to what is there now. Layouts and archives exchange their entries under a lock.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Copier } from '../copy/copier.js';
import { RegistryError, UnsupportedError } from '../errors.js';
import { type Entry, type Image, readConfig } from '../image/image.js';
import { isContainerImage, isImageKind, notAnImage } from '../image/kinds.js';
import { sourceDigestOf } from '../image/pairs.js';
import { readReferenceAt, type ReferenceTree } from '../image/reference-tree.js';
import { contentOf } from '../io/streams.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { jsonObject } from '../oci/json/value.js';
import { MEDIA } from '../oci/media-types.js';
import { platformMatches } from '../oci/platform.js';
import { type ImageSource, type ImageTarget, isMovedTag } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { storedDocument, type StoredDocument } from './halves.js';
import type { ConvertedImage } from './image.js';
import { joinedIndex, originalIn, type There, type ThereEntry } from './join-index.js';
import { platformJson } from './merge-index.js';
import type { Run } from './run.js';
import type { TaggedRoot } from './set-tag.js';
import type { SourceImage, SourceImages } from './source-images.js';

/** Each round that fails is one in which another client has succeeded. */
const MAX_ROUNDS = 20;
/** Milliseconds between setting a tag and looking whether it stayed: several times as long as setting it took, within these bounds. */
const SETTLING = { least: 200, most: 5000, times: 4 } as const;

/** What the tag holds. Of the entries for the platforms of `images` the manifests are read, since they say what was converted. */
export async function readThere(
  target: ImageTarget,
  images: readonly SourceImage[],
  call: CallOptions,
): Promise<There> {
  const { location } = target;
  const root = await target.resolve(call);
  if (root === undefined) return { location, root, index: undefined, entries: [] };
  const tree = await readReferenceAt(asSource(target, root), root, call);
  await tree.loadJson(call.signal);
  const entries: ThereEntry[] = [];
  for (const entry of tree.entries) entries.push(await thereEntry(tree, entry, images, call));
  return { location, root, index: tree.indexJson(), entries };
}

function asSource(target: ImageTarget, root: Descriptor): ImageSource {
  return {
    place: target.place,
    location: target.location,
    fetch: (descriptor, options) => target.fetch(descriptor, options),
    exists: (descriptor, call) => target.exists(descriptor, call),
    resolve: () => Promise.resolve(root),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function thereEntry(
  tree: ReferenceTree,
  entry: Entry,
  images: readonly SourceImage[],
  call: CallOptions,
): Promise<ThereEntry> {
  const { descriptor, kind } = entry;
  const json = tree.entryJson(entry);
  if (entry.position === undefined) return singleEntry(await tree.image(entry, call), call);
  if (!isImageKind(kind))
    return { json, descriptor, half: undefined, platform: entry.platform, sourceDigest: undefined };
  const { platform: stated } = entry;
  const isWanted = (platform: Platform): boolean =>
    images.some((image) => platformMatches(image.platform, platform));
  if (stated !== undefined && !isWanted(stated))
    return { json, descriptor, half: kind, platform: stated, sourceDigest: undefined };
  const { value: image } = await tree.loadImage(entry, call);
  // What cannot be read may be an image, and only an artifact is known to be none.
  if (image === undefined)
    return { json, descriptor, half: kind, platform: stated, sourceDigest: descriptor.digest };
  if (!isContainerImage(image.manifest.value))
    return { json, descriptor, half: undefined, platform: stated, sourceDigest: undefined };
  const platform = stated ?? (await readConfig(image, call)).value.platform;
  return { json, descriptor, half: image.kind, platform, sourceDigest: sourceDigestOf(image) };
}

/** A single image becomes the entry of an index, with the platform of its config. */
async function singleEntry(image: Image, call: CallOptions): Promise<ThereEntry> {
  const { descriptor, value } = image.manifest;
  if (!isContainerImage(value)) throw new UnsupportedError(`${image.store.location}: ${notAnImage(value)}`);
  const { platform } = (await readConfig(image, call)).value;
  const json = jsonObject({
    mediaType: value.mediaType,
    digest: descriptor.digest,
    size: { digits: String(descriptor.size) },
    platform: platformJson(platform),
  });
  return { json, descriptor, half: image.kind, platform, sourceDigest: sourceDigestOf(image) };
}

/** Refuses before any work a target whose images are others than those of the source. */
export function demandOriginals(there: There, images: readonly SourceImage[]): void {
  for (const image of images) originalIn(there, image);
}

/** `first` is what the tag held when the run began. The blobs of the images are in the target. */
export async function joinTarget(
  { target, options, uploads, beforeTag }: Run,
  images: readonly ConvertedImage[],
  found: SourceImages,
  first: There,
): Promise<TaggedRoot> {
  const { call } = uploads;
  const converted = images.map(({ source, nydus, oci }) => ({
    source,
    nydus: nydus.descriptor,
    oci: oci?.descriptor,
  }));
  const sources = images.map(({ source }) => source);
  for (const { nydus } of images) await target.push(nydus.descriptor, contentOf(nydus.bytes), call);
  await beforeTag?.(call);
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const there = await readThere(target, sources, call);
    // A target that was empty gets all that a merged index has.
    const added = first.root === undefined ? found : undefined;
    const { bytes, kept } = joinedIndex(there, converted, added, options.indexMarks);
    const root = storedDocument(MEDIA.ociIndex, bytes);
    for (const { source, oci } of images) {
      if (oci !== undefined && originalIn(there, source) === undefined)
        await target.push(oci.descriptor, contentOf(oci.bytes), call);
    }
    if (there.root?.digest === root.descriptor.digest)
      return { root, kept, unchanged: first.root?.digest === root.descriptor.digest };
    await carryOver(target, there, call);
    if (await setTag(target, root, there, call)) return { root, kept, unchanged: false };
    call.reporter?.emit({
      type: 'step',
      message: `${target.location} was changed by another client: joining again`,
    });
    // Clients that met once should not meet again at the same moment.
    await sleep(Math.random() * SETTLING.least * Math.min(round, 5), undefined, { signal: call.signal });
  }
  throw new RegistryError(`${target.location} was changed by other clients ${MAX_ROUNDS} times in a row`, {
    hint: 'run it again: the blobs are pushed already and will not be sent again',
  });
}

/** An archive is written whole, so that what it held has to be written again. */
async function carryOver(target: ImageTarget, there: There, call: CallOptions): Promise<void> {
  if (target.place.kind !== 'oci-archive') return;
  const copier = new Copier({ source: target, target }, { concurrency: 1 });
  for (const { descriptor } of there.entries) await copier.copy(descriptor, call);
}

/** False when another client has moved the tag before, or replaced it without what this run has added. */
async function setTag(
  target: ImageTarget,
  root: StoredDocument,
  there: There,
  call: CallOptions,
): Promise<boolean> {
  const started = performance.now();
  try {
    await target.tag(root.descriptor, root.bytes, { ...call, expected: there.root?.digest ?? 'absent' });
  } catch (error) {
    if (isMovedTag(error)) return false;
    throw error;
  }
  if (target.place.kind !== 'registry') return true;
  const { least, most, times } = SETTLING;
  const settling = Math.min(most, Math.max(least, (performance.now() - started) * times));
  await sleep(settling, undefined, { signal: call.signal });
  return (await target.resolve(call))?.digest === root.descriptor.digest;
}
