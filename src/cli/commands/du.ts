/** `nydusify du`: what directories weigh, in files and in the chunks that must be fetched for them. */
import type { Filesystem } from '../../look/filesystem.js';
import { lookup, pathFromText, showPath } from '../../look/lookup.js';
import { usageByDirectory, type ChunkSizes, type DirectoryUsage } from '../../rafs-builder/show/usage.js';
import type { RawPath } from '../../oci/raw-name.js';
import type { CommandTable } from '../command.js';
import { DU_FLAGS } from '../flags/look.js';
import { pathJson } from '../text/look.js';
import { Looking, LOCATIONS } from './look.js';
import { depthOf } from './tree.js';
import { table } from '../text/columns.js';
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
    const usages = below(usageByDirectory(filesystem.root, chunkSizes(filesystem)), start, depth);
    if (looking.json) {
      looking.printJson(
        { directories: usages.map((usage) => ({ ...usage, ...pathJson('path', usage.path) })) },
        filesystem,
      );
    } else {
      looking.print(usageTable(usages, filesystem.kind === 'nydus', looking.flags.isOn('bytes')));
    }
    looking.stats();
  },
};

/** Undefined for plain layers: nothing in them is stored by chunk. */
function chunkSizes(filesystem: Filesystem): ChunkSizes | undefined {
  return filesystem.kind === 'nydus' ? (ref) => filesystem.chunk(ref).record : undefined;
}

/** The directory itself and those at most `depth` levels below it, largest first. */
function below(usages: readonly DirectoryUsage[], start: RawPath, depth: number): DirectoryUsage[] {
  const inside = usages.filter(({ path }) => path === start || start === '' || path.startsWith(`${start}/`));
  const top = inside.find(({ path }) => path === start)?.depth ?? 0;
  return inside
    .filter((usage) => usage.depth - top <= depth)
    .sort((a, b) => b.unique.stored - a.unique.stored || b.bytes - a.bytes);
}

function* usageTable(usages: readonly DirectoryUsage[], chunks: boolean, exact: boolean): Generator<string> {
  const size = exact ? String : formatBytes;
  const head = ['files', 'size', ...(chunks ? ['chunks', 'stored', 'own', 'shared'] : []), 'path'];
  const rows = usages.map((usage) => [
    String(usage.files),
    size(usage.bytes),
    ...(chunks
      ? [usage.unique.uncompressed, usage.unique.stored, usage.own.stored, usage.shared.stored].map(size)
      : []),
    showPath(usage.path),
  ]);
  yield* table([head, ...rows], new Set([head.length - 1]));
}
