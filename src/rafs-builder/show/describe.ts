/** Shows bootstraps to people: a summary, a listing, and the structure at one offset. Lines have no line ends. */
import { FormatError } from '../../errors.js';
import { displayName } from '../../oci/raw-name.js';
import type { AnyStruct } from '../layout/struct.js';
import type { Inode } from '../model/tree.js';
import * as v6 from '../layout/v6.js';
import { type RafsImage, versionOf, viewOf } from '../versions.js';
import type { LocatedStruct, Region } from './regions.js';
import { walk } from '../model/walk.js';

/** The first letter of a line of `ls -l`. */
export const TYPE_LETTERS = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  char: 'c',
  block: 'b',
  fifo: 'p',
  socket: 's',
} as const;

/** Yields the image's version, flags and numbers, and its blobs. */
export function* summarize(image: RafsImage): Generator<string> {
  const { bootstrap } = image;
  const inodes = new Set(Array.from(walk(bootstrap.root), ({ node }) => node.inode));
  const count = new Map<Inode['kind'], number>();
  let bytes = 0;
  for (const inode of inodes) {
    count.set(inode.kind, (count.get(inode.kind) ?? 0) + 1);
    if (inode.kind === 'file') bytes += inode.size;
  }
  const kinds = Array.from(count, ([kind, n]) => `${n} ${kind}`).join(', ');
  const { flags, names, chunks } = viewOf(image).facts();
  yield `RAFS v${image.version}, ${image.bytes.length} bytes, chunks of ${bootstrap.chunkSize} bytes, ${bootstrap.compressor}, ${bootstrap.digester}`;
  yield `flags   ${v6.superFlags.show(flags)}`;
  yield `inodes  ${inodes.size} (${kinds}) under ${names} names; files hold ${bytes} bytes`;
  yield `chunks  ${chunks} in use`;
  for (const [i, { record }] of bootstrap.blobs.entries()) {
    yield `blob ${i}  ${record.id}`;
    yield `        ${record.chunkCount} chunks, ${record.uncompressedSize} bytes uncompressed, ${record.compressor}, ${record.digester}, ${v6.blobFeatures.show(record.features)}`;
  }
}

/** Yields one line a name in walk order, in the form of `ls -l`, with times in UTC. */
export function* listTree(image: RafsImage): Generator<string> {
  for (const { node, path } of walk(image.bootstrap.root)) {
    const { inode } = node;
    const size =
      inode.kind === 'char' || inode.kind === 'block'
        ? `${inode.major},${inode.minor}`
        : String(image.stored(inode).fields.size);
    const target = inode.kind === 'symlink' ? ` -> ${displayName(inode.target)}` : '';
    yield `${TYPE_LETTERS[inode.kind]}${permissions(inode.mode)} ${String(image.stored(inode).fields.nlink).padStart(3)} ${`${inode.uid}:${inode.gid}`.padEnd(9)} ${size.padStart(10)} ${formatTime(inode)} /${displayName(path)}${target}`;
  }
}

/** Formats permissions like `ls`: `rwsr-xr-t`. */
export function permissions(mode: number): string {
  const letters = Array.from('rwxrwxrwx', (letter, i) => ((mode & (0o400 >> i)) === 0 ? '-' : letter));
  const special = [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const;
  for (const [bit, place, letter] of special) {
    if ((mode & bit) !== 0) letters[place] = letters[place] === '-' ? letter.toUpperCase() : letter;
  }
  return letters.join('');
}

/** Formats a time in UTC, to the second; as a number when a Date cannot hold it. */
export function formatTime({ mtime }: Pick<Inode, 'mtime'>): string {
  const date = new Date(mtime * 1000);
  return Number.isNaN(date.getTime()) ? `@${mtime}` : date.toISOString().slice(0, 19);
}

/**
 * Describes the bytes at `offset`: structure, field, value, and the structure's other fields. It works on broken images
 * as long as their tables can be found; `open` throws FormatError for one that cannot be read.
 */
export function* describeAt(
  bytes: Uint8Array,
  offset: number,
  open: (bytes: Uint8Array) => RafsImage,
): Generator<string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let regions: Iterable<Region>;
  try {
    regions = viewOf(open(buffer)).regions();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    yield `the image cannot be read, so only its tables are known: ${error.message}`;
    regions = versionOf(buffer).tableRegions(buffer);
  }
  let found = false;
  for (const region of regions) {
    if (offset < region.offset || offset >= region.offset + region.size) continue;
    for (const located of region.structs()) {
      if (offset < located.offset || offset >= located.offset + located.size) continue;
      found = true;
      yield* describeStruct(buffer, region, located, offset);
    }
  }
  if (!found)
    yield `${at(offset)}: ${buffer[offset] === 0 ? 'unused' : `unused, but not zero: 0x${(buffer[offset] ?? 0).toString(16)}`}`;
}

function* describeStruct(
  buffer: Buffer,
  region: Region,
  located: LocatedStruct,
  offset: number,
): Generator<string> {
  const owner = region.path === undefined ? '' : ` of /${displayName(region.path)}`;
  const place =
    region.name === located.name ? `${located.name}${owner}` : `${located.name} in ${region.name}${owner}`;
  const { struct } = located;
  if (struct === undefined) {
    yield `${at(offset)}: byte ${offset - located.offset} of ${located.size}: ${place}`;
    yield `  ${buffer.toString('hex', located.offset, Math.min(located.offset + located.size, located.offset + 64))}`;
    return;
  }
  const field = struct.fields.find((one) => offset - located.offset < one.offset + one.size);
  if (field !== undefined)
    yield `${at(offset)}: ${struct.name}.${field.name} = ${struct.show(buffer, located.offset, field.name)}`;
  yield `  ${place}, ${struct.size} bytes at ${at(located.offset)}`;
  yield* fieldLines(buffer, struct, located.offset, field?.name);
}

function* fieldLines(
  buffer: Buffer,
  struct: AnyStruct,
  base: number,
  marked: string | undefined,
): Generator<string> {
  const width = Math.max(...struct.fields.map((field) => field.name.length));
  for (const field of struct.fields) {
    const mark = field.name === marked ? '>' : ' ';
    yield `${mark} +0x${field.offset.toString(16).padStart(2, '0')}  ${field.name.padEnd(width)}  ${struct.show(buffer, base, field.name)}`;
  }
}

function at(offset: number): string {
  return `0x${offset.toString(16)} (${offset})`;
}

/** Returns the attributes of an inode that are compared and shown. */
export function attributesOf(image: RafsImage, inode: Inode): ReadonlyMap<string, string> {
  const facts = new Map<string, string>([
    ['type', inode.kind],
    ['mode', inode.mode.toString(8).padStart(4, '0')],
    ['owner', `${inode.uid}:${inode.gid}`],
    ['mtime', `${inode.mtime}.${String(inode.mtimeNsec).padStart(9, '0')}`],
  ]);
  for (const { name, value } of inode.xattrs) {
    facts.set(
      `xattr ${displayName(name)}`,
      Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex'),
    );
  }
  switch (inode.kind) {
    case 'file':
      facts.set('size', String(inode.size));
      facts.set(
        'content',
        inode.chunks.map((ref) => Buffer.from(image.chunkInfo(ref).digest).toString('hex')).join(' '),
      );
      break;
    case 'symlink':
      facts.set('target', displayName(inode.target));
      break;
    case 'char':
    case 'block':
      facts.set('device', `${inode.major}:${inode.minor}`);
      break;
    case 'directory':
    case 'fifo':
    case 'socket':
  }
  return facts;
}
