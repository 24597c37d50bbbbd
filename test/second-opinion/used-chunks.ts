/** The chunk table of a bootstrap to be written: which chunks files refer to, in the order of the table. */
import { InternalError } from '../../src/errors.js';
import {
  type BootstrapInput,
  blobPositions,
  chunkBlob,
  chunkIndex,
  type ChunkTable,
  digestPrefix,
  type Inode,
} from '../../src/rafs-builder/model/tree.js';

export interface UsedChunkRow {
  /** Position of its blob. */
  readonly blob: number;
  /** Its number in `chunks`, the table of that blob. */
  readonly index: number;
  readonly chunks: ChunkTable;
  readonly fileOffset: number;
}

/** Rows sorted by digest, then blob; made one by one when they are written. */
export interface UsedChunkRows {
  readonly length: number;
  at(position: number): UsedChunkRow;
}

/** Digests are cut to what a double holds beside the row's number. */
const DOUBLE_BITS = 53;
/** Bits that `digestPrefix` returns. */
const DIGEST_BITS = 48;

export class UsedChunks {
  readonly #bootstrap: BootstrapInput;
  readonly #positions: readonly number[];
  /** A column a blob, by chunk index: one more than the offset in the file seen last; 0 for chunks that none uses. */
  readonly #fileOffsets: readonly Float64Array[];
  #count = 0;

  constructor(bootstrap: BootstrapInput) {
    this.#bootstrap = bootstrap;
    this.#positions = blobPositions(bootstrap);
    this.#fileOffsets = bootstrap.blobs.map(({ chunks }) => new Float64Array(chunks.length));
  }

  /** `name` is for errors. */
  add(file: Inode & { readonly kind: 'file' }, name: () => string): void {
    const { chunkSize, storedFileOffset } = this.#bootstrap;
    const { chunks } = file;
    if (chunks.length !== Math.ceil(file.size / chunkSize)) {
      throw new InternalError(`${name()}: ${chunks.length} chunks for ${file.size} bytes`);
    }
    for (let k = 0; k < chunks.length; k++) {
      const ref = chunks[k];
      if (ref === undefined) continue;
      const offsets = this.#fileOffsets[this.#positions[chunkBlob(ref)] ?? -1];
      if (offsets === undefined) {
        throw new InternalError(
          `${name()}: it refers to blob ${chunkBlob(ref)}, which the image does not have`,
        );
      }
      const index = chunkIndex(ref);
      if (index >= offsets.length) {
        throw new InternalError(`${name()}: chunk ${index} of ${offsets.length} was asked for`);
      }
      if (offsets[index] === 0) this.#count += 1;
      offsets[index] = 1 + (storedFileOffset?.(file.layer, ref) ?? k * chunkSize);
    }
  }

  rows(): UsedChunkRows {
    const { blobs } = this.#bootstrap;
    const blobOf = new Uint8Array(this.#count);
    const indexOf = new Uint32Array(this.#count);
    const keys = new Float64Array(this.#count);
    // The key holds the row and as many bits of the digest as fit beside it in a double: these decide nearly always, and doubles sort fast.
    const rowBits = Math.ceil(Math.log2(this.#count + 1));
    const scale = 2 ** rowBits;
    const dropped = 2 ** Math.max(0, DIGEST_BITS - (DOUBLE_BITS - rowBits));
    let row = 0;
    for (const [blob, offsets] of this.#fileOffsets.entries()) {
      const chunks = blobs[blob]?.chunks;
      if (chunks === undefined) continue;
      for (let index = 0; index < offsets.length; index++) {
        if (offsets[index] === 0) continue;
        blobOf[row] = blob;
        indexOf[row] = index;
        keys[row] = Math.floor(digestPrefix(chunks, index) / dropped) * scale + row;
        row += 1;
      }
    }
    keys.sort();
    const at = (position: number): UsedChunkRow => {
      const number = (keys[position] ?? 0) % scale;
      const blob = blobOf[number] ?? 0;
      const index = indexOf[number] ?? 0;
      const chunks = blobs[blob]?.chunks;
      if (chunks === undefined) throw new InternalError(`there is no row ${position} in the chunk table`);
      return { blob, index, chunks, fileOffset: (this.#fileOffsets[blob]?.[index] ?? 1) - 1 };
    };
    sortTies(keys, scale, at);
    return { length: this.#count, at };
  }
}

/** Rows with the same leading bits of their digests are put in order by all of them. */
function sortTies(keys: Float64Array, scale: number, at: (position: number) => UsedChunkRow): void {
  for (let start = 0; start < keys.length;) {
    const leading = Math.floor((keys[start] ?? 0) / scale);
    let end = start + 1;
    while (end < keys.length && Math.floor((keys[end] ?? 0) / scale) === leading) end += 1;
    if (end - start > 1) {
      const tied = Array.from(keys.subarray(start, end), (key, i) => ({ key, row: at(start + i) }));
      tied.sort((a, b) => compareRows(a.row, b.row));
      keys.set(
        tied.map(({ key }) => key),
        start,
      );
    }
    start = end;
  }
}

function compareRows(a: UsedChunkRow, b: UsedChunkRow): number {
  const digests = Buffer.compare(a.chunks.at(a.index).digest, b.chunks.at(b.index).digest);
  return digests || a.blob - b.blob || a.index - b.index;
}
