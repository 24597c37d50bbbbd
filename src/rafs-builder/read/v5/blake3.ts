/**
 * BLAKE3 (hash mode, 32 bytes out), for the digests inside RAFS v5 bootstraps. Those cover metadata, a few bytes an inode:
 * chunks are digested in the addon. Written from the specification (BLAKE3 paper, sections 2.1 to 2.4).
 */

const CHUNK_LENGTH = 1024;
const BLOCK_LENGTH = 64;
const CHUNK_START = 1;
const CHUNK_END = 2;
const PARENT = 4;
const ROOT = 8;
// The first eight words of SHA-256's initial state.
const IV = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8] as const;
/** Word order of the message in each of the seven rounds, one behind the other. */
const SCHEDULE = Uint8Array.from(
  Array.from({ length: 6 })
    .reduce<number[][]>(
      (rounds) => [...rounds, PERMUTATION.map((from) => rounds.at(-1)?.[from] ?? 0)],
      [PERMUTATION.map((_, i) => i)],
    )
    .flat(),
);

/** A node of the tree, before it is known whether it is the root. */
interface Node {
  readonly chaining: Uint32Array;
  readonly block: Uint32Array;
  readonly counter: number;
  readonly length: number;
  readonly flags: number;
}

/** 32 bytes. */
export function blake3(input: Uint8Array): Buffer {
  const words = compress(treeOf(input, 0), ROOT);
  const out = Buffer.alloc(32);
  for (let i = 0; i < 8; i++) out.writeUInt32LE(words[i] ?? 0, i * 4);
  return out;
}

/** Every left subtree is complete: the largest power of two of chunks that leaves something to the right. */
function treeOf(input: Uint8Array, firstChunk: number): Node {
  if (input.length <= CHUNK_LENGTH) return chunkNode(input, firstChunk);
  const chunks = Math.ceil(input.length / CHUNK_LENGTH);
  const left = 2 ** Math.floor(Math.log2(chunks - 1));
  const split = left * CHUNK_LENGTH;
  const block = new Uint32Array(16);
  block.set(compress(treeOf(input.subarray(0, split), firstChunk), 0), 0);
  block.set(compress(treeOf(input.subarray(split), firstChunk + left), 0), 8);
  return { chaining: IV, block, counter: 0, length: BLOCK_LENGTH, flags: PARENT };
}

function chunkNode(chunk: Uint8Array, counter: number): Node {
  const blocks = Math.max(1, Math.ceil(chunk.length / BLOCK_LENGTH));
  let chaining: Uint32Array = IV;
  for (let i = 0; ; i++) {
    const bytes = chunk.subarray(i * BLOCK_LENGTH, (i + 1) * BLOCK_LENGTH);
    const flags = (i === 0 ? CHUNK_START : 0) | (i === blocks - 1 ? CHUNK_END : 0);
    const node = { chaining, block: wordsOf(bytes), counter, length: bytes.length, flags };
    if (i === blocks - 1) return node;
    chaining = compress(node, 0);
  }
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(16);
  for (let i = 0; i < bytes.length; i++)
    words[i >>> 2] = (words[i >>> 2] ?? 0) | ((bytes[i] ?? 0) << (8 * (i & 3)));
  return words;
}

/** The eight words that become a chaining value or, of the root, the digest. */
function compress({ chaining, block, counter, length, flags }: Node, extra: number): Uint32Array {
  const state = new Uint32Array(16);
  state.set(chaining, 0);
  state.set(IV.subarray(0, 4), 8);
  state[12] = counter;
  state[13] = Math.floor(counter / 2 ** 32);
  state[14] = length;
  state[15] = flags | extra;
  for (let at = 0; at < SCHEDULE.length;) {
    // Columns, then diagonals.
    at = mix(state, 0, 4, 8, 12, block, at);
    at = mix(state, 1, 5, 9, 13, block, at);
    at = mix(state, 2, 6, 10, 14, block, at);
    at = mix(state, 3, 7, 11, 15, block, at);
    at = mix(state, 0, 5, 10, 15, block, at);
    at = mix(state, 1, 6, 11, 12, block, at);
    at = mix(state, 2, 7, 8, 13, block, at);
    at = mix(state, 3, 4, 9, 14, block, at);
  }
  return state.subarray(0, 8).map((word, i) => word ^ (state[i + 8] ?? 0));
}

/** Mixes two words of the block, those that the schedule has at `at`, into four of the state. Returns what comes next. */
function mix(
  v: Uint32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  block: Uint32Array,
  at: number,
): number {
  const x = block[SCHEDULE[at] ?? 0] ?? 0;
  const y = block[SCHEDULE[at + 1] ?? 0] ?? 0;
  let va = v[a] ?? 0;
  let vb = v[b] ?? 0;
  let vc = v[c] ?? 0;
  let vd = v[d] ?? 0;
  va = (va + vb + x) | 0;
  vd = rotate(vd ^ va, 16);
  vc = (vc + vd) | 0;
  vb = rotate(vb ^ vc, 12);
  va = (va + vb + y) | 0;
  vd = rotate(vd ^ va, 8);
  vc = (vc + vd) | 0;
  vb = rotate(vb ^ vc, 7);
  v[a] = va;
  v[b] = vb;
  v[c] = vc;
  v[d] = vd;
  return at + 2;
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}
