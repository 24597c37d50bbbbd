/**
 * Every byte of a file, changed in turn, and the file cut at every length: which rule of `check` sees it. No digest of a whole
 * file counts here: a registry's content digests would see everything, and say nothing of rules.
 */
import { type Finding, formatFinding } from '../../../src/check/finding.js';
import type { NameOf } from './every-byte-names.js';
import { cpuMs } from './mutation-run.js';

/** One change must not take longer, in processor time. */
const LIMIT_MS = 1000;
/** How much is changed. */
export interface Thoroughness {
  /** Bits to turn over in a byte, one change each. */
  readonly flips: readonly number[];
  /** Files up to this many bytes are changed whole; in larger ones a step skips bytes, but meets every field. */
  readonly wholeTo: number;
}

/** All bits of each byte. */
export const ONCE: Thoroughness = { flips: [0xff], wholeTo: Number.POSITIVE_INFINITY };

/** Changes of one field that nothing saw. */
export interface Missed {
  readonly count: number;
  /** Where the first of them is; bytes from the start of the file. */
  readonly first: number;
}

export interface FileReport {
  /** `bootstrap`, `blob 1`, … */
  readonly file: string;
  /** That were changed, or passed by in steps. */
  readonly bytes: number;
  readonly flips: number;
  /** Every so-manieth byte was changed. */
  readonly step: number;
  /** By the rules that were asked, in turn, until one found something. */
  readonly found: ReadonlyMap<string, number>;
  /** By field, the changes that nothing saw. */
  readonly missed: ReadonlyMap<string, Missed>;
  readonly cuts: number;
  /** Lengths at which nothing was found. */
  readonly missedCuts: readonly number[];
  readonly slowestMs: number;
}

/** The findings of one group of rules about changed bytes. */
export type Look = (bytes: Buffer) => Promise<readonly Finding[]> | readonly Finding[];

/** A file, and who looks at it. */
export interface Subject {
  readonly file: string;
  readonly bytes: Buffer;
  /** Changes begin here: what stands before is chunk data, which digests of chunks cover. */
  readonly start: number;
  readonly looks: readonly (readonly [name: string, look: Look])[];
  /** The structure and field of a byte. */
  readonly nameOf: NameOf;
}

/** Changes and cuts all of it. */
export async function everyByteOf(subject: Subject, how: Thoroughness): Promise<FileReport> {
  // The stack of an error that becomes a finding is never read, and taking it costs more than most looks.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await changeAll(subject, how);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function changeAll(
  { file, bytes, start, looks, nameOf }: Subject,
  { flips, wholeTo }: Thoroughness,
): Promise<FileReport> {
  const found = new Map<string, number>();
  const missed = new Map<string, Missed>();
  const missedCuts: number[] = [];
  let slowestMs = 0;
  // A finding that the unchanged file gives too, such as an oddity of the reference, does not count.
  const known = new Map<string, ReadonlySet<string>>();
  for (const [name, look] of looks)
    known.set(name, new Set((await look(Buffer.from(bytes))).map(formatFinding)));
  const seenBy = async (changed: Buffer): Promise<string | undefined> => {
    for (const [name, look] of looks) {
      const findings = await look(changed);
      if (findings.some((finding) => known.get(name)?.has(formatFinding(finding)) !== true)) return name;
    }
    return undefined;
  };
  const ask = async (changed: Buffer): Promise<string | undefined> => {
    const began = performance.now();
    const by = await seenBy(changed);
    const elapsed = performance.now() - began;
    // A busy machine is not our fault. Processor time is asked for only then: asking takes as long as a look.
    const own = elapsed > LIMIT_MS ? await insist(file, () => seenBy(changed)) : elapsed;
    slowestMs = Math.max(slowestMs, own);
    return by;
  };
  // Structures have even sizes: an odd step comes to all of their bytes.
  const step = Math.floor((bytes.length - start - 1) / wholeTo) * 2 + 1;
  let changes = 0;
  let cuts = 0;
  const changed = Buffer.from(bytes);
  // Changed in place and put back: a copy for each change would be garbage faster than it is collected.
  for (let offset = start; offset < bytes.length; offset += step) {
    for (const flip of flips) {
      const sound = bytes[offset] ?? 0;
      changed[offset] = sound ^ flip;
      const by = await ask(changed);
      changed[offset] = sound;
      changes += 1;
      if (by === undefined) {
        const before = missed.get(nameOf(offset));
        missed.set(nameOf(offset), { count: (before?.count ?? 0) + 1, first: before?.first ?? offset });
      } else found.set(by, (found.get(by) ?? 0) + 1);
    }
  }
  for (let length = start; length < bytes.length; length += step) {
    cuts += 1;
    if ((await ask(changed.subarray(0, length))) === undefined) missedCuts.push(length);
  }
  return {
    file,
    bytes: bytes.length - start,
    flips: changes,
    step,
    found,
    missed,
    cuts,
    missedCuts,
    slowestMs,
  };
}

/** Again, in processor time; milliseconds. */
async function insist(file: string, look: () => Promise<unknown>): Promise<number> {
  const began = process.cpuUsage();
  await look();
  const elapsed = cpuMs(began);
  if (elapsed > LIMIT_MS) throw new Error(`${file}: a change takes ${elapsed} ms`);
  return elapsed;
}
