/**
 * What a lazy reader asks a registry for when it reads files from beginning to end, in order, and keeps what it has read. The model is
 * nydusd's: a chunk that is missing is fetched together with those that follow it in its blob, up to a number of bytes.
 */
import type { NydusFilesystem } from '../look/nydus.js';
import type { PrefetchedFile } from '../look/prefetch.js';
import { chunkBlob, chunkIndex, chunkNumbers } from '../rafs-builder/model/tree.js';
import { blobFeatures } from '../rafs-builder/layout/v6.js';
import { isPause, type Steps } from '../turns.js';

/** Uncompressed bytes that nydusd fetches together at most (`amplify_io`, its default). */
const TOGETHER = 1024 * 1024;

export interface Reads {
  readonly requests: number;
  /** Bytes of the answers. */
  readonly bytes: number;
}

/** Undefined for chunks that stay in gzip layers, of which a reader fetches more than a bootstrap says. */
export function* readsOf(
  { bootstrap }: Pick<NydusFilesystem, 'bootstrap'>,
  files: readonly PrefetchedFile[],
): Steps<Reads | undefined> {
  if (bootstrap.blobs.some(({ record }) => blobFeatures.has(record.features, 'ZRAN'))) return undefined;
  const blobs = bootstrap.blobs.map(({ chunks }) => new ReadBlob(chunks));
  let count = 0;
  for (const { inode } of files) {
    for (const ref of inode.chunks) {
      if (isPause(++count)) yield;
      blobs[chunkBlob(ref)]?.read(chunkIndex(ref));
    }
  }
  return blobs.reduce(
    (sum, { requests, bytes }) => ({ requests: sum.requests + requests, bytes: sum.bytes + bytes }),
    { requests: 0, bytes: 0 },
  );
}

/** A blob, and what a reader has fetched of it. */
class ReadBlob {
  readonly #chunks: NydusFilesystem['bootstrap']['blobs'][number]['chunks'];
  /** The indexes of the known chunks in the order of the blob, and the position of each. */
  readonly #order: readonly number[];
  readonly #positions: ReadonlyMap<number, number>;
  readonly #here = new Set<number>();
  requests = 0;
  bytes = 0;

  constructor(chunks: NydusFilesystem['bootstrap']['blobs'][number]['chunks']) {
    this.#chunks = chunks;
    this.#order = [...chunks.indexes()].sort((a, b) => a - b);
    this.#positions = new Map(this.#order.map((index, position) => [index, position]));
  }

  read(index: number): void {
    if (this.#here.has(index)) return;
    this.requests += 1;
    let together = 0;
    let end: number | undefined;
    for (let at = this.#positions.get(index) ?? this.#order.length; at < this.#order.length; at++) {
      const next = this.#order[at] ?? 0;
      const { compressedOffset, compressedSize, uncompressedSize, batch } = chunkNumbers(this.#chunks, next);
      const size = batch?.stored ?? compressedSize;
      const isFollowing = end === undefined || compressedOffset === end || compressedOffset + size === end;
      if (this.#here.has(next) || !isFollowing) break;
      if (end !== undefined && together + uncompressedSize > TOGETHER) break;
      // All chunks of a batch have its offset, and the batch is fetched once.
      if (compressedOffset + size !== end) this.bytes += size;
      together += uncompressedSize;
      end = compressedOffset + size;
      this.#here.add(next);
    }
  }
}
