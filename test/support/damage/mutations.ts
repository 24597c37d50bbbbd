/**
 * Bootstraps made wrong in the places that matter: a mutation changes fields that the tables of the format know, to
 * values that parsers stumble over, and now and then any byte, a run of bytes, or the length. The same seed gives the
 * same mutations.
 */
import { readBootstrap } from '../../../src/rafs-builder/index.js';
import { viewOf } from '../../../src/rafs-builder/versions.js';

/** Bytes in hex at an offset, or a new size: cut, or made longer with zeros. As in damage.json. */
export type Edit = readonly [offset: number, hex: string] | readonly ['size', bytes: number];

/** Numbers from 0 to below `limit`. (mulberry32.) */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

export function applyEdits(base: Uint8Array, edits: readonly Edit[]): Buffer {
  let bytes = Buffer.from(base);
  for (const edit of edits) {
    if (edit[0] === 'size') {
      const resized = Buffer.alloc(edit[1]);
      bytes.copy(resized, 0, 0, Math.min(bytes.length, resized.length));
      bytes = resized;
    } else {
      bytes.write(edit[1], edit[0], 'hex');
    }
  }
  return bytes;
}

interface Place {
  readonly offset: number;
  readonly size: number;
}

/** An endless supply; `base` must be a sound bootstrap. */
export function* mutations(base: Buffer, seed: number): Generator<readonly Edit[]> {
  const random = randomNumbers(seed);
  const places = fieldsOf(base);
  const pick = (): Place => places[random(places.length)] ?? { offset: 0, size: 4 };
  for (;;) {
    const count = random(8) < 6 ? 1 : 1 + random(4);
    yield Array.from({ length: count }, () => edit(base, pick, random));
  }
}

function edit(base: Buffer, pick: () => Place, random: (limit: number) => number): Edit {
  const kind = random(100);
  if (kind < 2) return ['size', random(base.length + 8192)];
  if (kind < 4) return ['size', base.length + (random(5) - 2) * (random(2) === 0 ? 8 : 4096)];
  if (kind < 14) {
    const offset = random(base.length);
    return [offset, Buffer.of((base[offset] ?? 0) ^ (1 << random(8))).toString('hex')];
  }
  if (kind < 20) {
    // A run of bytes from elsewhere: structures where others should be.
    const size = Math.min(base.length, 4 + random(128));
    const from = random(base.length - size + 1);
    return [random(base.length - size + 1), base.toString('hex', from, from + size)];
  }
  const { offset, size } = pick();
  return [offset, valueFor(base, { offset, size }, pick, random).toString('hex')];
}

/** A new value for a field: an extreme, a neighbour of the old value, another field's value, or a random one. */
function valueFor(
  base: Buffer,
  { offset, size }: Place,
  pick: () => Place,
  random: (limit: number) => number,
): Buffer {
  const value = Buffer.from(base.subarray(offset, offset + size));
  const step = (by: bigint): void => {
    let carry = by;
    for (let i = 0; i < value.length && i < 8; i++) {
      carry += BigInt(value[i] ?? 0);
      value[i] = Number(carry & 0xffn);
      carry >>= 8n;
    }
  };
  switch (random(8)) {
    case 0:
      return value.fill(0);
    case 1:
      return value.fill(0xff);
    case 2:
      step(1n);
      return value;
    case 3:
      step(-1n);
      return value;
    case 4:
      step((random(2) === 0 ? 1n : -1n) << BigInt(random(Math.min(8, size) * 8)));
      return value;
    case 5: {
      const other = pick();
      base.copy(value, 0, other.offset, other.offset + Math.min(size, other.size));
      return value;
    }
    case 6:
      value[random(size)] = random(256);
      return value;
    default:
      for (let i = 0; i < size; i++) value[i] = random(256);
      return value;
  }
}

/** Every field of every structure, and every run without structure (names, values). */
function fieldsOf(base: Buffer): Place[] {
  const image = readBootstrap(base);
  const places: Place[] = [];
  for (const region of viewOf(image).regions()) {
    for (const { struct, offset, size } of region.structs()) {
      if (struct === undefined) places.push({ offset, size });
      for (const field of struct?.fields ?? [])
        places.push({ offset: offset + field.offset, size: Math.min(field.size, 256) });
    }
  }
  return places.filter(({ size }) => size > 0);
}
