/** `nydusify ls`: names of an image, as `ls` shows those of a folder. */
import { NoSuchPathError } from '../../errors.js';
import type { Filesystem } from '../../look/filesystem.js';
import { lookup, pathFromText, showPath, type Found } from '../../look/lookup.js';
import { displayName, type RawPath } from '../../oci/raw-name.js';
import { sortedChildren, walk } from '../../rafs-builder/index.js';
import type { TreeNode } from '../../rafs-builder/model/tree.js';
import type { CommandTable } from '../command.js';
import { LS_FLAGS } from '../flags/look.js';
import { entryJson, inColumns, LinkCounts, longLines, nameColours } from '../text/look.js';
import { printLine } from '../text/print.js';
import { Looking, LOCATIONS } from './look.js';

const EXAMPLES = `
Names that begin with a dot are listed too. Bytes that are no printable text are shown as \\xHH, and understood in PATH.

Examples:
  $ nydusify ls registry.example/app:1.0-nydus                  the root
  $ nydusify ls -l registry.example/app:1.0-nydus /etc /usr/bin
  $ nydusify ls -lR --json registry.example/app:1.0-nydus /opt | jq -r '.entries[] | select(.size > 1e6) | .path'
  $ nydusify ls --stats registry.example/app:1.0-nydus /        how little was fetched`;

export const LS: CommandTable = {
  description: `Lists files of an image without pulling it.\n\n${LOCATIONS}`,
  words: [
    ['<ref>', 'the image'],
    ['[path...]', 'what to list; / by default'],
  ],
  usage: '[options] REF [PATH…]',
  flags: LS_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [location = '', ...paths] = call.words;
    await using looking = new Looking(call);
    await list(looking, location, paths.length === 0 ? ['/'] : paths);
    looking.stats();
  },
};

/** A directory or a file that was asked for, or a directory below one. */
interface Listed {
  readonly path: RawPath;
  readonly node: TreeNode;
}

async function list(looking: Looking, location: string, paths: readonly string[]): Promise<void> {
  const { flags } = looking;
  const asIs = flags.isOn('directory');
  const follow = !asIs && !flags.isOn('long');
  const filesystem = await looking.filesystem(location);
  const found: Found[] = [];
  for (const text of paths) {
    try {
      found.push(lookup(filesystem.root, pathFromText(text), { follow }));
    } catch (error) {
      // The other paths are listed all the same.
      if (!(error instanceof NoSuchPathError) || paths.length === 1) throw error;
      printLine(looking.context.stderr, `error: ${error.message}`);
      looking.context.exitCode = 1;
    }
  }
  const isDirectory = ({ node }: Found): boolean => node.children !== undefined && !asIs;
  const single = found.filter((one) => !isDirectory(one));
  const directories = found.filter(isDirectory);
  const recursive = flags.isOn('recursive');
  const groups: (Listed & { readonly entries: readonly Listed[] })[] = [];
  for (const directory of directories) {
    for (const { node, path } of recursive ? walk(directory.node) : [{ node: directory.node, path: '' }]) {
      if (node.children === undefined) continue;
      const full = join(directory.path, path);
      const entries = sortedChildren(node).map((child) => ({ node: child, path: join(full, child.name) }));
      groups.push({ path: full, node, entries });
    }
  }
  if (looking.json) {
    const links = new LinkCounts(filesystem.root);
    const all = [...single, ...groups.flatMap(({ entries }) => entries)];
    looking.printJson({ entries: all.map(({ path, node }) => entryJson(path, node, links)) }, filesystem);
    return;
  }
  looking.print(lines(looking, filesystem, single, groups));
}

function* lines(
  looking: Looking,
  filesystem: Filesystem,
  single: readonly Listed[],
  groups: readonly (Listed & { readonly entries: readonly Listed[] })[],
): Generator<string> {
  const { context, flags } = looking;
  const colours = nameColours(context);
  const links = flags.isOn('long') ? new LinkCounts(filesystem.root) : undefined;
  const show = function* (
    entries: readonly { readonly name: string; readonly node: TreeNode }[],
  ): Generator<string> {
    if (links !== undefined) yield* longLines(entries, links, colours);
    else if (context.stdoutIsTTY === true) yield* inColumns(entries, context.columns, colours);
    else for (const { name } of entries) yield name;
  };
  yield* show(single.map(({ path, node }) => ({ name: showPath(path), node })));
  const headed = groups.length + (single.length > 0 ? 1 : 0) > 1;
  for (const [i, { path, entries }] of groups.entries()) {
    if (i > 0 || single.length > 0) yield '';
    if (headed) yield `${showPath(path)}:`;
    yield* show(entries.map(({ node }) => ({ name: displayName(node.name), node })));
  }
}

function join(path: RawPath, below: string): RawPath {
  return (path === '' ? below : below === '' ? path : `${path}/${below}`) as RawPath; // components joined by `/`
}
