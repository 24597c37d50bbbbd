/**
 * The table of RAFS versions, and the only module that compares versions. Other modules use the row of a bootstrap
 * (`versionOf`, `versionNamed`) or the view of an image that was read (`viewOf`).
 */
import type { ReadRange } from './blob/end.js';
import { type BlobFrame, readBlobFrame } from './blob/frame.js';
import { readBlobFrameV5 } from './blob/frame-v5.js';
import { atOnce, type Steps } from '../turns.js';
import { readV5Steps, type V5Image } from './read/v5/read.js';
import { isV5 } from './read/v5/tables.js';
import { readV6, type V6Image } from './read/v6/read.js';
import { dumpV5 } from './show/dump-v5.js';
import { dumpV6 } from './show/dump-v6.js';
import { factsOfV5, factsOfV6, type ImageFacts } from './show/facts.js';
import { locateV5 } from './show/locate-v5.js';
import { fixedRegions, locateV6 } from './show/locate-v6.js';
import type { Region } from './show/regions.js';

export type RafsImage = V5Image | V6Image;

/** The facts about a version that need no image. */
export interface RafsVersion {
  readonly number: RafsImage['version'];
  /**
   * True: blobs hold their chunk records and end with a table of contents, and images have a `.blob.meta` file for
   * each. False: a blob is data and bootstrap, and only bootstraps know its chunks.
   */
  readonly blobsHaveToc: boolean;
  /** Divides a blob of `size` bytes into sections. Throws FormatError. */
  readFrame(size: number, read: ReadRange): Promise<BlobFrame>;
  /**
   * Yields the places of the tables according to the super block; none if they cannot be found without reading the
   * image.
   */
  tableRegions(bytes: Buffer): Iterable<Region>;
}

interface Row<I extends RafsImage> extends RafsVersion {
  read(bytes: Uint8Array): Steps<I>;
  /** Yields every byte that has a meaning, in no particular order. */
  regions(image: I): Iterable<Region>;
  dump(image: I): Generator<string>;
  facts(image: I): ImageFacts;
}

const V5: Row<V5Image> = {
  number: 5,
  blobsHaveToc: false,
  readFrame: readBlobFrameV5,
  tableRegions: () => [],
  read: readV5Steps,
  regions: locateV5,
  dump: dumpV5,
  facts: factsOfV5,
};

const V6: Row<V6Image> = {
  number: 6,
  blobsHaveToc: true,
  readFrame: readBlobFrame,
  tableRegions: fixedRegions,
  *read(bytes) {
    return readV6(bytes);
  },
  regions: locateV6,
  dump: dumpV6,
  facts: factsOfV6,
};

/** Names of the versions in annotations. */
export const VERSION_NAMES: readonly string[] = [V5, V6].map(({ number }) => String(number));

function rowOf(bytes: Uint8Array): typeof V5 | typeof V6 {
  return isV5(bytes) ? V5 : V6;
}

/** Returns the row of the version that a bootstrap's first bytes indicate; that of v6 if they indicate none. */
export function versionOf(bytes: Uint8Array): RafsVersion {
  return rowOf(bytes);
}

/** Returns the row of a version. */
export function versionNamed(number: RafsImage['version']): RafsVersion {
  return number === V5.number ? V5 : V6;
}

/**
 * Reads a bootstrap of the version that its first bytes name, after the judge has accepted it. For any other bytes this
 * reader only guarantees that it and the use of the result end; both may throw FormatError, with the offset.
 */
export function readBootstrap(bytes: Uint8Array): RafsImage {
  return atOnce<RafsImage>(rowOf(bytes).read(bytes));
}

/** `readBootstrap` in steps, with the tree. */
export function* readBootstrapSteps(bytes: Uint8Array): Steps<RafsImage> {
  const image: RafsImage = yield* rowOf(bytes).read(bytes);
  yield* image.readTree();
  return image;
}

/** An image of any version, for showing it. */
export interface ImageView {
  /** Yields every byte that has a meaning, in no particular order. */
  regions(): Iterable<Region>;
  dump(): Generator<string>;
  facts(): ImageFacts;
}

export function viewOf(image: RafsImage): ImageView {
  return image.version === 5 ? view(V5, image) : view(V6, image);
}

function view<I extends RafsImage>(row: Row<I>, image: I): ImageView {
  return {
    regions: () => row.regions(image),
    dump: () => row.dump(image),
    facts: () => row.facts(image),
  };
}
