/** `nydusify tree`: the directories of an image, drawn. */
import { UsageError } from '../../errors.js';
import { lookup, pathFromText, showPath } from '../../look/lookup.js';
import { displayName, type RawPath } from '../../oci/raw-name.js';
import { sortedChildrenSteps } from '../../rafs-builder/index.js';
import { inTurns, type Steps } from '../../turns.js';
import type { TreeNode } from '../../rafs-builder/model/tree.js';
import type { CommandTable } from '../command.js';
import type { FlagValues } from '../flags/flags.js';
import { TREE_FLAGS } from '../flags/look.js';
import { entryJson, LinkCounts, nameColours, type NameColours } from '../text/look.js';
import { Looking, LOCATIONS } from './look.js';
import { LazyList, type Lines } from '../text/print.js';
import { plural } from '../text/units.js';

const EXAMPLES = `
Examples:
  $ nydusify tree -L 2 registry.example/app:1.0-nydus
  $ nydusify tree -d registry.example/app:1.0-nydus /usr/share`;

export const TREE: CommandTable = {
  description: `Draws the directories of an image without pulling it.\n\n${LOCATIONS}`,
  words: [
    ['<ref>', 'the image'],
    ['[path]', 'where to begin; / by default'],
  ],
  usage: '[options] REF [PATH]',
  flags: TREE_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [location = '', path] = call.words;
    const { context } = call;
    await using looking = new Looking(call);
    const depth = depthOf(looking.flags) ?? Infinity;
    const filesystem = await looking.filesystem(location);
    const found = lookup(filesystem.root, pathFromText(path ?? '/'), { follow: true });
    const drawing = new Drawing(depth, looking.flags.isOn('dirs-only'), nameColours(context));
    if (looking.json) {
      const links = await inTurns(LinkCounts.of(filesystem.root), context.signal);
      await looking.printJson({ tree: drawing.json(found.node, found.path, links, 0) }, filesystem);
    } else {
      await looking.print(drawing.lines(found.node, showPath(found.path)));
    }
    looking.stats();
  },
};

/** `--depth`. Throws UsageError for what is no number from 0. */
export function depthOf(flags: FlagValues): number | undefined {
  const depth = flags.number('depth');
  if (depth !== undefined && depth < 0) throw new UsageError(`--depth ${depth}: it cannot be negative`);
  return depth;
}

class Drawing {
  readonly #depth: number;
  readonly #directoriesOnly: boolean;
  readonly #colours: NameColours;
  #directories = 0;
  #others = 0;

  constructor(depth: number, directoriesOnly: boolean, colours: NameColours) {
    this.#depth = depth;
    this.#directoriesOnly = directoriesOnly;
    this.#colours = colours;
  }

  *lines(root: TreeNode, name: string): Lines {
    yield this.#label(root, name);
    // Deep trees would be too much for recursion.
    const open = [{ children: yield* this.#children(root, 0), at: 0, indent: '' }];
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      const child = level.children[level.at];
      if (child === undefined) {
        open.pop();
        continue;
      }
      level.at += 1;
      const last = level.at === level.children.length;
      if (child.children === undefined) this.#others += 1;
      else this.#directories += 1;
      yield `${level.indent}${last ? '└── ' : '├── '}${this.#label(child, displayName(child.name))}`;
      const indent = `${level.indent}${last ? '    ' : '│   '}`;
      open.push({ children: yield* this.#children(child, open.length), at: 0, indent });
    }
    yield '';
    const directories = plural(this.#directories, 'directory').replace('directorys', 'directories');
    yield this.#directoriesOnly ? directories : `${directories}, ${plural(this.#others, 'file')}`;
  }

  json(node: TreeNode, path: RawPath, links: LinkCounts, depth: number): object {
    const facts = entryJson(path, node, links);
    if (node.children === undefined || depth >= this.#depth) return facts;
    return { ...facts, children: new LazyList(this.#jsonOfChildren(node, path, links, depth)) };
  }

  *#jsonOfChildren(
    node: TreeNode,
    path: RawPath,
    links: LinkCounts,
    depth: number,
  ): Generator<object | undefined, void> {
    for (const child of yield* this.#children(node, depth)) {
      const below = (path === '' ? child.name : `${path}/${child.name}`) as RawPath; // components joined by `/`
      yield this.json(child, below, links, depth + 1);
    }
  }

  *#children(node: TreeNode, depth: number): Steps<readonly TreeNode[]> {
    if (depth >= this.#depth || node.children === undefined) return [];
    const children = yield* sortedChildrenSteps(node);
    return this.#directoriesOnly ? children.filter((child) => child.children !== undefined) : children;
  }

  #label({ inode }: TreeNode, name: string): string {
    const target = inode.kind === 'symlink' ? ` -> ${displayName(inode.target)}` : '';
    return `${this.#colours(name, inode)}${target}`;
  }
}
