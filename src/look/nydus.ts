/**
 * The filesystem of a Nydus image. Its bootstrap is fetched and read at once, and file contents by range when a caller
 * asks for them.
 */
import { FormatError, UnsupportedError } from '../errors.js';
import { fetchBootstrap } from '../image/bootstrap-layer.js';
import type { Image } from '../image/image.js';
import { withDataBlobs } from '../image/stored-blobs.js';
import type { ByteStream } from '../io/streams.js';
import { digestFromHex, digestHex } from '../oci/digest.js';
import type { Descriptor } from '../oci/descriptor.js';
import { MEDIA } from '../oci/media-types.js';
import { displayName, type RawPath } from '../oci/raw-name.js';
import { openBootstrapInTurns } from '../native/judge.js';
import {
  type BlobRecord,
  chunkBlob,
  chunkIndex,
  type ChunkRecord,
  type ChunkRef,
  type DigesterName,
  rafsBlobOf,
  type TreeNode,
} from '../rafs-builder/model/tree.js';
import { blobFeatures } from '../rafs-builder/layout/v6.js';
import type { SparseBootstrap } from '../rafs-builder/model/sparse.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { withBatches } from './batches.js';
import { LayerContexts } from './contexts.js';
import { mapRuns } from './runs.js';
import { type IndexedChunk, type Inflated, type LocatedChunk, readChunks } from './chunks.js';
import type { ChunkedFilesystem, FileChunk, FileInode } from './filesystem.js';

export async function openNydus(image: Image, call: CallOptions): Promise<NydusFilesystem> {
  const { bytes } = await fetchBootstrap(image, call);
  const { bootstrap } = await openBootstrapInTurns(bytes, call.signal);
  const ids = bootstrap.blobs.map(({ record }) => record.id);
  const whole = await withDataBlobs(image, ids, call);
  return new NydusFilesystem(await withBatches(bootstrap, whole, call), whole);
}

export class NydusFilesystem implements ChunkedFilesystem, AsyncDisposable {
  readonly kind = 'nydus';
  readonly image: Image | undefined;
  readonly bootstrap: SparseBootstrap;
  readonly #layers: ReadonlyMap<string, Descriptor>;
  readonly #contexts = new Map<BlobRecord, Promise<LayerContexts>>();

  /** Without an image only metadata can be read. */
  constructor(bootstrap: SparseBootstrap, image: Image | undefined) {
    this.bootstrap = bootstrap;
    this.image = image;
    const layers = image?.manifest.value.layers ?? [];
    this.#layers = new Map(layers.map((layer) => [digestHex(layer.digest), layer]));
  }

  get root(): TreeNode {
    return this.bootstrap.root;
  }
  get chunkSize(): number {
    return this.bootstrap.chunkSize;
  }
  get digester(): DigesterName {
    return this.bootstrap.digester;
  }

  chunk(ref: ChunkRef): FileChunk {
    return { record: this.#record(ref), layer: this.#holder(this.#blob(ref)) };
  }

  chunkKey(ref: ChunkRef): string {
    return `${this.#blob(ref).id} ${chunkIndex(ref)}`;
  }

  open(file: FileInode, path: RawPath, call: CallOptions): ByteStream {
    return this.openAll([{ file, path }], call);
  }

  async *openAll(
    files: readonly { readonly file: FileInode; readonly path: RawPath }[],
    call: CallOptions,
  ): ByteStream {
    this.#demandStore();
    const chunks = files.flatMap(({ file, path }) => this.locate(file, path));
    yield* this.read(chunks, call);
  }

  async *read(
    chunks: readonly IndexedChunk[],
    call: CallOptions,
    inflated?: Inflated,
  ): AsyncGenerator<Buffer> {
    const store = this.#demandStore();
    yield* readChunks(store, await this.#inContexts(chunks, call), call, inflated);
  }

  /** Nothing of it lies on the disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    // The store that it reads from is its caller's.
  }

  locate(file: FileInode, path: RawPath): readonly IndexedChunk[] {
    const chunks = mapRuns(file.chunks, (ref): IndexedChunk => {
      const blob = this.#blob(ref);
      const layer = this.#holder(blob);
      if (layer === undefined)
        throw new FormatError(`/${displayName(path)} needs blob ${blob.id}, which is not in the manifest`);
      return { record: this.#record(ref), blob, layer, index: chunkIndex(ref) };
    });
    const sum = chunks.reduce((total, { record }) => total + record.uncompressedSize, 0);
    if (sum !== file.size)
      throw new FormatError(`/${displayName(path)} has ${file.size} bytes, and its chunks have ${sum}`);
    return chunks;
  }

  #demandStore(): ContentSource {
    if (this.image !== undefined) return this.image.store;
    throw new UnsupportedError('a bootstrap alone holds no file contents', {
      hint: 'name the image instead: its blobs are read by range',
    });
  }

  /** The file that holds the chunks of a blob: the blob itself, or an original layer, which the manifest does not list. */
  #holder(blob: BlobRecord): Descriptor | undefined {
    if (!blobFeatures.has(blob.features, 'SEPARATE')) return this.#layers.get(blob.id);
    return { mediaType: MEDIA.ociLayerGzip, digest: digestFromHex(blob.id), size: blob.compressedSize };
  }

  /** Adds the contexts of chunks that stay in gzip layers. */
  async #inContexts(chunks: readonly IndexedChunk[], call: CallOptions): Promise<readonly LocatedChunk[]> {
    const isReferred = ({ features }: BlobRecord): boolean => blobFeatures.has(features, 'ZRAN');
    const blobs = new Set(chunks.map(({ blob }) => blob).filter(isReferred));
    if (blobs.size === 0) return chunks;
    const tables = new Map<BlobRecord, LayerContexts>();
    for (const blob of blobs) tables.set(blob, await this.#contextsOf(blob, call));
    return chunks.map((chunk) => {
      const context = tables.get(chunk.blob)?.at(chunk.index, chunk.record.uncompressedSize);
      return { ...chunk, context };
    });
  }

  /** Fetches the contexts of a blob once; a failure is not remembered. */
  async #contextsOf(blob: BlobRecord, call: CallOptions): Promise<LayerContexts> {
    const id = rafsBlobOf(blob);
    const layer = this.#layers.get(id);
    if (this.image === undefined || layer === undefined)
      throw new FormatError(`the blob ${id}, which leads to layer ${blob.id}, is not in the manifest`);
    const known = this.#contexts.get(blob) ?? LayerContexts.fetch(this.image, layer, blob, call);
    this.#contexts.set(blob, known);
    try {
      return await known;
    } catch (cause) {
      this.#contexts.delete(blob);
      throw cause;
    }
  }

  #blob(ref: ChunkRef): BlobRecord {
    const blob = this.bootstrap.blobs[chunkBlob(ref)];
    if (blob === undefined) throw new FormatError(`there is no blob ${chunkBlob(ref)} in the blob table`);
    return blob.record;
  }

  #record(ref: ChunkRef): ChunkRecord {
    const blob = this.bootstrap.blobs[chunkBlob(ref)];
    if (blob === undefined) throw new FormatError(`there is no blob ${chunkBlob(ref)} in the blob table`);
    return blob.chunks.at(chunkIndex(ref));
  }
}
