/** Whether an original can be had with all its layers, and if not, why. */
import type { Originals } from '../convert/originals.js';
import { NydusError } from '../errors.js';
import type { Image } from '../image/image.js';
import type { ReferenceTree } from '../image/reference-tree.js';
import type { ContentSource, ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ImageToReverse } from './images.js';
import { findOriginal, missingLayer, type Original, originalDigestOf } from './original.js';
import type { ReverseOptions } from './options.js';

export interface Found {
  readonly original: Original | undefined;
  /** Where it was found, or why it was not. */
  readonly why: string;
  /** The original is known, and is not all there. */
  readonly isLost?: boolean;
}

/** Where an original is looked for. */
export interface Places {
  readonly tree: ReferenceTree;
  readonly originals: Originals;
  /** Stores to dispose of when the run has ended. */
  readonly opened: ImageSource[];
  readonly options: ReverseOptions;
  /** May have layers, too; undefined when nothing is to be written. */
  readonly target: ContentSource | undefined;
  readonly call: CallOptions;
}

/** Finds the original with all its layers. */
export async function originalOf(
  { platform, nydus, beside }: ImageToReverse,
  { tree, originals, opened, options, target, call }: Places,
): Promise<Found> {
  let original: Original | undefined;
  if (beside !== undefined && !(beside instanceof NydusError)) {
    original = { image: beside, store: tree.store };
  } else if (nydus !== undefined) {
    original = await findOriginal(nydus, platform, originals, options, call);
    if (original !== undefined) opened.push(original.store);
  }
  if (original === undefined) return { original, why: absence(nydus, beside) };
  const missing = await missingLayer(original, target, call);
  const { location } = original.store;
  if (missing === undefined) return { original, why: location };
  return { original: undefined, why: `its layer ${missing.digest} is not in ${location}`, isLost: true };
}

function absence(nydus: Image | undefined, beside: ImageToReverse['beside']): string {
  if (beside instanceof NydusError) return beside.message;
  const digest = nydus === undefined ? undefined : originalDigestOf(nydus);
  return digest === undefined
    ? 'the image does not say what it was made from'
    : `manifest ${digest} is not there`;
}
