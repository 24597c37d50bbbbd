/**
 * The filesystem of an ordinary image, made by overlaying its layers. A layer is a compressed tar without an index of
 * its files, so its layers are pulled, from the top down and no further than the question needs.
 */
import { UnsupportedError, FormatError } from '../errors.js';
import type { Image } from '../image/image.js';
import { isContainerImage, notAnImage } from '../image/kinds.js';
import { chargeRepetition } from '../image/repeated-layers.js';
import { DEFAULT_CONCURRENCY, mapOrdered } from '../io/concurrency.js';
import { counted, type ByteStream } from '../io/streams.js';
import { layerTreeSteps, type LayerTree } from '../merge/layer-tree.js';
import { overlaySteps } from '../merge/overlay.js';
import { openImageScanner } from '../native/scanner.js';
import type { Budget } from '../limits.js';
import { withBudget } from '../native/budget.js';
import { untilAborted } from '../native/until-aborted.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import type { RawPath } from '../oci/raw-name.js';
import {
  chunkBlob,
  chunkIndex,
  type ChunkRef,
  type ChunkTable,
  type LayerEntry,
  type TreeNode,
} from '../rafs-builder/model/tree.js';
import { DEFAULT_CHUNK_SIZE } from '../rafs-builder/layout/v6.js';
import { reportRead, type CallOptions } from '../reporter.js';
import type { FileChunk, FileInode, Filesystem } from './filesystem.js';
import { inTurns, type Steps } from '../turns.js';
import { mapRuns } from './runs.js';
import { readTarMember } from './tar-member.js';
import { showPath } from './lookup.js';
import { PathDecision } from './path-decision.js';

export interface LayeredOptions {
  /** If set, the layers below the one that decides about this path are not pulled. */
  readonly path?: RawPath | undefined;
  readonly follow?: boolean | undefined;
  /**
   * Cuts files by this many bytes, so that their digests compare with those of another image. The usual chunk size by
   * default.
   */
  readonly chunkSize?: number | undefined;
}

export interface ScannedLayer {
  /** The lowest layer is 0. */
  readonly number: number;
  readonly descriptor: Descriptor;
  readonly tree: LayerTree;
  readonly entries: readonly LayerEntry[];
  readonly chunks: ChunkTable;
}

/** Throws UnsupportedError for layers that are no tars, and the errors of the store. */
export async function openLayered(
  image: Image,
  options: LayeredOptions,
  given: CallOptions,
): Promise<LayeredFilesystem> {
  refuseArtifacts(image);
  const call = withBudget(given);
  const chunkSize = options.chunkSize ?? DEFAULT_CHUNK_SIZE;
  const { path } = options;
  if (path === undefined) {
    const layers = await scanLayers(image, { chunkSize }, call);
    return new LayeredFilesystem(image, layers, {
      chunkSize,
      root: await inTurns(treeOf(layers), call.signal),
    });
  }
  const layers: ScannedLayer[] = [];
  const scans = scansOf(image, { chunkSize }, call);
  const decision = new PathDecision(path, { follow: options.follow ?? true });
  for (const numberedLayer of topDown(image)) {
    const layer = await scans.of(numberedLayer);
    layers.push(layer);
    if (
      await inTurns(
        decision.add(layer.tree, () => treeOf(layers)),
        call.signal,
      )
    )
      break;
  }
  return new LayeredFilesystem(image, layers, {
    chunkSize,
    root: await inTurns(treeOf(layers), call.signal),
  });
}

/** Keeps the uncompressed chunks of layers. */
export interface LayerSpool {
  /** The path of a layer's file, which the scanner makes, and removes with itself. */
  path(layer: Digest): string;
  /** Takes hold of the file before it is removed. */
  hold(layer: Digest): Promise<void>;
}

export interface ScanOptions {
  readonly chunkSize: number;
  /** Without it the chunks of layers are not kept. */
  readonly spool?: LayerSpool | undefined;
}

type Scanning = CallOptions & { readonly budget: Budget };

/** Scans all layers of an ordinary image; the top one comes first. */
export async function scanLayers(
  image: Image,
  options: ScanOptions,
  call: Scanning,
): Promise<readonly ScannedLayer[]> {
  refuseArtifacts(image);
  const scans = scansOf(image, options, call);
  return mapOrdered(
    topDown(image),
    DEFAULT_CONCURRENCY,
    (layer, _, signal) => scans.of(layer, signal),
    call.signal,
  );
}

function topDown({ manifest }: Image): [number, Descriptor][] {
  return [...manifest.value.layers.entries()].reverse();
}

function scansOf(image: Image, options: ScanOptions, call: Scanning): RepeatedScans {
  const scan = ([number, descriptor]: [number, Descriptor], signal?: AbortSignal): Promise<ScannedLayer> =>
    scanLayer(image, { number, descriptor, ...options }, { ...call, signal: signal ?? call.signal });
  return new RepeatedScans(scan, call.budget);
}

function refuseArtifacts({ manifest }: Image): void {
  const { config, layers } = manifest.value;
  if (!isContainerImage(manifest.value) || config.mediaType === MEDIA.nydusConfig) {
    throw new UnsupportedError(notAnImage(manifest.value));
  }
  for (const { mediaType } of layers) {
    if (/encrypted$/.test(mediaType)) throw new UnsupportedError(`a layer is encrypted (${mediaType})`);
  }
}

async function scanLayer(
  image: Image,
  {
    number,
    descriptor,
    chunkSize,
    spool,
  }: ScanOptions & { readonly number: number; readonly descriptor: Descriptor },
  call: CallOptions,
): Promise<ScannedLayer> {
  const keep = spool !== undefined;
  // Layers are read from the top, so no layer may refer to chunks of a lower one.
  using scanner = openImageScanner({ chunkSize, dedup: 'layer', threads: 1, keep, budget: call.budget });
  const layer = scanner.openLayer(number, spool?.path(descriptor.digest));
  const scanned = await untilAborted(layer, call.signal, async () => {
    const read = (done: number): void => {
      reportRead(call, descriptor, done);
    };
    for await (const bytes of counted(image.store.fetch(descriptor, call), read)) await layer.write(bytes);
    return layer.finish();
  });
  await spool?.hold(descriptor.digest);
  const entries = await scanned.entries();
  const tree = await inTurns(layerTreeSteps(entries, number), call.signal);
  return { number, descriptor, tree, entries, chunks: scanned.chunks };
}

type Scan = (layer: [number, Descriptor], signal?: AbortSignal) => Promise<ScannedLayer>;

/** Scans a layer once, however often the image lists it. */
class RepeatedScans {
  readonly #scan: Scan;
  readonly #known = new Map<Digest, Promise<ScannedLayer>>();
  readonly #budget: Budget;

  constructor(scan: Scan, budget: Budget) {
    this.#scan = scan;
    this.#budget = budget;
  }

  async of([number, descriptor]: [number, Descriptor], signal?: AbortSignal): Promise<ScannedLayer> {
    const known = this.#known.get(descriptor.digest);
    if (known === undefined) {
      const scanned = this.#scan([number, descriptor], signal);
      this.#known.set(descriptor.digest, scanned);
      return scanned;
    }
    const { tree, entries, chunks } = await known;
    chargeRepetition(this.#budget, entries.length + tree.implied);
    return {
      number,
      descriptor,
      tree: await inTurns(layerTreeSteps(entries, number), signal),
      entries,
      chunks,
    };
  }
}

/** The tree that a container sees. */
export function treeOf(layers: readonly ScannedLayer[]): Steps<TreeNode> {
  const lowestFirst = [...layers].sort((a, b) => a.number - b.number);
  return overlaySteps(lowestFirst.map(({ tree }) => tree));
}

export class LayeredFilesystem implements Filesystem {
  readonly kind = 'oci';
  readonly image: Image;
  readonly root: TreeNode;
  readonly chunkSize: number;
  readonly digester = 'blake3';
  readonly #layers: ReadonlyMap<number, ScannedLayer>;

  constructor(
    image: Image,
    layers: readonly ScannedLayer[],
    { chunkSize, root }: { readonly chunkSize: number; readonly root: TreeNode },
  ) {
    this.image = image;
    this.chunkSize = chunkSize;
    this.root = root;
    this.#layers = new Map(layers.map((layer) => [layer.number, layer]));
  }

  chunk(ref: ChunkRef): FileChunk {
    return { record: this.#layerOf(chunkBlob(ref)).chunks.at(chunkIndex(ref)), layer: undefined };
  }

  chunkKey(ref: ChunkRef): string {
    return `${this.#layerOf(chunkBlob(ref)).descriptor.digest} ${chunkIndex(ref)}`;
  }

  async *open(file: FileInode, path: RawPath, call: CallOptions): ByteStream {
    if (file.size === 0) return;
    const { descriptor, entries, chunks } = this.#layerOf(file.layer);
    const entry = entries.find(({ body }) => body === file);
    if (entry === undefined)
      throw new FormatError(`${showPath(path)} has no entry in layer ${descriptor.digest}`);
    const member = { offset: entry.offset, size: file.size, chunkSize: this.chunkSize };
    const records = mapRuns(file.chunks, (ref) => chunks.at(chunkIndex(ref)));
    yield* readTarMember({ store: this.image.store, layer: descriptor, path, member, records }, call);
  }

  #layerOf(number: number): ScannedLayer {
    const layer = this.#layers.get(number);
    if (layer === undefined) throw new FormatError(`layer ${number} was not read`);
    return layer;
  }
}
