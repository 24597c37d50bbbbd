/**
 * Looks whether SQLite will read all of its write-ahead log. It passes over what follows a damaged page there without a word, and cannot
 * tell a log that was cut from one that ends. https://www.sqlite.org/fileformat2.html#the_write_ahead_log, walformat.html
 */
import { readFileSync } from 'node:fs';

const HEADER = 32;
const FRAME_HEADER = 24;
/** The last bit says which order of bytes the sums have. */
const MAGIC = 0x377f0682;
/** Both copies of the index's header, before the number of pages that are in the database itself. */
const INDEX_HEADER = 48;

/** What of the log of the database at `path` will not be read; undefined for nothing. */
export function faultOfLog(path: string): string | undefined {
  const log = bytesOf(`${path}-wal`);
  const expected = expectedPages(bytesOf(`${path}-shm`));
  if (log.length === 0)
    return expected === undefined || expected.pages <= expected.moved
      ? undefined
      : `its log is gone, with ${expected.pages - expected.moved} pages`;
  if (log.length < HEADER)
    return expected === undefined || expected.pages === 0 ? undefined : 'its log is cut';
  const { good, written } = pagesOf(log);
  if (good === undefined) return 'its log has no valid beginning';
  if (written > good) return `its log cannot be read from page ${good + 1} of ${written} on`;
  const isSame = expected?.salt.equals(log.subarray(16, 24)) === true;
  if (isSame && expected.pages > good) return `its log is cut after page ${good} of ${expected.pages}`;
  return undefined;
}

/** Empty for a file that is not there. */
function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

/** `good` pages follow each other with right sums, and `written` is the last one that ends a transaction. */
function pagesOf(log: Buffer): { readonly good: number | undefined; readonly written: number } {
  const magic = log.readUInt32BE(0);
  const pageSize = log.readUInt32BE(8);
  const isBig = (magic & 1) === 1;
  const start = sumOf(log, 0, HEADER - 8, isBig, [0, 0]);
  const isValid =
    (magic & ~1) === MAGIC && pageSize >= 512 && pageSize <= 65_536 && isSum(log, HEADER - 8, start);
  if (!isValid) return { good: undefined, written: 0 };
  let sum = start;
  let good = 0;
  let written = 0;
  const step = FRAME_HEADER + pageSize;
  for (let at = HEADER, page = 1; at + step <= log.length; at += step, page++) {
    // Pages of an earlier use of the file have other salts.
    if (!log.subarray(at + 8, at + 16).equals(log.subarray(16, 24))) continue;
    // What no commit follows was never answered.
    if (log.readUInt32BE(at + 4) !== 0) written = page;
    if (good !== page - 1) continue;
    const next = sumOf(log, at + FRAME_HEADER, pageSize, isBig, sumOf(log, at, 8, isBig, sum));
    if (!isSum(log, at + 16, next)) continue;
    sum = next;
    good = page;
  }
  return { good, written };
}

type Sum = readonly [number, number];

function sumOf(bytes: Buffer, from: number, length: number, isBig: boolean, [a, b]: Sum): Sum {
  let [x, y] = [a, b];
  for (let at = from; at < from + length; at += 8) {
    x = (x + (isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + y) >>> 0;
    y = (y + (isBig ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + x) >>> 0;
  }
  return [x, y];
}

function isSum(bytes: Buffer, at: number, [a, b]: Sum): boolean {
  return bytes.readUInt32BE(at) === a && bytes.readUInt32BE(at + 4) === b;
}

/**
 * What the index of the log says, which a killed process leaves: a page counts there once it is on disk. Undefined for an index that is
 * not there, or in the middle of a change.
 */
function expectedPages(
  index: Buffer,
): { readonly pages: number; readonly moved: number; readonly salt: Buffer } | undefined {
  if (index.length < 2 * INDEX_HEADER + 4) return undefined;
  const [one, two] = [index.subarray(0, INDEX_HEADER), index.subarray(INDEX_HEADER, 2 * INDEX_HEADER)];
  if (!one.equals(two) || one[12] !== 1) return undefined;
  const number = (at: number): number => (isLittle ? index.readUInt32LE(at) : index.readUInt32BE(at));
  return { pages: number(16), moved: number(2 * INDEX_HEADER), salt: one.subarray(32, 40) };
}

/** The index is in the machine's own order of bytes. */
const isLittle = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
