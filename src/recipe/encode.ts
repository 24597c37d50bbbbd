/** Makes the recipe of a layer's tar from the log of its structure and the tree of its blob. */
import { UnsupportedError } from '../errors.js';
import type { ByteRange } from '../io/streams.js';
import type { NativeFrame } from '../native/addon-types.js';
import type { RawPath } from '../oci/raw-name.js';
import type { TreeNode } from '../rafs-builder/model/tree.js';
import { Pace } from '../turns.js';
import { ByteWriter } from './bytes.js';
import { FactsOfEntries } from './facts.js';
import { Fitter } from './fit.js';
import { BLOCK, type DataForm, type EntryForm, padding } from './form.js';
import { LayerNodes } from './nodes.js';
import { packRecipe, type RecipeHead } from './recipe.js';
import { structureRecords } from './structure.js';

/** Bytes that a recipe holds of one entry, or behind the last one. */
const MAX_STRUCTURE = 64 * 1024 * 1024;
/** Bytes of files that the layer itself replaces, and that only the recipe can hold. */
const MAX_STORED = 64 * 1024 * 1024;

export interface TarToKeep {
  /** The log of the tar's structure. */
  readonly frames: readonly NativeFrame[];
  /** The tree of the layer's own bootstrap. */
  readonly root: TreeNode;
  readonly head: Omit<RecipeHead, 'entries'>;
  /** Reads ranges of the tar, in order. */
  readonly read: (ranges: readonly ByteRange[]) => Promise<Buffer>;
}

/** Throws UnsupportedError for a tar of which too much would be in the recipe. */
export async function encodeRecipe(
  { frames, root, head, read }: TarToKeep,
  signal?: AbortSignal,
): Promise<Buffer> {
  const pace = new Pace(signal);
  const steps = LayerNodes.of(root);
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) if (pace.isDue) await pace.turn();
  const nodes = step.value;
  const encoder = new Encoder(nodes, await lastEntries(frames, nodes, pace));
  for await (const record of structureRecords(frames)) {
    if (pace.isDue) await pace.turn();
    switch (record.kind) {
      case 'bytes':
        encoder.bytes(record.bytes);
        break;
      case 'entry':
        encoder.entry(record.path, record.offset);
        break;
      case 'data':
        encoder.data(record.length);
        break;
      case 'hole':
        encoder.hole(record.length);
        break;
    }
  }
  const { ranges, ...parts } = encoder.finish();
  const stored = ranges.length === 0 ? Buffer.alloc(0) : await read(ranges);
  return packRecipe({ head: { ...head, entries: parts.entries }, ...parts, stored });
}

/** For each name of the tree the position of the last entry that has it. */
async function lastEntries(
  frames: readonly NativeFrame[],
  nodes: LayerNodes,
  pace: Pace,
): Promise<Int32Array> {
  const last = new Int32Array(nodes.length).fill(-1);
  let position = 0;
  for await (const record of structureRecords(frames)) {
    if (pace.isDue) await pace.turn();
    if (record.kind !== 'entry') continue;
    const node = nodes.find(record.path);
    if (node !== undefined) last[node] = position;
    position++;
  }
  return last;
}

/** An entry whose end is not known yet. */
interface Current {
  readonly path: RawPath;
  readonly offset: number;
  extensions: Buffer;
  header: Buffer | undefined;
  map: Buffer;
  /** Pieces of the file: bytes of data, or of holes as negative numbers. */
  readonly pieces: number[];
  /** Where the data lies in the tar. */
  readonly ranges: ByteRange[];
}

class Encoder {
  readonly #nodes: LayerNodes;
  readonly #last: Int32Array;
  readonly #facts: FactsOfEntries;
  readonly #fitter = new Fitter();
  readonly #forms = new Map<string, number>();
  readonly #listed: EntryForm[] = [];
  readonly #places = new ByteWriter();
  readonly #shapes = new ByteWriter();
  readonly #args = new ByteWriter();
  readonly #ranges: ByteRange[] = [];
  #stored = 0;
  #position = 0;
  #next = 0;
  /** Bytes of the structure that belong to no entry yet, and where the first one is in the tar. */
  readonly #structure = new ByteWriter();
  #start = 0;
  #current: Current | undefined;

  constructor(nodes: LayerNodes, last: Int32Array) {
    this.#nodes = nodes;
    this.#last = last;
    this.#facts = new FactsOfEntries(nodes);
  }

  bytes(bytes: Buffer): void {
    if (this.#structure.length + bytes.length > MAX_STRUCTURE)
      throw new UnsupportedError(`more than ${MAX_STRUCTURE} bytes stand between two files`);
    this.#structure.raw(bytes);
    this.#takeHeader();
  }

  entry(path: RawPath, offset: number): void {
    this.#close(offset);
    const [pieces, ranges] = [[], []];
    const nothing = Buffer.alloc(0);
    this.#current = { path, offset, extensions: nothing, header: undefined, map: nothing, pieces, ranges };
    this.#takeHeader();
  }

  data(length: number): void {
    const current = this.#current;
    if (current?.header === undefined) throw new UnsupportedError('there is data before the first header');
    const start = this.#start + this.#structure.length;
    // The map of a sparse file stands before its data.
    if (current.ranges.length === 0) current.map = this.#take(this.#structure.length);
    current.ranges.push({ start, end: start + length });
    current.pieces.push(length);
    this.#start = start + length;
  }

  hole(length: number): void {
    this.#current?.pieces.push(-length);
  }

  finish(): {
    readonly entries: number;
    readonly forms: readonly EntryForm[];
    readonly places: Buffer;
    readonly shapes: Buffer;
    readonly args: Buffer;
    readonly tail: Buffer;
    readonly ranges: readonly ByteRange[];
  } {
    this.#close(Infinity);
    return {
      entries: this.#position,
      forms: this.#listed,
      places: this.#places.bytes,
      shapes: this.#shapes.bytes,
      args: this.#args.bytes,
      tail: this.#take(this.#structure.length),
      ranges: this.#ranges,
    };
  }

  #take(size: number): Buffer {
    const all = Buffer.from(this.#structure.bytes);
    this.#structure.cut(0);
    this.#structure.raw(all.subarray(size));
    this.#start += Math.min(size, all.length);
    return all.subarray(0, size);
  }

  #takeHeader(): void {
    const current = this.#current;
    if (current === undefined || current.header !== undefined) return;
    const before = current.offset - this.#start;
    if (this.#structure.length < before + BLOCK) return;
    const bytes = this.#take(before + BLOCK);
    current.extensions = bytes.subarray(0, before);
    current.header = bytes.subarray(before);
  }

  /** Ends the current entry, of which all bytes before an offset are there. */
  #close(offset: number): void {
    const current = this.#current;
    if (current === undefined) return;
    const { header, extensions, map, ranges } = current;
    if (header === undefined) throw new UnsupportedError('a header ends before its last byte');
    const size = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
    const filling = padding(size);
    const rest = this.#take(ranges.length === 0 ? 0 : Math.min(filling.length, offset - this.#start));
    const isPadded = rest.equals(filling);
    const { number, data } = this.#place(current, size);
    const facts = this.#facts.next(number);
    const known = number !== undefined;
    const { form, args } = this.#fitter.fit({ extensions, header, map }, facts, { known, data, isPadded });
    this.#shapes.number(this.#formNumber(form));
    if (known) {
      this.#places.signed(number - this.#next);
      this.#next = number + 1;
    }
    this.#args.raw(args);
    if (data === 'pieces') this.#pieces(current.pieces);
    if (data === 'stored') this.#store(size, ranges);
    if (!isPadded) this.#args.string(rest);
    this.#position++;
    this.#current = undefined;
  }

  /** The name in the tree, and where the entry's data is. */
  #place(
    { path, pieces }: Current,
    size: number,
  ): { readonly number: number | undefined; readonly data: DataForm } {
    const number = this.#nodes.find(path);
    if (size === 0) return { number, data: 'none' };
    const inode = number === undefined ? undefined : this.#nodes.at(number)?.inode;
    const whole = pieces.reduce((sum, piece) => sum + Math.abs(piece), 0);
    const isThere = number !== undefined && this.#last[number] === this.#position;
    if (!isThere || inode?.kind !== 'file' || inode.size !== whole) return { number, data: 'stored' };
    return { number, data: whole === size ? 'whole' : 'pieces' };
  }

  #pieces(pieces: readonly number[]): void {
    const runs: number[] = [];
    let hole = 0;
    for (const piece of pieces) {
      if (piece < 0) {
        hole -= piece;
        continue;
      }
      runs.push(hole, piece);
      hole = 0;
    }
    this.#args.number(runs.length / 2);
    for (const run of runs) this.#args.number(run);
  }

  #store(size: number, ranges: readonly ByteRange[]): void {
    this.#stored += size;
    if (this.#stored > MAX_STORED)
      throw new UnsupportedError(
        `the layer itself replaces files of more than ${MAX_STORED} bytes, which only the recipe could hold`,
      );
    this.#args.number(size);
    this.#ranges.push(...ranges);
  }

  #formNumber(form: EntryForm): number {
    const key = JSON.stringify(form);
    const known = this.#forms.get(key);
    if (known !== undefined) return known;
    this.#listed.push(form);
    this.#forms.set(key, this.#forms.size);
    return this.#forms.size - 1;
  }
}
