/**
 * What a disk may hold after the power failed at any moment of a run. The run's calls are recorded by strace and replayed one by one on
 * a model: bytes are safe once their file is synchronised, names once their folder is. After each call, the disk may have kept
 * only what is safe, or all names and only safe bytes, or what is safe and the last name alone.
 */
import { dirname } from 'node:path';

interface FileNode {
  readonly kind: 'file';
  /** All bytes are on the disk. */
  isSafe: boolean;
}

interface FolderNode {
  readonly kind: 'folder';
  readonly names: Map<string, Node>;
  /** The names as they are on the disk. */
  safe: ReadonlyMap<string, Node>;
}

type Node = FileNode | FolderNode;

/** A disk after a power failure: files by path below the folder, each with whether it has its bytes. */
export type Survivors = ReadonlyMap<string, boolean>;

const TRACED =
  'openat,write,pwrite64,writev,pwritev,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,unlink,unlinkat,rmdir,fsync,fdatasync';

/** The arguments of strace that record a command's calls into `log`. */
export function traceArguments(log: string): readonly string[] {
  return ['-f', '-qq', '-y', '-s', '0', '-e', `trace=${TRACED}`, '-o', log];
}

/** All disks, without repetition, that failures during the recorded run may leave below `root`, which was empty before. */
export function survivors(record: string, root: string): readonly Survivors[] {
  const disk = new Disk(root);
  const found = new Map<string, Survivors>();
  for (const call of completedCalls(record)) {
    if (!disk.apply(call)) continue;
    for (const state of disk.states()) found.set(JSON.stringify([...state].sort()), state);
  }
  return [...found.values()];
}

/** Joins calls that another thread's calls have cut in two. */
function* completedCalls(record: string): Generator<string> {
  const begun = new Map<string, string>();
  for (const line of record.split('\n')) {
    const [, thread = '', text = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
    if (text.endsWith('<unfinished ...>')) begun.set(thread, text.slice(0, -'<unfinished ...>'.length));
    else if (resumed !== null) yield `${begun.get(thread) ?? ''}${resumed[1] ?? ''}`;
    else yield text;
  }
}

class Disk {
  readonly #root: string;
  readonly #folders = new Map<string, FolderNode>();
  #last: string | undefined;

  constructor(root: string) {
    this.#root = root;
    this.#folders.set(root, { kind: 'folder', names: new Map(), safe: new Map() });
  }

  /** True when the call changed something below the root. */
  apply(call: string): boolean {
    const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(call) ?? [];
    if (name === '' || result.startsWith('-')) return false;
    const paths = [...args.matchAll(/"([^"]*)"(?!\.\.\.)/g)].map((match) => match[1] ?? '');
    const open = /^\d+<([^>]*)>/.exec(args)?.[1] ?? '';
    const [first = '', second = ''] = paths;
    if (name.includes('write')) return this.#change(open, false);
    if (name === 'fsync' || name === 'fdatasync') return this.#change(open, true);
    if (name === 'openat')
      return args.includes('O_CREAT') && this.#add(first, { kind: 'file', isSafe: true }, true);
    if (name.startsWith('mkdir')) return this.#addFolder(first);
    if (name.startsWith('rename')) return this.#move(first, second, true);
    if (name.startsWith('link')) return this.#move(first, second, false);
    return this.#folder(first)?.names.delete(nameOf(first)) === true;
  }

  *states(): Generator<Survivors> {
    yield this.#files((folder) => folder.safe);
    yield this.#files((folder) => folder.names);
    const last = this.#last;
    const node = last === undefined ? undefined : this.#folder(last)?.names.get(nameOf(last));
    if (last === undefined || node?.kind !== 'file') return;
    yield new Map([
      ...this.#files((folder) => folder.safe),
      [last.slice(this.#root.length + 1), node.isSafe],
    ]);
  }

  #files(namesOf: (folder: FolderNode) => ReadonlyMap<string, Node>): Map<string, boolean> {
    const files = new Map<string, boolean>();
    const walk = (folder: FolderNode | undefined, path: string): void => {
      for (const [name, node] of folder === undefined ? [] : namesOf(folder)) {
        if (node.kind === 'file') files.set(`${path}${name}`, node.isSafe);
        else walk(node, `${path}${name}/`);
      }
    };
    walk(this.#folders.get(this.#root), '');
    return files;
  }

  #folder(path: string): FolderNode | undefined {
    return this.#folders.get(dirname(path));
  }

  #change(path: string, isSafe: boolean): boolean {
    const folder = this.#folders.get(path);
    if (folder !== undefined) {
      if (isSafe) folder.safe = new Map(folder.names);
      return isSafe;
    }
    const node = this.#folder(path)?.names.get(nameOf(path));
    if (node?.kind !== 'file') return false;
    node.isSafe = isSafe;
    return true;
  }

  #add(path: string, node: Node, keeps: boolean): boolean {
    const names = this.#folder(path)?.names;
    if (names === undefined || (keeps && names.has(nameOf(path)))) return false;
    names.set(nameOf(path), node);
    this.#last = path;
    return true;
  }

  #addFolder(path: string): boolean {
    const node: FolderNode = { kind: 'folder', names: new Map(), safe: new Map() };
    if (!this.#add(path, node, true)) return false;
    this.#folders.set(path, node);
    return true;
  }

  #move(from: string, to: string, isRename: boolean): boolean {
    const node = this.#folder(from)?.names.get(nameOf(from));
    if (node === undefined) return false;
    if (isRename) this.#folder(from)?.names.delete(nameOf(from));
    return this.#add(to, node, false);
  }
}

function nameOf(path: string): string {
  return path.slice(dirname(path).length + 1);
}
