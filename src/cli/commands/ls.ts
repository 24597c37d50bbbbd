/** `nydusify ls`: names of an image, as `ls` shows those of a folder. */
import { NoSuchPathError } from '../../errors.js';
import { lookup, pathFromText, showPath, type Found } from '../../look/lookup.js';
import { displayName, type RawPath } from '../../oci/raw-name.js';
import { sortedChildrenSteps, walkInSteps } from '../../rafs-builder/index.js';
import { inTurns, isPause } from '../../turns.js';
import type { TreeNode } from '../../rafs-builder/model/tree.js';
import type { CommandTable } from '../command.js';
import { LS_FLAGS } from '../flags/look.js';
import { entryJson, inColumns, LinkCounts, longLines, nameColours, type ShownEntry } from '../text/look.js';
import { LazyList, type Lines, printMessage } from '../text/print.js';
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
      printMessage(looking.context, `error: ${error.message}`);
      looking.context.exitCode = 1;
    }
  }
  const isDirectory = ({ node }: Found): boolean => node.children !== undefined && !asIs;
  const single = found.filter((one) => !isDirectory(one));
  const directories = found.filter(isDirectory);
  const recursive = flags.isOn('recursive');
  const { signal } = looking.context;
  if (looking.json) {
    const links = await inTurns(LinkCounts.of(filesystem.root), signal);
    const items = function* (): Generator<object | undefined, void> {
      for (const { path, node } of single) yield entryJson(path, node, links);
      for (const group of groupsOf(directories, recursive)) {
        for (const node of group?.entries ?? [])
          yield entryJson(join(group?.path ?? ROOT, node.name), node, links);
        yield undefined;
      }
    };
    await looking.printJson({ entries: new LazyList(items()) }, filesystem);
    return;
  }
  const isLong = flags.isOn('long');
  const links = isLong ? await inTurns(LinkCounts.of(filesystem.root), signal) : undefined;
  const isHeaded =
    (single.length > 0 ? 1 : 0) + directories.length > 1 || (recursive && directories.some(hasDirectories));
  await looking.print(lines(looking, single, { groups: groupsOf(directories, recursive), isHeaded, links }));
}

/** A directory, with what is in it in the order of names. */
interface Group extends Listed {
  readonly entries: readonly TreeNode[];
}

const ROOT = '' as RawPath; // the root's path is empty

/** Yields directories one after the other, since the paths of all of them can take more room than the image. */
function* groupsOf(directories: readonly Found[], recursive: boolean): Generator<Group | undefined, void> {
  for (const directory of directories) {
    const steps = recursive ? walkInSteps(directory.node) : [{ node: directory.node, path: ROOT }];
    for (const step of steps) {
      if (step?.node.children !== undefined) {
        const { node, path } = step;
        yield { path: join(directory.path, path), node, entries: yield* sortedChildrenSteps(node) };
      } else if (step === undefined) yield undefined;
    }
  }
}

function hasDirectories({ node }: Found): boolean {
  for (const child of node.children?.values() ?? []) if (child.children !== undefined) return true;
  return false;
}

function* lines(
  { context }: Looking,
  single: readonly Listed[],
  {
    groups,
    isHeaded,
    links,
  }: {
    readonly groups: Iterable<Group | undefined>;
    readonly isHeaded: boolean;
    readonly links: LinkCounts | undefined;
  },
): Lines {
  const colours = nameColours(context);
  const show = function* (entries: readonly ShownEntry[]): Lines {
    if (links !== undefined) yield* longLines(entries, links, colours);
    else if (context.stdoutIsTTY === true) yield* inColumns(entries, context.columns, colours);
    else for (const { name } of entries) yield name;
  };
  yield* show(single.map(({ path, node }) => ({ name: showPath(path), node })));
  let isFirst = single.length === 0;
  for (const group of groups) {
    yield undefined;
    if (group === undefined) continue;
    if (!isFirst) yield '';
    isFirst = false;
    if (isHeaded) yield `${showPath(group.path)}:`;
    const shown: ShownEntry[] = [];
    for (const node of group.entries) {
      if (isPause(shown.length)) yield undefined;
      shown.push({ name: displayName(node.name), node });
    }
    yield* show(shown);
  }
}

function join(path: RawPath, below: string): RawPath {
  return (path === '' ? below : below === '' ? path : `${path}/${below}`) as RawPath; // components joined by `/`
}
