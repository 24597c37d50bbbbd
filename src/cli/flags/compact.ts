/**
 * The settings of `build --compact`, of which nothing is done here. They are read all the same, so that a file that upstream's builder could
 * not use is not taken for a good one.
 */
import { readFileSync, statSync } from 'node:fs';
import { UsageError } from '../../errors.js';
import { nearestWord } from '../../similar.js';

/** Members with the largest number that each may have, by the names of upstream's documentation. */
const NUMBERS: Readonly<Record<string, number>> = {
  min_used_ratio: 100,
  compact_blob_size: Number.MAX_SAFE_INTEGER,
  max_compact_size: Number.MAX_SAFE_INTEGER,
  layers_to_compact: Number.MAX_SAFE_INTEGER,
};
const TEXTS: readonly string[] = ['blobs_dir'];
const LARGEST_FILE = 64 * 1024;

/** Throws UsageError for a file that holds no settings of `--compact`. */
export function demandCompactSettings(file: string): void {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) throw new UsageError(`--compact-config-file "${file}" is no file`);
  if (stat.size > LARGEST_FILE)
    throw new UsageError(`--compact-config-file "${file}" has more than ${LARGEST_FILE / 1024} KiB`);
  for (const [member, value] of Object.entries(objectOf(file))) demandMember(file, member, value);
}

function objectOf(file: string): object {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new UsageError(`--compact-config-file "${file}" is no JSON`, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new UsageError(`--compact-config-file "${file}" is no JSON object`);
}

function demandMember(file: string, member: string, value: unknown): void {
  const known = [...Object.keys(NUMBERS), ...TEXTS];
  // Upstream's program reads `MinUsedRatio`, and so names without regard to case.
  const name = known.find((one) => plain(one) === plain(member));
  if (name === undefined) {
    const meant = nearestWord(member, known);
    throw new UsageError(`--compact-config-file "${file}" has the unknown member "${member}"`, {
      hint: meant === undefined ? `it may have ${known.join(', ')}` : `did you mean ${meant}?`,
    });
  }
  const most = NUMBERS[name];
  if (most === undefined) {
    if (typeof value !== 'string')
      throw new UsageError(`--compact-config-file "${file}": ${member} is no text`);
    return;
  }
  const digits = typeof value === 'number' ? String(value) : value;
  if (
    typeof digits === 'string' &&
    /^(?:0x[0-9a-f]{1,14}|[0-9]{1,16})$/i.test(digits) &&
    Number(digits) <= most
  )
    return;
  const range = most === Number.MAX_SAFE_INTEGER ? 'a whole number' : `a whole number up to ${most}`;
  throw new UsageError(`--compact-config-file "${file}": ${member} is ${range}, or a text with one`);
}

function plain(member: string): string {
  return member.replaceAll('_', '').toLowerCase();
}
