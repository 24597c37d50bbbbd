/**
 * The v5 bootstrap that a dump tells of, byte for byte as the reference wrote it (but for the order of several xattrs of
 * one inode, which the reference leaves to chance). The product does not write v5; tests need some to read.
 */
import { roundUp } from '../../../src/rafs-builder/layout/struct.js';
import * as v5 from '../../../src/rafs-builder/layout/v5.js';
import { chunkInfo, FILE_TYPES } from '../../../src/rafs-builder/layout/v6.js';

interface Name {
  readonly path: string;
  /** The words of its `I` line. */
  readonly words: readonly string[];
  readonly lines: string[][];
  readonly children: Name[];
  parent: Name | undefined;
  childIndex: number;
}

const KINDS: Readonly<Record<string, keyof typeof FILE_TYPES>> = {
  f: 'file',
  d: 'directory',
  l: 'symlink',
  c: 'char',
  b: 'block',
  p: 'fifo',
  s: 'socket',
};

function unescape(word: string): Buffer {
  if (word === '-') return Buffer.alloc(0);
  const text = word.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(text, 'latin1');
}

function pad(...parts: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([bytes, Buffer.alloc(roundUp(bytes.length, v5.ALIGNMENT) - bytes.length)]);
}

export function v5FromDump(text: string): Buffer {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '));
  const facts = factsOf(lines[0]?.slice(2) ?? []);
  const names = readNames(lines);
  const root = names[0];
  if (root === undefined) throw new Error('a dump without a root');
  giveNumbers(root);
  const blobs = lines.filter(([letter]) => letter === 'B').map((line) => factsOf(line.slice(2)));
  const prefetch = (lines.find(([letter]) => letter === 'P') ?? ['P']).slice(1).map(Number);
  const table = Buffer.alloc(roundUp(names.length * 4, v5.ALIGNMENT));
  const prefetchTable = Buffer.alloc(roundUp(prefetch.length * 4, v5.ALIGNMENT));
  prefetch.forEach((ino, i) => prefetchTable.writeUInt32LE(ino, i * 4));
  const blobTable = pad(
    ...blobs.flatMap((blob, i) => [
      ...(i === 0 ? [] : [Buffer.alloc(1)]),
      Buffer.alloc(v5.blobPrefix.size),
      Buffer.from(blob('id'), 'latin1'),
    ]),
  );
  const extended = Buffer.concat(blobs.map(extendedOf));
  const offsets = { inodes: v5.SUPER_SIZE, prefetch: 0, blobs: 0, extended: 0 };
  offsets.prefetch = offsets.inodes + table.length;
  offsets.blobs = offsets.prefetch + prefetchTable.length;
  offsets.extended = offsets.blobs + blobTable.length;
  let at = offsets.extended + extended.length;
  const records = names.map((name) => {
    const record = recordOf(name);
    table.writeUInt32LE(at / v5.INODE_UNIT, (Number(name.words[11]) - 1) * 4);
    at += record.length;
    return record;
  });
  const superBlock = Buffer.alloc(v5.SUPER_SIZE);
  v5.superBlock.write(superBlock, 0, {
    magic: v5.SUPER_MAGIC,
    version: v5.VERSION,
    size: v5.SUPER_SIZE,
    chunkSize: Number(facts('chunk_size')),
    flags: Number(facts('flags')),
    inodes: Number(facts('inodes')),
    inodeTableOffset: offsets.inodes,
    prefetchTableOffset: offsets.prefetch,
    blobTableOffset: offsets.blobs,
    inodeTableEntries: names.length,
    prefetchTableEntries: prefetch.length,
    blobTableSize: blobTable.length,
    extendedEntries: blobs.length,
    extendedOffset: offsets.extended,
  });
  return Buffer.concat([superBlock, table, prefetchTable, blobTable, extended, ...records]);
}

function factsOf(words: readonly string[]): (key: string) => string {
  return (key) => {
    const word = words.find((one) => one.startsWith(`${key}=`));
    if (word === undefined) throw new Error(`a dump line without ${key}`);
    return word.slice(key.length + 1);
  };
}

function extendedOf(blob: (key: string) => string): Buffer {
  const entry = Buffer.alloc(v5.extendedBlob.size);
  v5.extendedBlob.write(entry, 0, {
    chunkCount: Number(blob('chunks')),
    features: Number(blob('features')),
    uncompressedSize: Number(blob('usize')),
    compressedSize: Number(blob('csize')),
  });
  return entry;
}

/** In the order of the dump, which is that of the records: depth first. */
function readNames(lines: readonly string[][]): Name[] {
  const names: Name[] = [];
  const byPath = new Map<string, Name>();
  for (const words of lines) {
    if (words[0] === 'I') {
      const path = words[1] ?? '';
      const parent = path === '/' ? undefined : byPath.get(path.slice(0, path.lastIndexOf('/')) || '/');
      const name: Name = { path, words, lines: [], children: [], parent, childIndex: 0 };
      parent?.children.push(name);
      byPath.set(path, name);
      names.push(name);
    } else if (['D', 'L', 'X', 'C'].includes(words[0] ?? '')) {
      names.at(-1)?.lines.push(words);
    }
  }
  return names;
}

/** All entries of a directory in a row, then those of the directories in it; an empty one has the next free number. */
function giveNumbers(root: Name): void {
  let next = 2;
  const visit = (directory: Name): void => {
    directory.childIndex = next;
    next += directory.children.length;
    for (const child of directory.children) if (child.words[2] === 'd') visit(child);
  };
  visit(root);
}

function recordOf(name: Name): Buffer {
  const { words, lines, children, parent } = name;
  const number = (i: number): number => Number(words[i]);
  const of = (letter: string): string[][] => lines.filter(([first]) => first === letter);
  const kind = KINDS[words[2] ?? ''] ?? 'file';
  const bytes =
    parent === undefined
      ? Buffer.from(v5.ROOT_NAME)
      : unescape(name.path.slice(name.path.lastIndexOf('/') + 1));
  const target = unescape(of('L')[0]?.[1] ?? '-');
  const chunks = of('C');
  const record = Buffer.alloc(v5.inode.size);
  v5.inode.write(record, 0, {
    digest: Buffer.from(of('D')[0]?.[1] ?? '', 'hex'),
    parent: parent === undefined ? 0 : Number(parent.words[10]),
    ino: number(10),
    uid: number(4),
    gid: number(5),
    project: 0,
    mode: FILE_TYPES[kind].mode | Number.parseInt(words[3] ?? '', 8),
    size: number(6),
    blocks: Number(of('D')[0]?.[2]),
    flags: number(13),
    nlink: number(9),
    childIndex: kind === 'directory' ? name.childIndex : 0,
    childCount: kind === 'directory' ? children.length : chunks.length,
    nameSize: bytes.length,
    symlinkSize: target.length,
    rdev: number(12),
    mtimeNsec: number(8),
    mtime: number(7),
  });
  return Buffer.concat([record, pad(bytes), pad(target), xattrsOf(of('X')), ...chunks.map(chunkOf)]);
}

function xattrsOf(lines: readonly string[][]): Buffer {
  if (lines.length === 0) return Buffer.alloc(0);
  const pairs = lines.map((words) => {
    const value = Buffer.from(words[2] === '-' ? '' : (words[2] ?? ''), 'hex');
    const pair = Buffer.concat([Buffer.alloc(4), unescape(words[1] ?? ''), Buffer.alloc(1), value]);
    pair.writeUInt32LE(pair.length - 4, 0);
    return pair;
  });
  const total = Buffer.alloc(8);
  total.writeUInt32LE(Buffer.concat(pairs).length, 0);
  return pad(total, ...pairs);
}

function chunkOf(words: readonly string[]): Buffer {
  const number = (i: number): number => Number(words[i]);
  const record = Buffer.alloc(chunkInfo.size);
  chunkInfo.write(record, 0, {
    blobIndex: number(1),
    index: number(2),
    digest: Buffer.from(words[3] ?? '', 'hex'),
    fileOffset: number(4),
    compressedOffset: number(5),
    compressedSize: number(6),
    uncompressedOffset: number(7),
    uncompressedSize: number(8),
    flags: number(9),
    crc32: Number.parseInt(words[10] ?? '', 16),
  });
  return record;
}
