/**
 * The filesystem of a Nydus image. Its bootstrap is fetched and read at once, and file contents by range when a caller
 * asks for them.
 */
import { FormatError, UnsupportedError } from '../errors.js';
import { fetchBootstrap } from '../image/bootstrap-layer.js';
import type { Image } from '../image/image.js';
import type { ByteStream } from '../io/streams.js';
import { digestHex } from '../oci/digest.js';
import type { Descriptor } from '../oci/descriptor.js';
import { displayName, type RawPath } from '../oci/raw-name.js';
import { openBootstrapInTurns } from '../native/judge.js';
import {
  type BlobRecord,
  chunkBlob,
  chunkIndex,
  type ChunkRecord,
  type ChunkRef,
  type DigesterName,
  type TreeNode,
} from '../rafs-builder/model/tree.js';
import type { SparseBootstrap } from '../rafs-builder/model/sparse.js';
import type { CallOptions } from '../reporter.js';
import { withBatches } from './batches.js';
import { mapRuns } from './runs.js';
import { readChunks, type LocatedChunk } from './chunks.js';
import type { FileChunk, FileInode, Filesystem } from './filesystem.js';

export async function openNydus(image: Image, call: CallOptions): Promise<NydusFilesystem> {
  const { bytes } = await fetchBootstrap(image, call);
  const { bootstrap } = await openBootstrapInTurns(bytes, call.signal);
  return new NydusFilesystem(await withBatches(bootstrap, image, call), image);
}

export class NydusFilesystem implements Filesystem {
  readonly kind = 'nydus';
  readonly image: Image | undefined;
  readonly bootstrap: SparseBootstrap;
  readonly #layers: ReadonlyMap<string, Descriptor>;

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
    return { record: this.#record(ref), layer: this.#layers.get(this.#blob(ref).id) };
  }

  chunkKey(ref: ChunkRef): string {
    return `${this.#blob(ref).id} ${chunkIndex(ref)}`;
  }

  open(file: FileInode, path: RawPath, call: CallOptions): ByteStream {
    return this.openAll([{ file, path }], call);
  }

  /** Streams the bytes of several files one after the other; chunks that lie together share a request. */
  async *openAll(
    files: readonly { readonly file: FileInode; readonly path: RawPath }[],
    call: CallOptions,
  ): ByteStream {
    const store = this.image?.store;
    if (store === undefined)
      throw new UnsupportedError('a bootstrap alone holds no file contents', {
        hint: 'name the image instead: its blobs are read by range',
      });
    const chunks = files.flatMap(({ file, path }) => this.locate(file, path));
    yield* readChunks(store, chunks, call);
  }

  /** The chunks of a file, in order. Throws FormatError when they are not there, or are not its bytes. */
  locate(file: FileInode, path: RawPath): readonly LocatedChunk[] {
    const chunks = mapRuns(file.chunks, (ref): LocatedChunk => {
      const blob = this.#blob(ref);
      const layer = this.#layers.get(blob.id);
      if (layer === undefined)
        throw new FormatError(`/${displayName(path)} needs blob ${blob.id}, which is not in the manifest`);
      return { record: this.#record(ref), blob, layer };
    });
    const sum = chunks.reduce((total, { record }) => total + record.uncompressedSize, 0);
    if (sum !== file.size)
      throw new FormatError(`/${displayName(path)} has ${file.size} bytes, and its chunks have ${sum}`);
    return chunks;
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
