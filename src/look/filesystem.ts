/** The filesystem of an image, Nydus or ordinary: a tree, the chunks of its files, and their contents. */
import type { Image } from '../image/image.js';
import type { ByteStream } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { RawPath } from '../oci/raw-name.js';
import type { ChunkRecord, ChunkRef, DigesterName, Inode, TreeNode } from '../rafs-builder/model/tree.js';
import type { CallOptions } from '../reporter.js';
import type { IndexedChunk, Inflated } from './chunks.js';

export type FileInode = Extract<Inode, { readonly kind: 'file' }>;

/** A chunk with the blob that holds it. */
export interface FileChunk {
  readonly record: ChunkRecord;
  /** The blob's layer in the manifest; undefined for images whose layers are plain tars. */
  readonly layer: Descriptor | undefined;
}

/** Usable until the store that it reads from is disposed of. */
export interface Filesystem {
  readonly kind: 'nydus' | 'oci';
  /** Undefined for a bootstrap from a file. */
  readonly image: Image | undefined;
  readonly root: TreeNode;
  /** The chunk size by which files are cut, in bytes. */
  readonly chunkSize: number;
  readonly digester: DigesterName;
  /** Throws FormatError when the image has no such chunk. */
  chunk(ref: ChunkRef): FileChunk;
  /**
   * Returns a key that is unique among all images: equal keys mean the same bytes at the same place of the same blob.
   */
  chunkKey(ref: ChunkRef): string;
  /** Streams the bytes of a file and verifies each chunk. `path` is for messages. */
  open(file: FileInode, path: RawPath, call: CallOptions): ByteStream;
}

/** A filesystem whose chunks lie where each of them can be read alone. */
export interface ChunkedFilesystem extends Filesystem {
  /** The chunks of a file, in order. Throws FormatError when they are not there, or are not its bytes. */
  locate(file: FileInode, path: RawPath): readonly IndexedChunk[];
  /** Yields the bytes of each chunk, in order, and verifies them. Calls that share `inflated` share inflated contexts. */
  read(chunks: readonly IndexedChunk[], call: CallOptions, inflated?: Inflated): AsyncIterable<Buffer>;
  /** Streams the bytes of several files one after the other; chunks that lie together share a request. */
  openAll(
    files: readonly { readonly file: FileInode; readonly path: RawPath }[],
    call: CallOptions,
  ): ByteStream;
}
