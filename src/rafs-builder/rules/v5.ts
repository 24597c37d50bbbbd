/** Rules over a v5 bootstrap: numbers and names, hard links, digests, blobs and the chunks of files. */
import { createHash } from 'node:crypto';
import { displayName } from '../../oci/raw-name.js';
import { type AuditFinding, auditFinding } from './rules.js';
import { blake3 } from '../read/v5/blake3.js';
import { roundUp } from '../layout/struct.js';
import { OWN_BLOB_ID } from '../layout/v6.js';
import * as v5 from '../layout/v5.js';
import type { StoredV5Inode, V5Image } from '../read/v5/read.js';
import { blobFeatures, chunkFlags, chunkInfo, type ChunkInfo, superFlags } from '../layout/v6.js';
import type { V5BlobEntry } from '../read/v5/tables.js';

export function* auditV5(image: V5Image): Generator<AuditFinding> {
  yield* auditSuper(image);
  for (const [i, entry] of image.tables.blobEntries.entries()) yield* auditBlob(image, entry, i);
  const names = namesByIno(image);
  const digests = new Digests(image);
  for (const stored of image.inodes.values()) {
    yield* auditInode(image, stored, names.get(stored.fields.ino) ?? []);
    if (stored.kind === 'directory') yield* auditDirectory(image, stored);
    if (stored.kind === 'file') yield* auditFile(image, stored);
  }
  yield* digests.audit();
}

function at<T extends object>(
  stored: StoredV5Inode,
  field: keyof v5.InodeFields,
  details: T,
): T & Pick<StoredV5Inode, 'path' | 'offset'> {
  return { ...details, path: stored.path, offset: stored.offset + fieldOffset(field) };
}

function fieldOffset(field: keyof v5.InodeFields): number {
  return v5.inode.fields.find(({ name }) => name === field)?.offset ?? 0;
}

function* auditSuper({ tables, inodes, bootstrap }: V5Image): Generator<AuditFinding> {
  const { superBlock: sb, prefetch } = tables;
  const inos = new Set(Array.from(inodes.values(), ({ fields }) => fields.ino));
  for (const [offset, what, expected, found] of [
    [0x18, 'inodes', inos.size, sb.inodes],
    [0x38, 'names', inodes.size, sb.inodeTableEntries],
  ] as const) {
    if (expected === found) continue;
    const message = `the super block counts another number of ${what} than the tree has`;
    yield auditFinding('RAFS-INOS', { message, offset, expected, found });
  }
  if (superFlags.has(sb.flags, 'ENCRYPTION_AES_128_XTS') || superFlags.has(sb.flags, 'TARFS_MODE')) {
    const message = `${superFlags.show(sb.flags)}: RAFS v5 knows neither encryption nor tarfs`;
    yield auditFinding('RAFS-SUPER-FLAGS', { message, offset: 0x10 });
  }
  const withXattrs = Array.from(inodes.values()).find((stored) => stored.xattrs.length > 0);
  if (withXattrs !== undefined && !superFlags.has(sb.flags, 'HAS_XATTR')) {
    const message = 'there are xattrs, but the flag HAS_XATTR is not set';
    yield auditFinding('RAFS-SUPER-FLAGS', { message, path: withXattrs.path, offset: 0x10 });
  }
  for (const [i, ino] of prefetch.entries()) {
    if (inos.has(ino)) continue;
    const offset = sb.prefetchTableOffset + i * v5.prefetchEntry.size;
    yield auditFinding('RAFS-PREFETCH', { message: `${ino} is no inode of the tree`, offset });
  }
  // A table without entries may have any place, as long as a reader may look there.
  for (const [field, offset, entries] of [
    ['prefetch table', sb.prefetchTableOffset, sb.prefetchTableEntries],
    ['blob table', sb.blobTableOffset, sb.blobTableSize],
    ['extended blob table', sb.extendedOffset, bootstrap.blobs.length],
  ] as const) {
    if (entries > 0 || offset === 0 || (offset % v5.ALIGNMENT === 0 && offset >= v5.SUPER_SIZE)) continue;
    yield auditFinding('RAFS-TABLE', { message: `an empty ${field} at ${offset}`, offset: 0 });
  }
}

function* auditBlob({ bootstrap, tables }: V5Image, entry: V5BlobEntry, i: number): Generator<AuditFinding> {
  const { extended, id, offset } = entry;
  const { has, known, show } = blobFeatures;
  const at = tables.superBlock.extendedOffset + i * v5.extendedBlob.size;
  const report = (message: string, where = at): AuditFinding =>
    auditFinding('RAFS-BLOB', { message: `blob ${i}: ${message}`, offset: where });
  if ((extended.features & ~known) !== 0)
    yield report(`unknown features ${show((extended.features & ~known) >>> 0)}`);
  if (has(extended.features, 'INLINED_FS_META') !== (id === OWN_BLOB_ID)) {
    yield report(
      'INLINED_FS_META belongs to the blob that holds this bootstrap, whose id is 64 × x, and to no other',
    );
  }
  if (entry.readaheadOffset + entry.readaheadSize > extended.compressedSize)
    yield report('its readahead range is larger than the blob', offset);
  let compressed = 0;
  let uncompressed = 0;
  let highest = -1;
  const { chunks } = bootstrap.blobs[i] ?? {};
  const spaces: Space[] = [];
  for (const index of chunks?.indexes() ?? []) {
    const chunk = chunks?.at(index);
    if (chunk === undefined) continue;
    const { uncompressedOffset, uncompressedSize } = chunk;
    spaces.push({ index, start: uncompressedOffset, end: uncompressedOffset + uncompressedSize });
    compressed = Math.max(compressed, chunk.compressedOffset + chunk.compressedSize);
    uncompressed = Math.max(uncompressed, uncompressedOffset + uncompressedSize);
    highest = Math.max(highest, index);
  }
  const shared = firstShared(spaces);
  if (shared !== undefined)
    yield report(
      `chunks ${shared[0]} and ${shared[1]} have the same uncompressed bytes, where clients keep what they have read`,
    );
  if (compressed > dataEnd(extended))
    yield report(`its chunks reach to ${compressed}, its data to ${dataEnd(extended)}`);
  if (uncompressed > extended.uncompressedSize)
    yield report(`its chunks reach to ${uncompressed} uncompressed, it to ${extended.uncompressedSize}`);
  // The last chunk ends the address space; only then can both be told from the bootstrap alone.
  if (highest === extended.chunkCount - 1) {
    const aligned = roundUp(uncompressed, 4096);
    if (extended.uncompressedSize !== uncompressed && extended.uncompressedSize !== aligned)
      yield report(`its last chunk ends at ${uncompressed}, it at ${extended.uncompressedSize}`);
    if (compressed < dataEnd(extended))
      yield report(`its last chunk ends at ${compressed}, its data at ${dataEnd(extended)}`);
  }
}

/** Bytes of the uncompressed address space of a blob. */
interface Space {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** The first two chunks that overlap. */
function firstShared(spaces: readonly Space[]): readonly [number, number] | undefined {
  const inOrder = spaces.toSorted((a, b) => a.start - b.start);
  for (const [i, { index, start }] of inOrder.entries()) {
    const before = inOrder[i - 1];
    if (before !== undefined && start < before.end) return [before.index, index];
  }
  return undefined;
}

/** Where chunk data ends: v5 blobs have no chunk records behind it. */
function dataEnd({ features, compressedSize }: v5.ExtendedBlob): number {
  return compressedSize - (blobFeatures.has(features, 'HAS_TAR_HEADER') ? 512 : 0);
}

function namesByIno({ inodes }: V5Image): ReadonlyMap<number, readonly StoredV5Inode[]> {
  const names = new Map<number, StoredV5Inode[]>();
  for (const stored of inodes.values()) {
    const group = names.get(stored.fields.ino);
    if (group === undefined) names.set(stored.fields.ino, [stored]);
    else group.push(stored);
  }
  return names;
}

function* auditInode(
  image: V5Image,
  stored: StoredV5Inode,
  links: readonly StoredV5Inode[],
): Generator<AuditFinding> {
  const { fields, kind } = stored;
  const directories = stored.kind === 'directory' ? countDirectories(image, stored) : 0;
  const size =
    kind === 'directory'
      ? directorySize(image, stored)
      : kind === 'symlink'
        ? fields.symlinkSize
        : kind === 'file'
          ? fields.size
          : 0;
  const xattrBytes = stored.xattrs.length === 0 ? 0 : stored.xattrsSize - v5.xattrTotal.size;
  const expected: Partial<Record<keyof v5.InodeFields, number>> = {
    ino: Math.min(...links.map(({ number }) => number)),
    project: 0,
    size,
    blocks: Math.ceil((fields.size + roundUp(xattrBytes, v5.ALIGNMENT)) / v5.COUNTED_BLOCK),
    flags:
      (kind === 'symlink' ? v5.inodeFlags.bits.SYMLINK : 0) |
      (links.length > 1 ? v5.inodeFlags.bits.HARDLINK : fields.flags & v5.inodeFlags.bits.HARDLINK) |
      (stored.xattrs.length > 0 ? v5.inodeFlags.bits.XATTR : 0),
  };
  for (const [field, value] of Object.entries(expected) as [keyof typeof expected, number][]) {
    // keys of the object above
    if (fields[field] === value) continue;
    yield auditFinding(
      'RAFS-INODE',
      at(stored, field, { message: `wrong ${field}`, expected: value, found: Number(fields[field]) }),
    );
  }
  const nlink = kind === 'directory' ? 2 + directories : links.length;
  if (fields.nlink !== nlink) {
    const details = { message: 'wrong number of links', expected: nlink, found: fields.nlink };
    yield auditFinding('RAFS-NLINK', at(stored, 'nlink', details));
  }
  yield* auditSmallFields(stored);
  const [first] = links;
  if (first !== undefined && first !== stored) yield* auditLink(first, stored);
}

function* auditSmallFields(stored: StoredV5Inode): Generator<AuditFinding> {
  const { fields, kind } = stored;
  if (fields.mtimeNsec > 999_999_999)
    yield auditFinding('RAFS-INODE', at(stored, 'mtimeNsec', { message: `${fields.mtimeNsec} nanoseconds` }));
  const device = kind === 'char' || kind === 'block' || kind === 'fifo' || kind === 'socket';
  if (!device && fields.rdev !== v5.NO_DEVICE && fields.rdev !== 0)
    yield auditFinding(
      'RAFS-INODE',
      at(stored, 'rdev', { message: `device number ${fields.rdev} of a ${kind}` }),
    );
  if (kind !== 'directory' && fields.childIndex !== 0)
    yield auditFinding(
      'RAFS-INODE',
      at(stored, 'childIndex', { message: `child index ${fields.childIndex} of a ${kind}` }),
    );
  if (kind !== 'directory' && kind !== 'file' && fields.childCount !== 0)
    yield auditFinding(
      'RAFS-INODE',
      at(stored, 'childCount', { message: `child count ${fields.childCount} of a ${kind}` }),
    );
  if (kind !== 'symlink' && fields.symlinkSize !== 0)
    yield auditFinding(
      'RAFS-INODE',
      at(stored, 'symlinkSize', { message: `a target of ${fields.symlinkSize} bytes of a ${kind}` }),
    );
  if (kind === 'symlink' && stored.target.includes('\0'))
    yield auditFinding('RAFS-SYMLINK', at(stored, 'symlinkSize', { message: 'a NUL in the target' }));
}

/** Every name of a file tells all of it again. Readers take whichever name they come by. */
function* auditLink(first: StoredV5Inode, stored: StoredV5Inode): Generator<AuditFinding> {
  const name = `/${displayName(first.path)}`;
  const same =
    first.fields.size === stored.fields.size &&
    first.chunks.length === stored.chunks.length &&
    first.chunks.every((ref, k) => ref === stored.chunks[k]);
  if (!same) {
    yield auditFinding(
      'RAFS-LINK-CONTENT',
      at(stored, 'ino', { message: `a hard link to ${name} with other content` }),
    );
  }
  const fields = ['mode', 'uid', 'gid', 'mtime', 'mtimeNsec'] as const;
  const different = fields.filter((field) => first.fields[field] !== stored.fields[field]);
  if (different.length > 0) {
    const told = ({ fields: values }: StoredV5Inode): string =>
      different.map((field) => `${field} ${values[field]}`).join(', ');
    const details = {
      message: `a hard link to ${name} with another ${different.join(', ')}`,
      expected: told(first),
      found: told(stored),
    };
    yield auditFinding('RAFS-LINK-ATTRIBUTES', at(stored, 'ino', details));
  }
}

function countDirectories({ inodes }: V5Image, { fields }: StoredV5Inode): number {
  let count = 0;
  for (let k = 0; k < fields.childCount; k++) {
    if (inodes.get(fields.childIndex + k)?.kind === 'directory') count += 1;
  }
  return count;
}

function directorySize({ inodes }: V5Image, { fields }: StoredV5Inode): number {
  let size = 0;
  for (let k = 0; k < fields.childCount; k++)
    size += (inodes.get(fields.childIndex + k)?.name.length ?? 0) + 8;
  return Math.max(4096, roundUp(size, 4096));
}

function* auditDirectory({ inodes }: V5Image, stored: StoredV5Inode): Generator<AuditFinding> {
  const { childIndex, childCount } = stored.fields;
  // Of an empty directory it is the number that was free next; nobody looks there.
  if (childCount === 0 && (childIndex <= stored.number || childIndex > inodes.size + 1)) {
    yield auditFinding(
      'RAFS-INODE',
      at(stored, 'childIndex', { message: `child index ${childIndex} in a tree of ${inodes.size} names` }),
    );
  }
  let last: string | undefined;
  for (let k = 0; k < childCount; k++) {
    const child = inodes.get(childIndex + k);
    if (child === undefined) continue;
    if (last !== undefined && child.name <= last) {
      const message = `${displayName(child.name)} does not come behind the name before it`;
      yield auditFinding('RAFS-DIRENT-ORDER', { message, path: child.path, offset: child.nameOffset });
    }
    last = child.name;
  }
}

function* auditFile(image: V5Image, stored: StoredV5Inode): Generator<AuditFinding> {
  const { chunkSize } = image.bootstrap;
  for (const [k, ref] of stored.chunks.entries()) {
    const offset = stored.chunksOffset + k * chunkInfo.size;
    const info = chunkInfo.read(image.bytes, offset);
    const where = { path: stored.path, offset };
    const expected = Math.min(chunkSize, stored.fields.size - k * chunkSize);
    if (info.uncompressedSize !== expected) {
      const message = `chunk ${k} of the file has the wrong length`;
      yield auditFinding('RAFS-CHUNK-LENGTH', { ...where, message, expected, found: info.uncompressedSize });
    }
    const fault = recordFault(info, k * chunkSize, image);
    if (fault !== undefined)
      yield auditFinding('RAFS-CHUNK-RECORD', { ...where, message: `chunk ${k} of the file: ${fault}` });
    const first = image.chunkInfo(ref);
    if (!sameChunk(first, info)) {
      const message = `chunk ${info.index} of blob ${info.blobIndex} is told differently by another file`;
      yield auditFinding('RAFS-CHUNK-RECORD', { ...where, message });
    }
  }
}

function recordFault(info: ChunkInfo, fileOffset: number, { tables }: V5Image): string | undefined {
  const compressed = chunkFlags.has(info.flags, 'COMPRESSED');
  const { COMPRESSED, HAS_CRC32 } = chunkFlags.bits;
  if ((info.flags & ~(COMPRESSED | HAS_CRC32)) !== 0) return `flags ${chunkFlags.show(info.flags)}`;
  if (info.fileOffset !== fileOffset) return `file offset ${info.fileOffset}, not ${fileOffset}`;
  if (compressed && tables.compressor === 'none') return 'compressed, in an image without a compressor';
  if (info.compressedSize === 0) return 'a compressed size of 0';
  if (
    compressed ? info.compressedSize >= info.uncompressedSize : info.compressedSize !== info.uncompressedSize
  ) {
    return `${info.compressedSize} bytes for ${info.uncompressedSize}, ${compressed ? 'compressed' : 'raw'}`;
  }
  if (info.crc32 !== 0 && !chunkFlags.has(info.flags, 'HAS_CRC32')) return 'a checksum without its flag';
  return undefined;
}

function sameChunk(a: ChunkInfo, b: ChunkInfo): boolean {
  return (
    Buffer.compare(a.digest, b.digest) === 0 &&
    a.flags === b.flags &&
    a.crc32 === b.crc32 &&
    a.compressedSize === b.compressedSize &&
    a.compressedOffset === b.compressedOffset &&
    a.uncompressedSize === b.uncompressedSize &&
    a.uncompressedOffset === b.uncompressedOffset
  );
}

/** Digests of inodes: of what they hold, and of directories of what is below them. */
class Digests {
  readonly #image: V5Image;
  readonly #hash: (bytes: Uint8Array) => Buffer;

  constructor(image: V5Image) {
    this.#image = image;
    this.#hash =
      image.tables.digester === 'blake3' ? blake3 : (bytes) => createHash('sha256').update(bytes).digest();
  }

  /** Each is held against the stored digests below it, so that one that is wrong is told once. */
  *audit(): Generator<AuditFinding> {
    const { inodes } = this.#image;
    for (const stored of inodes.values()) {
      const expected = this.#hash(this.#contentOf(stored));
      if (Buffer.compare(expected, stored.fields.digest) === 0) continue;
      yield auditFinding(
        'RAFS-DIGEST',
        at(stored, 'digest', {
          message: 'the inode does not have the digest of what it holds',
          expected: expected.toString('hex'),
          found: Buffer.from(stored.fields.digest).toString('hex'),
        }),
      );
    }
  }

  #contentOf(stored: StoredV5Inode): Buffer {
    const { inodes, bytes } = this.#image;
    if (stored.kind === 'symlink') return Buffer.from(stored.target, 'latin1');
    if (stored.kind === 'directory') {
      const { childIndex, childCount } = stored.fields;
      const below = Array.from(
        { length: childCount },
        (_, k) => inodes.get(childIndex + k)?.fields.digest ?? new Uint8Array(0),
      );
      return Buffer.concat(below);
    }
    const records = Array.from({ length: stored.chunkCount }, (_, k) => {
      const offset = stored.chunksOffset + k * chunkInfo.size;
      return bytes.subarray(offset, offset + 32);
    });
    return Buffer.concat(records);
  }
}
