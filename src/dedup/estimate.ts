/**
 * Says what images share: the bytes that a registry stores for them, the bytes that any two have in common, what other chunk sizes and a
 * dictionary would change, and what a node downloads that has one of them and gets another.
 *
 * Of Nydus images only the bootstraps are read. Ordinary images are streamed through the packer once for each chunk size.
 */
import type { ConvertOptions } from '../convert/options.js';
import { convertOnPaper } from '../convert/paper.js';
import { chooseImage } from '../image/choose.js';
import { imageEntries } from '../image/choose.js';
import { dataLayersOf } from '../image/kinds.js';
import { readReference, type ReferenceTree } from '../image/reference-tree.js';
import { digestHex } from '../oci/digest.js';
import type { Platform } from '../oci/descriptor.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { CHUNK_OVERHEAD, type ChoiceOptions, chooseChunks, savedBytes } from './choose.js';
import { ChunkSpace } from './chunk-space.js';
import { openNydusImage, type Profile, profileOf } from './profile.js';

export interface EstimateOptions
  extends ChoiceOptions, Pick<ConvertOptions, 'threads' | 'concurrency' | 'workDir' | 'allowedHosts'> {
  readonly platform: Platform;
  /** For ordinary images; the first one is that of all figures but the comparison of chunk sizes. */
  readonly chunkSizes: readonly number[];
  /** The dictionary is made of this many images, the first ones. */
  readonly dictionaryFrom: number;
}

export interface EstimatedImage {
  readonly image: string;
  readonly kind: 'nydus' | 'oci';
  /** Bytes of the layers as they are in the registry. */
  readonly layerBytes: number;
  /** Bytes of blobs and bootstrap without a dictionary. */
  readonly nydusBytes: number;
  /** Of the blobs' bytes those that the dictionary saves; undefined for an image that the dictionary is made of. */
  readonly dictionarySaves: number | undefined;
}

/** The bytes in the registry when images are pushed one after the other, with this one as the last. */
export interface StoredSoFar {
  readonly layers: number;
  readonly nydus: number;
  /** With the dictionary, which is pushed before the first image that uses it. */
  readonly withDictionary: number;
}

/** The figures of one chunk size. */
export interface ChunkSizeRow {
  readonly chunkSize: number;
  readonly chunks: number;
  /** Bytes of blobs, each once. */
  readonly blobBytes: number;
  /** Bytes of bootstrap layers. */
  readonly bootstrapBytes: number;
  /** Stored bytes of chunks, each once over all images. */
  readonly uniqueBytes: number;
}

export interface DedupEstimate {
  readonly images: readonly EstimatedImage[];
  readonly stored: readonly StoredSoFar[];
  /** Stored bytes of the chunks that two images have in common, by row and column; on the diagonal those of the image. */
  readonly shared: readonly (readonly number[])[];
  readonly chunkSizes: readonly ChunkSizeRow[];
  readonly dictionary: {
    readonly images: number;
    readonly chunks: number;
    readonly bytes: number;
    /** Of the other images. */
    readonly storedWithout: number;
    readonly storedWith: number;
  };
  /** What a node downloads, in all, that has the row's image and gets the column's. */
  readonly upgrades: readonly {
    readonly from: string;
    readonly to: string;
    readonly layers: number;
    readonly nydus: number;
    readonly withDictionary: number;
  }[];
}

interface Layer {
  readonly id: string;
  readonly size: number;
}

interface Opened {
  readonly name: string;
  readonly kind: 'nydus' | 'oci';
  readonly layers: readonly Layer[];
  /** By chunk size; a Nydus image has the one that it was made with. */
  readonly profiles: readonly Sized[];
}

interface Sized {
  readonly profile: Profile;
  readonly chunkSize: number;
}

export async function estimateDedup(
  stores: readonly ImageSource[],
  options: EstimateOptions,
  call: CallOptions = {},
): Promise<DedupEstimate> {
  const space = new ChunkSpace();
  const opened: Opened[] = [];
  for (const store of stores) opened.push(await openImage(store, options, space, call));
  const profiles = opened.map(({ profiles: [first] }) => first?.profile ?? EMPTY);
  const training = profiles.slice(0, options.dictionaryFrom);
  const known = chooseChunks(training, space, options);
  const dictionaryBytes = sum(known, (chunk) => space.stored(chunk) + CHUNK_OVERHEAD);
  const isTrained = (position: number): boolean => position < training.length;
  const saves = profiles.map((profile, n) => (isTrained(n) ? 0 : savedBytes(profile, known, space)));
  const own = profiles.map((profile) => new Set(profile.blobs.flatMap(({ chunks }) => chunks)));
  const others = profiles.slice(training.length);
  const storedWithout = bytesOfAll(others);
  return {
    images: opened.map(({ name, kind, layers }, n) => ({
      image: name,
      kind,
      layerBytes: sum(layers, ({ size }) => size),
      nydusBytes: bytesOfAll([profiles[n] ?? EMPTY]),
      dictionarySaves: isTrained(n) ? undefined : saves[n],
    })),
    stored: storedSoFar(opened, profiles, training.length, known, space, dictionaryBytes),
    shared: own.map((left) => own.map((right) => sharedBytes(left, right, space))),
    chunkSizes: rowsOf(opened, space),
    dictionary: {
      images: training.length,
      chunks: known.size,
      bytes: dictionaryBytes,
      storedWithout,
      storedWith: storedWithout - blobsSaved(others, known, space),
    },
    upgrades: opened.flatMap((from, a) =>
      opened.flatMap((to, b) => {
        if (a === b) return [];
        const before = profiles[a] ?? EMPTY;
        const after = profiles[b] ?? EMPTY;
        const held = new Set(before.blobs.map(({ id }) => id));
        const fresh = { ...after, blobs: after.blobs.filter(({ id }) => !held.has(id)) };
        const nydus = bytesOfAll([fresh]);
        return [
          {
            from: from.name,
            to: to.name,
            layers: missing(from.layers, to.layers),
            nydus,
            withDictionary: withDictionary(before, fresh, known, space),
          },
        ];
      }),
    ),
  };
}

const EMPTY: Profile = { blobs: [], bootstrapBytes: 0 };

async function openImage(
  store: ImageSource,
  options: EstimateOptions,
  space: ChunkSpace,
  call: CallOptions,
): Promise<Opened> {
  const tree = await readReference(store, call);
  const half = hasNydus(tree) ? undefined : 'oci';
  const image = await chooseImage(tree, { preferred: options.platform, half }, call);
  const layers = dataLayersOf(image.manifest.value).map(({ digest, size }) => ({
    id: digestHex(digest),
    size,
  }));
  const read = async (from: ImageSource): Promise<Sized> => {
    const nydus = await openNydusImage(from, { preferred: options.platform }, call);
    return { profile: profileOf(nydus, space), chunkSize: nydus.rafs.bootstrap.chunkSize };
  };
  if (image.kind === 'nydus')
    return { name: store.location, kind: 'nydus', layers, profiles: [await read(store)] };
  const { threads, concurrency, workDir, allowedHosts } = options;
  const profiles: Sized[] = [];
  for (const chunkSize of options.chunkSizes) {
    const how = {
      chunkSize,
      threads,
      concurrency,
      workDir,
      allowedHosts,
      platforms: { kind: 'list', platforms: [options.platform] },
    } as const;
    profiles.push(await read((await convertOnPaper(store, how, call)).image));
  }
  return { name: store.location, kind: 'oci', layers, profiles };
}

/** True if an entry says that it is a Nydus image; of an image alone only the manifest says it. */
function hasNydus(tree: ReferenceTree): boolean {
  const entries = imageEntries(tree);
  return tree.index === undefined || entries.some(({ marked, kind }) => marked || kind === 'nydus');
}

/** Bytes of bootstraps and of blobs, each blob once. */
function bytesOfAll(profiles: readonly Profile[]): number {
  return (
    sum(uniqueBlobs(profiles), ({ size }) => size) + sum(profiles, ({ bootstrapBytes }) => bootstrapBytes)
  );
}

function uniqueBlobs(profiles: readonly Profile[]): readonly Profile['blobs'][number][] {
  return [...new Map(profiles.flatMap(({ blobs }) => blobs).map((blob) => [blob.id, blob])).values()];
}

function blobsSaved(profiles: readonly Profile[], known: ReadonlySet<number>, space: ChunkSpace): number {
  return savedBytes({ blobs: uniqueBlobs(profiles), bootstrapBytes: 0 }, known, space);
}

function storedSoFar(
  opened: readonly Opened[],
  profiles: readonly Profile[],
  trained: number,
  known: ReadonlySet<number>,
  space: ChunkSpace,
  dictionaryBytes: number,
): readonly StoredSoFar[] {
  return profiles.map((_, n) => {
    const until = profiles.slice(0, n + 1);
    const layers = new Map(
      opened.slice(0, n + 1).flatMap((image) => image.layers.map((layer) => [layer.id, layer.size])),
    );
    const nydus = bytesOfAll(until);
    // Blobs that an image before the dictionary has pushed are found again, so only new ones save.
    const older = new Set(uniqueBlobs(until.slice(0, trained)).map(({ id }) => id));
    const later = uniqueBlobs(until.slice(trained)).filter(({ id }) => !older.has(id));
    const saved = savedBytes({ blobs: later, bootstrapBytes: 0 }, known, space);
    return {
      layers: sum(layers.values(), (size) => size),
      nydus,
      withDictionary: nydus - saved + (n >= trained ? dictionaryBytes : 0),
    };
  });
}

function sharedBytes(left: ReadonlySet<number>, right: ReadonlySet<number>, space: ChunkSpace): number {
  const [few, many] = left.size <= right.size ? [left, right] : [right, left];
  return sum(few, (chunk) => (many.has(chunk) ? space.stored(chunk) : 0));
}

function rowsOf(opened: readonly Opened[], space: ChunkSpace): readonly ChunkSizeRow[] {
  const all = opened.flatMap(({ profiles }) => profiles);
  const sizes = [...new Set(all.map(({ chunkSize }) => chunkSize))].sort((a, b) => a - b);
  return sizes.map((chunkSize) => {
    const profiles = all.filter((one) => one.chunkSize === chunkSize).map(({ profile }) => profile);
    const blobs = uniqueBlobs(profiles);
    const chunks = new Set(blobs.flatMap((blob) => blob.chunks));
    return {
      chunkSize,
      chunks: chunks.size,
      blobBytes: sum(blobs, ({ size }) => size),
      bootstrapBytes: sum(profiles, ({ bootstrapBytes }) => bootstrapBytes),
      uniqueBytes: sum(chunks, (chunk) => space.stored(chunk)),
    };
  });
}

/** Bytes of the layers that the first image lacks. */
function missing(held: readonly Layer[], wanted: readonly Layer[]): number {
  const ids = new Set(held.map(({ id }) => id));
  const lacking = new Map(wanted.filter(({ id }) => !ids.has(id)).map(({ id, size }) => [id, size]));
  return sum(lacking.values(), (size) => size);
}

/** Both images use the dictionary: its chunks that the first one uses are on the node, the others are downloaded. */
function withDictionary(
  before: Profile,
  fresh: Profile,
  known: ReadonlySet<number>,
  space: ChunkSpace,
): number {
  const held = new Set(before.blobs.flatMap(({ chunks }) => chunks));
  const needed = new Set(fresh.blobs.flatMap(({ chunks }) => chunks));
  const fetched = sum(needed, (chunk) => (known.has(chunk) && !held.has(chunk) ? space.stored(chunk) : 0));
  return bytesOfAll([fresh]) - savedBytes(fresh, known, space) + fetched;
}

function sum<T>(items: Iterable<T>, value: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += value(item);
  return total;
}
