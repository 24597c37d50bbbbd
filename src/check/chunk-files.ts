/** Names the files that hold damaged chunks, since that is what a person asks next. */
import { FormatError } from '../errors.js';
import { inTurns, type Steps } from '../turns.js';
import { displayName, type RawPath } from '../oci/raw-name.js';
import { walkInSteps } from '../rafs-builder/index.js';
import { type Bootstrap, chunkRef, type ChunkRef, type Inode } from '../rafs-builder/model/tree.js';
import type { CallOptions } from '../reporter.js';
import type { Finding, PlaceInFile } from './finding.js';
import type { ReadBootstrap } from './opened.js';

/** A chunk may be part of every file of an image; so many are named, and the others are counted. */
const NAMED = 3;

/** The files that hold one chunk. */
interface Holders {
  /** The first of them in walk order, each with its first name. */
  readonly named: PlaceInFile[];
  count: number;
}

/** The findings about one blob, and its position in the bootstrap; undefined if no file uses the blob. */
export interface BlobFindings {
  readonly findings: readonly Finding[];
  readonly number: number | undefined;
}

/** Returns the findings in their order. The tree is read only if a chunk is damaged, and once for all of them. */
export async function withFiles(
  { bootstrap, readTree }: ReadBootstrap,
  blobs: readonly BlobFindings[],
  { signal }: CallOptions,
): Promise<readonly Finding[]> {
  const holders = new Map<ChunkRef, Holders>();
  for (const { findings, number } of blobs)
    for (const { chunk } of findings)
      if (chunk !== undefined && number !== undefined)
        holders.set(chunkRef(number, chunk), { named: [], count: 0 });
  if (holders.size > 0) {
    try {
      await inTurns(readTree(), signal);
      await inTurns(findHolders(bootstrap, holders), signal);
    } catch (cause) {
      // The faults of the tree have findings of their own, and those of the chunks stand without files.
      if (!(cause instanceof FormatError)) throw cause;
      return blobs.flatMap(({ findings }) => findings);
    }
  }
  return blobs.flatMap(({ findings, number }) =>
    findings.map((found) => {
      if (found.chunk === undefined) return found;
      return withHolders(
        found,
        number === undefined ? undefined : holders.get(chunkRef(number, found.chunk)),
      );
    }),
  );
}

function* findHolders({ root, chunkSize }: Bootstrap, holders: ReadonlyMap<ChunkRef, Holders>): Steps<void> {
  // A file with several names is one file.
  const seen = new Set<Inode>();
  for (const step of walkInSteps(root)) {
    if (step === undefined) {
      yield;
      continue;
    }
    const { inode } = step.node;
    if (inode.kind !== 'file') continue;
    const told = new Set<Holders>();
    for (const [i, ref] of inode.chunks.entries()) {
      const held = holders.get(ref);
      // Of a chunk that a file repeats, the first place is named.
      if (held === undefined || seen.has(inode) || told.has(held)) continue;
      told.add(held);
      held.count += 1;
      if (held.named.length < NAMED) held.named.push({ path: step.path, offset: i * chunkSize });
    }
    if (told.size > 0) seen.add(inode);
  }
}

function withHolders(found: Finding, { named, count }: Holders = { named: [], count: 0 }): Finding {
  return {
    ...found,
    message: `${found.message}; ${count === 0 ? 'no file holds it' : `in ${namesOf(named, count)}`}`,
    files: { count, first: named },
  };
}

function namesOf(named: readonly PlaceInFile[], count: number): string {
  const names = named.map(({ path, offset }) => `${shown(path)} at 0x${offset.toString(16)}`);
  const rest = count - named.length;
  if (rest > 0) names.push(`${rest} more file${rest === 1 ? '' : 's'}`);
  const last = names.pop() ?? '';
  return names.length === 0 ? last : `${names.join(', ')} and ${last}`;
}

function shown(path: RawPath): string {
  return `/${displayName(path)}`;
}
