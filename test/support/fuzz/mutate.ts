/** Mutations of bytes, the same for the same seed. */

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** A whole number from 0, below `limit`. xorshift32. */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state % limit;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('there is nothing to pick from');
    return item;
  }
}

/** Inputs grow no further, since long ones make every execution slow. */
const MAX_INPUT = 64 * 1024;
/** Numbers at which fields of one, two, four and eight bytes turn over. */
const EDGES = [
  0, 1, 7, 8, 9, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1000,
];

/** A changed copy of `input`, in one to eight steps. `others` lend pieces, `words` are put in as they are. */
export function mutated(
  input: Uint8Array,
  others: readonly Uint8Array[],
  words: readonly string[],
  random: Random,
): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let steps = 1 + random.below(8); steps > 0; steps--) bytes = step(bytes, others, words, random);
  return bytes.subarray(0, MAX_INPUT);
}

function step(
  bytes: Buffer,
  others: readonly Uint8Array[],
  words: readonly string[],
  random: Random,
): Buffer {
  const at = random.below(bytes.length + 1);
  const length = Math.min(bytes.length - at, random.below(1 << random.below(12)));
  const insert = (piece: Uint8Array, over: number): Buffer =>
    Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + over)]);
  switch (random.below(9)) {
    case 0:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = random.below(256);
      return bytes;
    case 2:
      return edge(bytes, random);
    case 3:
      return insert(Buffer.alloc(0), length);
    case 4:
      return insert(bytes.subarray(at, at + length), 0);
    case 5:
      return insert(Buffer.alloc(length, random.below(256)), random.below(2) * length);
    case 6: {
      const other = random.pick(others);
      const from = random.below(other.length + 1);
      return insert(other.subarray(from, from + random.below(256)), random.below(2) * length);
    }
    case 7:
      return words.length === 0 ? bytes : insert(Buffer.from(random.pick(words)), random.below(2) * length);
    default:
      return bytes.subarray(0, at);
  }
}

/** Puts a number at an edge into a field. */
function edge(bytes: Buffer, random: Random): Buffer {
  const width = 1 << random.below(4);
  if (bytes.length < width) return bytes;
  const at = random.below(bytes.length - width + 1) & (random.below(2) === 0 ? -1 : -width);
  const value = BigInt(random.pick(EDGES)) << BigInt(random.below(2) * 32);
  const field = Buffer.alloc(8);
  field.writeBigUInt64LE(BigInt.asUintN(64, value));
  field.copy(bytes, at, 0, width);
  return bytes;
}
