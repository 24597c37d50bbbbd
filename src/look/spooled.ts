/**
 * The filesystem of an ordinary image whose files are read more than once, or all of them: each layer is pulled a single time, and the
 * chunks of its files are kept, uncompressed, in files without a name, which the system removes with the process.
 */
import type { FileHandle } from 'node:fs/promises';
import { FormatError } from '../errors.js';
import type { Image } from '../image/image.js';
import { openFile, readRange } from '../io/file-range.js';
import { openScratch, type Scratch } from '../io/scratch.js';
import type { ByteStream } from '../io/streams.js';
import { withBudget } from '../native/budget.js';
import { type Digest, digestHex } from '../oci/digest.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { RawPath } from '../oci/raw-name.js';
import { DEFAULT_CHUNK_SIZE } from '../rafs-builder/layout/v6.js';
import {
  type BlobRecord,
  chunkBlob,
  chunkIndex,
  type ChunkRef,
  type ChunkTable,
  type TreeNode,
} from '../rafs-builder/model/tree.js';
import type { FetchOptions } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { inTurns } from '../turns.js';
import { type ChunkStore, type IndexedChunk, type Inflated, readChunks } from './chunks.js';
import type { ChunkedFilesystem, FileChunk, FileInode } from './filesystem.js';
import { type LayerSpool, scanLayers, treeOf } from './layered.js';
import { showPath } from './lookup.js';
import { mapRuns } from './runs.js';

/** A layer and what is kept of it. */
interface KeptLayer {
  /** The layer's digest, and the size of the file that holds its chunks. */
  readonly descriptor: Descriptor;
  readonly blob: BlobRecord;
  readonly chunks: ChunkTable;
}

/** Pulls all layers. Throws UnsupportedError for layers that are no tars, and the errors of the store. */
export async function openSpooled(
  image: Image,
  workDir: string,
  given: CallOptions,
): Promise<SpooledFilesystem> {
  const call = withBudget(given);
  await using scratch = await openScratch(workDir);
  const files = new SpoolFiles(scratch);
  try {
    const layers = await scanLayers(image, { chunkSize: DEFAULT_CHUNK_SIZE, spool: files }, call);
    const root = await inTurns(treeOf(layers), call.signal);
    const kept = layers.map(
      ({ number, descriptor, chunks }) => [number, keptLayer(descriptor, chunks)] as const,
    );
    return new SpooledFilesystem(image, root, new Map(kept), files);
  } catch (cause) {
    await files[Symbol.asyncDispose]();
    throw cause;
  }
}

/** The files of the layers: their names go when their scanners end, and the bytes when this is disposed of. */
class SpoolFiles implements LayerSpool, ChunkStore, AsyncDisposable {
  readonly #scratch: Scratch;
  readonly #files = new Map<Digest, FileHandle>();

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  path(layer: Digest): string {
    return this.#scratch.file(digestHex(layer));
  }

  async hold(layer: Digest): Promise<void> {
    this.#files.set(layer, await openFile(this.path(layer)));
  }

  fetch({ digest }: Descriptor, { range, signal }: FetchOptions = {}): ByteStream {
    const file = this.#files.get(digest);
    if (file === undefined) throw new FormatError(`layer ${digest} was not read`);
    return readRange(file, range, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files.values()) await file.close();
    this.#files.clear();
  }
}

function keptLayer({ mediaType, digest }: Descriptor, chunks: ChunkTable): KeptLayer {
  const last = chunks.length === 0 ? undefined : chunks.at(chunks.length - 1);
  const size = last === undefined ? 0 : last.compressedOffset + last.compressedSize;
  return { descriptor: { mediaType, digest, size }, blob: keptBlob(digest, chunks.length, size), chunks };
}

/** Chunks lie one behind the other, as in a blob that is not compressed. */
function keptBlob(layer: Digest, chunkCount: number, size: number): BlobRecord {
  return {
    id: digestHex(layer),
    chunkCount,
    chunkSize: DEFAULT_CHUNK_SIZE,
    compressor: 'none',
    digester: 'blake3',
    features: 0,
    compressedSize: size,
    uncompressedSize: size,
    metaCompressor: 'none',
    metaOffset: 0,
    metaCompressedSize: 0,
    metaUncompressedSize: 0,
  };
}

/** Usable until it is disposed of, which removes what is kept. */
export class SpooledFilesystem implements ChunkedFilesystem, AsyncDisposable {
  readonly kind = 'oci';
  readonly image: Image;
  readonly root: TreeNode;
  readonly chunkSize = DEFAULT_CHUNK_SIZE;
  readonly digester = 'blake3';
  readonly #layers: ReadonlyMap<number, KeptLayer>;
  readonly #files: SpoolFiles;

  constructor(image: Image, root: TreeNode, layers: ReadonlyMap<number, KeptLayer>, files: SpoolFiles) {
    this.image = image;
    this.root = root;
    this.#layers = layers;
    this.#files = files;
  }

  chunk(ref: ChunkRef): FileChunk {
    return { record: this.#layerOf(ref).chunks.at(chunkIndex(ref)), layer: undefined };
  }

  chunkKey(ref: ChunkRef): string {
    return `${this.#layerOf(ref).descriptor.digest} ${chunkIndex(ref)}`;
  }

  open(file: FileInode, path: RawPath, call: CallOptions): ByteStream {
    return this.openAll([{ file, path }], call);
  }

  async *openAll(
    files: readonly { readonly file: FileInode; readonly path: RawPath }[],
    call: CallOptions,
  ): ByteStream {
    yield* this.read(
      files.flatMap(({ file, path }) => this.locate(file, path)),
      call,
    );
  }

  read(chunks: readonly IndexedChunk[], call: CallOptions, inflated?: Inflated): AsyncGenerator<Buffer> {
    return readChunks(this.#files, chunks, call, inflated);
  }

  locate(file: FileInode, path: RawPath): readonly IndexedChunk[] {
    const located = mapRuns(file.chunks, (ref): IndexedChunk => {
      const { chunks, blob, descriptor: layer } = this.#layerOf(ref);
      return { record: chunks.at(chunkIndex(ref)), blob, layer, index: chunkIndex(ref) };
    });
    const sum = located.reduce((total, { record }) => total + record.uncompressedSize, 0);
    if (sum !== file.size)
      throw new FormatError(`${showPath(path)} has ${file.size} bytes, and its chunks have ${sum}`);
    return located;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files[Symbol.asyncDispose]();
  }

  #layerOf(ref: ChunkRef): KeptLayer {
    const layer = this.#layers.get(chunkBlob(ref));
    if (layer === undefined) throw new FormatError(`layer ${chunkBlob(ref)} was not read`);
    return layer;
  }
}
