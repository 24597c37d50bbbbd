/**
 * Where inodes go: a cursor that only grows, and the gaps that it leaves at the ends of blocks, which later inodes fill.
 * Any place that keeps an inode and its inline tail in one block is valid EROFS; these are the reference's choices
 * (Nydus builder/src/core/v6.rs, v6_set_offset_with_tail and BootstrapContext::allocate_available_block).
 */
import { roundUp } from '../../src/rafs-builder/layout/struct.js';
import { BLOCK_SIZE, LAYOUT_INLINE, LAYOUT_PLAIN, SLOT_SIZE } from '../../src/rafs-builder/layout/v6.js';

const SLOTS_PER_BLOCK = BLOCK_SIZE / SLOT_SIZE;

/** First in, first out; without the cost of Array.shift. */
interface Queue {
  readonly items: number[];
  head: number;
}

/** A place; all offsets count from the start of the metadata area. */
export interface Place {
  readonly offset: number;
  /** Where whole blocks of data start; without any, only a number that the inode shows. */
  readonly dataOffset: number;
  readonly layout: number;
}

export class Placement {
  /** Blocks by the number of slots free at their ends. */
  readonly #gaps: readonly Queue[] = Array.from({ length: SLOTS_PER_BLOCK }, () => ({ items: [], head: 0 }));
  #cursor: number;

  constructor(start: number) {
    this.#cursor = start;
  }

  /** End of everything placed so far. */
  get end(): number {
    return this.#cursor;
  }

  /** An inode and `bodySize` bytes right behind it that may lie anywhere: the chunk index entries of a file. */
  placeFile(size: number): number {
    const gap = this.#take(size);
    if (gap !== undefined) return gap;
    return this.#append(size);
  }

  /** An inode alone. The reference never looks for a gap here. */
  placeSpecial(inodeSize: number): number {
    return this.#append(inodeSize);
  }

  /** An inode with data: the last, partial block inline when inode and tail fit one block, everything in blocks otherwise. */
  placeWithData(inodeSize: number, dataSize: number): Place {
    const tail = dataSize % BLOCK_SIZE;
    const place =
      tail !== 0 && inodeSize + tail <= BLOCK_SIZE
        ? this.#inline(inodeSize, dataSize, tail)
        : this.#plain(inodeSize, dataSize);
    this.#cursor = roundUp(this.#cursor, SLOT_SIZE);
    return place;
  }

  #inline(inodeSize: number, dataSize: number, tail: number): Place {
    let offset = this.#take(inodeSize + tail);
    if (offset === undefined) {
      if (BLOCK_SIZE - (this.#cursor % BLOCK_SIZE) < inodeSize + tail) this.#nextBlock();
      offset = this.#cursor;
      this.#cursor += inodeSize + tail;
    }
    if (dataSize !== tail) this.#nextBlock();
    const dataOffset = this.#cursor;
    this.#cursor += dataSize - tail;
    return { offset, dataOffset, layout: LAYOUT_INLINE };
  }

  #plain(inodeSize: number, dataSize: number): Place {
    let offset = this.#take(inodeSize);
    if (offset === undefined) {
      offset = this.#cursor;
      this.#cursor += inodeSize;
    }
    this.#nextBlock();
    const dataOffset = this.#cursor;
    this.#cursor = roundUp(dataOffset + dataSize, BLOCK_SIZE);
    return { offset, dataOffset, layout: LAYOUT_PLAIN };
  }

  #append(size: number): number {
    const offset = this.#cursor;
    this.#cursor = roundUp(offset + size, SLOT_SIZE);
    return offset;
  }

  #nextBlock(): void {
    this.#remember(this.#cursor);
    this.#cursor = roundUp(this.#cursor, BLOCK_SIZE);
  }

  /** The rest of the block behind `offset` is free. */
  #remember(offset: number): void {
    const used = offset % BLOCK_SIZE;
    if (used !== 0) this.#gaps[Math.floor((BLOCK_SIZE - used) / SLOT_SIZE)]?.items.push(offset - used);
  }

  /** The smallest gap that `size` fits into, the oldest of its kind. */
  #take(size: number): number | undefined {
    if (size >= BLOCK_SIZE) return undefined;
    const wanted = Math.ceil(size / SLOT_SIZE);
    for (let slots = wanted; slots < SLOTS_PER_BLOCK; slots++) {
      const queue = this.#gaps[slots];
      const base = queue?.items[queue.head];
      if (queue === undefined || base === undefined) continue;
      queue.head += 1;
      const offset = base + BLOCK_SIZE - SLOT_SIZE * slots;
      this.#remember(offset + SLOT_SIZE * wanted);
      return offset;
    }
    return undefined;
  }
}
