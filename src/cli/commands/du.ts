/** `nydusify du`: what directories weigh, in files and in the chunks that must be fetched for them. */
import type { Filesystem } from '../../look/filesystem.js';
import { lookup, pathFromText, showPath } from '../../look/lookup.js';
import { usageSteps, type ChunkSizes, type DirectoryUsage } from '../../rafs-builder/show/usage.js';
import type { RawPath } from '../../oci/raw-name.js';
import type { CommandTable } from '../command.js';
import { DU_FLAGS } from '../flags/look.js';
import { pathJson } from '../text/path-json.js';
import { inTurns, isPause, sortSteps, type Steps } from '../../turns.js';
import { LazyList, type Lines } from '../text/print.js';
import { Looking, LOCATIONS } from './look.js';
import { depthOf } from './tree.js';
import { longTable } from '../text/columns.js';
import { formatBytes } from '../text/units.js';

const EXAMPLES = `
size    bytes of the files in the directory, and below it; a file with several names counts once
chunks  what these files come to when equal chunks count once
stored  the same, compressed as it lies in the blobs: what a client fetches to read all of it
own     the part of stored that nothing outside of the directory uses: what goes when it goes
shared  the part that files elsewhere use too

Largest first. Ordinary images have no chunks; for them only sizes are shown.

Examples:
  $ nydusify du registry.example/app:1.0-nydus
  $ nydusify du -d 3 registry.example/app:1.0-nydus /usr
  $ nydusify du --json registry.example/app:1.0-nydus | jq '.directories[] | select(.own.stored > 1e6)'`;

export const DU: CommandTable = {
  description: `Counts the bytes of directories of an image without pulling it.\n\n${LOCATIONS}`,
  words: [
    ['<ref>', 'the image'],
    ['[path]', 'where to begin; / by default'],
  ],
  usage: '[options] REF [PATH]',
  flags: DU_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [location = '', path] = call.words;
    await using looking = new Looking(call);
    const depth = depthOf(looking.flags) ?? 1;
    const filesystem = await looking.filesystem(location);
    const start = lookup(filesystem.root, pathFromText(path ?? '/'), { follow: true }).path;
    const { signal } = looking.context;
    const all = await inTurns(usageSteps(filesystem.root, chunkSizes(filesystem)), signal);
    const usages = await inTurns(below(all, start, depth), signal);
    if (looking.json) {
      await looking.printJson({ directories: new LazyList(usageJson(usages)) }, filesystem);
    } else {
      await looking.print(usageTable(usages, filesystem.kind === 'nydus', looking.flags.isOn('bytes')));
    }
    looking.stats();
  },
};

/** Undefined for plain layers: nothing in them is stored by chunk. */
function chunkSizes(filesystem: Filesystem): ChunkSizes | undefined {
  return filesystem.kind === 'nydus' ? (ref) => filesystem.chunk(ref).record : undefined;
}

/** The directory itself and those at most `depth` levels below it, largest first. */
function* below(usages: readonly DirectoryUsage[], start: RawPath, depth: number): Steps<DirectoryUsage[]> {
  const inside: DirectoryUsage[] = [];
  let top: number | undefined;
  // Parents come before children.
  for (const [count, usage] of usages.entries()) {
    if (isPause(count)) yield;
    const path = start === '' ? '' : usage.path;
    if (path !== start && !path.startsWith(`${start}/`)) continue;
    top ??= usage.depth;
    if (usage.depth - top <= depth) inside.push(usage);
  }
  return yield* sortSteps(inside, (a, b) => b.unique.stored - a.unique.stored || b.bytes - a.bytes);
}

function* usageJson(usages: readonly DirectoryUsage[]): Generator<object | undefined, void> {
  for (const [count, usage] of usages.entries()) {
    if (isPause(count)) yield undefined;
    const { depth, files, bytes, unique, own, shared } = usage;
    yield { ...pathJson('path', usage.path), depth, files, bytes, unique, own, shared };
  }
}

function* usageTable(usages: readonly DirectoryUsage[], chunks: boolean, exact: boolean): Lines {
  const size = exact ? String : formatBytes;
  const rows = [['files', 'size', ...(chunks ? ['chunks', 'stored', 'own', 'shared'] : [])]];
  for (const [count, usage] of usages.entries()) {
    if (isPause(count)) yield undefined;
    const { unique, own, shared } = usage;
    const sizes = chunks ? [unique.uncompressed, unique.stored, own.stored, shared.stored] : [];
    rows.push([String(usage.files), ...[usage.bytes, ...sizes].map(size)]);
  }
  // Paths are made one by one: together they can take more room than the image.
  yield* longTable(rows, new Set(), (row) => {
    const usage = usages[row - 1];
    return usage === undefined ? 'path' : showPath(usage.path);
  });
}
