/** The filesystem of an image of either kind: a tree, the chunks of its files, and their contents. */
import type { Image } from '../image/image.js';
import type { ByteStream } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { RawPath } from '../oci/raw-name.js';
import type { ChunkRecord, ChunkRef, DigesterName, Inode, TreeNode } from '../rafs-builder/model/tree.js';
import type { CallOptions } from '../reporter.js';

export type FileInode = Extract<Inode, { readonly kind: 'file' }>;

/** A chunk as a reader needs it. */
export interface FileChunk {
  readonly record: ChunkRecord;
  /** The blob that holds it, among the layers of the manifest; undefined for images whose layers are plain tars. */
  readonly layer: Descriptor | undefined;
}

/** Valid for as long as the store that it reads from. */
export interface Filesystem {
  readonly kind: 'nydus' | 'oci';
  /** Undefined for a bootstrap from a file. */
  readonly image: Image | undefined;
  readonly root: TreeNode;
  /** Bytes into which files are cut, for digests. */
  readonly chunkSize: number;
  readonly digester: DigesterName;
  /** Throws FormatError when there is no such chunk. */
  chunk(ref: ChunkRef): FileChunk;
  /** Identifies a chunk's place among all images: chunks with one key are the same bytes at one place of one blob. */
  chunkKey(ref: ChunkRef): string;
  /** The bytes of a file, verified chunk by chunk. `path` is for messages. */
  open(file: FileInode, path: RawPath, call: CallOptions): ByteStream;
}
