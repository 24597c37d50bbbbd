/** Rules over inodes, directories, and the chunks of files. */
import { displayName } from '../oci/raw-name.js';
import { type AuditFinding, auditFinding } from './audit-rules.js';
import { type Inode } from './tree.js';
import * as v6 from './v6.js';
import { layoutOf } from './v6-inode.js';
import { contiguous } from './v6-plan.js';
import { type StoredInode, type V6Image } from './v6-read.js';

export function* auditTree(image: V6Image): Generator<AuditFinding> {
  const links = new Map<number, number>();
  const parents = new Map<number, number>([
    [image.tables.superBlock.rootNid, image.tables.superBlock.rootNid],
  ]);
  let names = 1;
  for (const stored of image.inodes.values()) {
    for (const { name, nid } of stored.rows) {
      if (name === '.' || name === '..') continue;
      names += 1;
      links.set(nid, (links.get(nid) ?? 0) + 1);
      if (image.inodes.get(nid)?.kind !== 'directory') continue;
      parents.set(nid, stored.nid);
      links.set(stored.nid, (links.get(stored.nid) ?? 0) + 1);
    }
  }
  const { superBlock } = image.tables;
  if (superBlock.inos !== names) {
    yield auditFinding('RAFS-INOS', {
      message: 'the super block counts another number of names than the tree has',
      offset: v6.SUPER_OFFSET + 0x10,
      expected: names,
      found: superBlock.inos,
    });
  }
  const numbers = new Map<number, StoredInode>();
  for (const stored of image.inodes.values()) {
    yield* auditInode(stored, numbers);
    // A directory's own name counts once in `links`, and so makes one of its two; the root has none.
    const isRoot = stored.nid === superBlock.rootNid;
    const base = stored.kind === 'directory' ? (isRoot ? 2 : 1) : 0;
    const nlink = base + (links.get(stored.nid) ?? 0);
    if (stored.fields.nlink !== nlink) {
      yield auditFinding(
        'RAFS-NLINK',
        at(stored, { message: 'wrong number of links', expected: nlink, found: stored.fields.nlink }),
      );
    }
    if (stored.kind === 'directory') yield* auditDirectory(image, stored, parents.get(stored.nid));
    else if (stored.inode.kind === 'file') yield* auditFile(image, stored, stored.inode);
    else if (stored.inode.kind === 'symlink') yield* auditSymlink(stored, stored.inode.target);
  }
}

function at<T extends object>(stored: StoredInode, details: T): T & Pick<StoredInode, 'path' | 'offset'> {
  return { ...details, path: stored.path, offset: stored.offset };
}

function* auditInode(stored: StoredInode, numbers: Map<number, StoredInode>): Generator<AuditFinding> {
  const { fields } = stored;
  const other = numbers.get(fields.ino);
  if (fields.ino === 0 || fields.ino > 0x7fff_ffff) {
    yield auditFinding('RAFS-INODE', at(stored, { message: `inode number ${fields.ino}` }));
  } else if (other !== undefined) {
    yield auditFinding(
      'RAFS-INODE',
      at(stored, { message: `inode number ${fields.ino} is also that of /${displayName(other.path)}` }),
    );
  }
  numbers.set(fields.ino, stored);
  const special = stored.kind !== 'file' && stored.kind !== 'directory' && stored.kind !== 'symlink';
  if (special && layoutOf(stored) !== v6.LAYOUT_PLAIN) {
    yield auditFinding(
      'RAFS-INODE',
      at(stored, { message: `a ${stored.kind} with data layout ${layoutOf(stored)}` }),
    );
  }
  if (fields.mtimeNsec > 999_999_999) {
    yield auditFinding('RAFS-INODE', at(stored, { message: `${fields.mtimeNsec} nanoseconds` }));
  }
  const tail = layoutOf(stored) === v6.LAYOUT_INLINE ? fields.size % v6.BLOCK_SIZE : 0;
  const excess = (stored.bodyOffset % v6.BLOCK_SIZE) + tail - v6.BLOCK_SIZE;
  if (excess > 0) {
    yield auditFinding(
      'RAFS-INLINE',
      at(stored, { message: `inline data that ends ${excess} bytes into the next block` }),
    );
  }
  for (const { name, offset } of stored.xattrs) {
    if (!name.includes('\0')) continue;
    yield auditFinding('RAFS-XATTR', {
      message: `a NUL in the name of xattr ${displayName(name)}`,
      path: stored.path,
      offset,
    });
  }
}

function* auditDirectory(
  image: V6Image,
  stored: StoredInode,
  parent: number | undefined,
): Generator<AuditFinding> {
  const dots = { '.': stored.nid, '..': parent };
  for (const [name, nid] of Object.entries(dots)) {
    const rows = stored.rows.filter((row) => row.name === name);
    if (rows.length !== 1) {
      yield auditFinding('RAFS-DOTS', at(stored, { message: `${rows.length} entries named "${name}"` }));
    }
    for (const row of rows) {
      if (row.nid === nid) continue;
      yield auditFinding('RAFS-DOTS', {
        message: `"${name}" leads elsewhere`,
        path: stored.path,
        offset: row.offset,
        expected: nid,
        found: row.nid,
      });
    }
  }
  let last: string | undefined;
  for (const row of stored.rows) {
    const where = { path: stored.path, offset: row.offset };
    if (last !== undefined && row.name <= last) {
      yield auditFinding('RAFS-DIRENT-ORDER', {
        ...where,
        message: `${displayName(row.name)} does not come behind the name before it`,
      });
    }
    last = row.name;
    const kind = image.inodes.get(row.nid)?.kind;
    const fileType = kind === undefined ? undefined : v6.FILE_TYPES[kind].dirent;
    if (fileType !== undefined && row.fileType !== fileType) {
      yield auditFinding('RAFS-DIRENT-TYPE', {
        ...where,
        message: `file type of ${displayName(row.name)} is not that of its inode`,
        expected: fileType,
        found: row.fileType,
      });
    }
  }
}

function* auditFile(
  image: V6Image,
  stored: StoredInode,
  file: Inode & { readonly kind: 'file' },
): Generator<AuditFinding> {
  const { chunkSize, blobs } = image.bootstrap;
  for (const [k, ref] of file.chunks.entries()) {
    const expected = Math.min(chunkSize, file.size - k * chunkSize);
    const found = image.chunkInfo(ref).uncompressedSize;
    if (found !== expected) {
      yield auditFinding(
        'RAFS-CHUNK-LENGTH',
        at(stored, { message: `chunk ${k} of the file has the wrong length`, expected, found }),
      );
    }
  }
  const word = stored.fields.union;
  const unit = v6.BLOCK_SIZE * 2 ** (word & 0x1f);
  const extent = unit >= file.size && file.size > chunkSize && contiguous(file.chunks, chunkSize, blobs);
  if ((word & ~0x1f) !== v6.CHUNK_FORMAT_INDEXES || (unit !== chunkSize && !extent)) {
    yield auditFinding(
      'RAFS-CHUNK-FORMAT',
      at(stored, {
        message: `chunk format 0x${word.toString(16)} in an image with chunks of ${chunkSize} bytes`,
      }),
    );
  }
}

function* auditSymlink(stored: StoredInode, target: string): Generator<AuditFinding> {
  if (target.length > v6.MAX_SYMLINK_LENGTH) {
    yield auditFinding('RAFS-SYMLINK', at(stored, { message: `a target of ${target.length} bytes` }));
  }
  if (target.includes('\0'))
    yield auditFinding('RAFS-SYMLINK', at(stored, { message: 'a NUL in the target' }));
}
