/**
 * A dump (dumpV6, or the reference's through dump.py) back to what a bootstrap is written from. So the stored dumps are
 * golden both ways: read gives the dump, and writing what the dump says gives the reference's bytes.
 */
import type { RawName, RawPath } from '../../../src/oci/raw-name.js';
import {
  type Blob,
  type BlobRecord,
  type BootstrapInput,
  type ChunkRecord,
  type ChunkRef,
  chunkRef,
  type CompressorName,
  type DigesterName,
  type Inode,
  type TreeNode,
  type Xattr,
} from '../../../src/rafs-builder/model/tree.js';
import { COMPRESSOR_FLAG, DIGESTER_FLAG, superFlags } from '../../../src/rafs-builder/layout/v6.js';

function unescapeRaw(word: string): string {
  if (word === '-') return '';
  return word.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function keyValues(words: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    words.map((word): [string, string] => [
      word.slice(0, word.indexOf('=')),
      word.slice(word.indexOf('=') + 1),
    ]),
  );
}

class Fields {
  readonly #words: readonly string[];
  constructor(words: readonly string[]) {
    this.#words = words;
  }
  text(i: number): string {
    const word = this.#words[i];
    if (word === undefined) throw new Error(`a dump line without field ${i}: ${this.#words.join(' ')}`);
    return word;
  }
  number(i: number): number {
    return Number(this.text(i));
  }
}

interface OpenInode {
  readonly path: string;
  readonly ino: string;
  readonly lines: Fields[];
  readonly fields: Fields;
}

/** The bootstrap that `text` describes. `layer` is 0 everywhere; file offsets of the chunk table are those of the T lines. */
export function parseDump(text: string): BootstrapInput {
  const lines = text.split('\n').filter((line) => line !== '');
  const of = (letter: string): Fields[] =>
    lines.filter((line) => line.startsWith(`${letter} `)).map((line) => new Fields(line.split(' ')));
  const facts = keyValues((lines[0] ?? '').split(' ').slice(2));
  const flags = Number(facts.get('flags'));
  const chunkSize = Number(facts.get('chunk_size'));
  const records = new Map<ChunkRef, ChunkRecord>();
  const offsets = new Map<ChunkRef, number>();
  for (const line of of('T')) {
    const ref = chunkRef(line.number(1), line.number(2));
    offsets.set(ref, line.number(4));
    records.set(ref, {
      digest: Buffer.from(line.text(3), 'hex'),
      crc32: (line.number(9) & 0x10) === 0 ? undefined : Number.parseInt(line.text(10), 16),
      compressed: (line.number(9) & 1) !== 0,
      compressedOffset: line.number(5),
      compressedSize: line.number(6),
      uncompressedOffset: line.number(7),
      uncompressedSize: line.number(8),
    });
  }
  const blobs = lines
    .filter((line) => line.startsWith('B '))
    .map((line, i) => toBlob(keyValues(line.split(' ').slice(2)), i, records));
  return {
    root: toTree(lines),
    blobs,
    chunkSize,
    compressor: named(COMPRESSOR_FLAG, flags),
    digester: named(DIGESTER_FLAG, flags),
    forceXattrFlag: superFlags.has(flags, 'HAS_XATTR'),
    storedFileOffset: (_, ref) => offsets.get(ref),
  };
}

/** The name whose flag is set. */
function named<Name extends string>(
  flagOf: Readonly<Record<Name, keyof typeof superFlags.bits>>,
  flags: number,
): Name {
  const names = Object.keys(flagOf) as Name[]; // the table's own keys
  const name = names.find((one) => superFlags.has(flags, flagOf[one]));
  if (name === undefined) throw new Error(`flags ${flags} have none of ${names.join(', ')}`);
  return name;
}

function toBlob(
  facts: ReadonlyMap<string, string>,
  blob: number,
  records: ReadonlyMap<ChunkRef, ChunkRecord>,
): Blob {
  const text = (key: string): string => facts.get(key) ?? '';
  const number = (key: string): number => Number(facts.get(key));
  const record: BlobRecord = {
    id: text('id'),
    chunkCount: number('chunks'),
    chunkSize: number('chunk_size'),
    compressor: text('compressor') as CompressorName, // the dump's words are ours
    digester: text('digester') as DigesterName, // the same
    features: number('features'),
    compressedSize: number('csize'),
    uncompressedSize: number('usize'),
    metaCompressor: text('ci') as CompressorName, // the same
    metaOffset: number('ci_off'),
    metaCompressedSize: number('ci_csize'),
    metaUncompressedSize: number('ci_usize'),
  };
  return {
    record,
    chunks: {
      length: record.chunkCount,
      at: (index) => {
        const found = records.get(chunkRef(blob, index));
        if (found === undefined) throw new Error(`no T line for chunk ${index} of blob ${blob}`);
        return found;
      },
    },
  };
}

function toTree(lines: readonly string[]): TreeNode {
  const open: OpenInode[] = [];
  for (const line of lines) {
    const fields = new Fields(line.split(' '));
    const letter = fields.text(0);
    if (letter === 'I')
      open.push({ path: unescapeRaw(fields.text(1)), ino: fields.text(10), fields, lines: [] });
    else if (letter === 'L' || letter === 'X' || letter === 'C') open.at(-1)?.lines.push(fields);
  }
  const inodes = new Map<string, Inode>();
  const directories = new Map<string, Map<RawName, TreeNode>>();
  let root: TreeNode | undefined;
  for (const one of open) {
    const inode = inodes.get(one.ino) ?? toInode(one);
    inodes.set(one.ino, inode);
    const children = inode.kind === 'directory' ? new Map<RawName, TreeNode>() : undefined;
    if (children !== undefined) directories.set(one.path, children);
    const slash = one.path.lastIndexOf('/');
    const name = one.path.slice(slash + 1) as RawName; // a dump holds one character a byte
    const node: TreeNode = { name, inode, children };
    if (one.path === '/') root = node;
    else directories.get(slash === 0 ? '/' : one.path.slice(0, slash))?.set(name, node);
  }
  if (root === undefined) throw new Error('a dump without a root');
  return root;
}

function toInode({ fields, lines }: OpenInode): Inode {
  const of = (letter: string): Fields[] => lines.filter((line) => line.text(0) === letter);
  const common = {
    mode: Number.parseInt(fields.text(3), 8),
    uid: fields.number(4),
    gid: fields.number(5),
    mtime: fields.number(7),
    mtimeNsec: fields.number(8),
    xattrs: of('X').map((line): Xattr => ({
      name: unescapeRaw(line.text(1)) as RawName, // as above
      value: line.text(2) === '-' ? Buffer.alloc(0) : Buffer.from(line.text(2), 'hex'),
    })),
    layer: 0,
  };
  const rdev = fields.number(12);
  const device = { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xf_ff00) };
  switch (fields.text(2)) {
    case 'f':
      return {
        ...common,
        kind: 'file',
        size: fields.number(6),
        chunks: of('C').map((line) => chunkRef(line.number(1), line.number(2))),
      };
    case 'd':
      return { ...common, kind: 'directory', implied: false };
    case 'l':
      return { ...common, kind: 'symlink', target: unescapeRaw(of('L')[0]?.text(1) ?? '-') as RawPath }; // as above
    case 'c':
      return { ...common, kind: 'char', ...device };
    case 'b':
      return { ...common, kind: 'block', ...device };
    case 'p':
      return { ...common, kind: 'fifo' };
    default:
      return { ...common, kind: 'socket' };
  }
}
