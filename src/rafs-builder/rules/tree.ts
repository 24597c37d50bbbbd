/** Rules over inodes, directories, and the chunks of files. */
import { displayName } from '../../oci/raw-name.js';
import { type AuditDetails, type AuditFinding, auditFinding, type AuditId } from './rules.js';
import { chunkBlob, chunkIndex } from '../model/tree.js';
import * as v6 from '../layout/v6.js';
import { DIRECTORY, FILE, type InodeColumns, SYMLINK } from '../read/v6/inodes.js';
import { type ChunkTables, contiguous } from '../model/contiguous.js';
import type { V6Image } from '../read/v6/read.js';

/** In the order in which inodes were found. */
export function auditTree(image: V6Image): readonly AuditFinding[] {
  if (image.vouched) return [];
  const audit = new TreeAudit(image);
  audit.run();
  return audit.findings;
}

/** Findings are gathered, not yielded: a generator for each inode would cost more than all its rules. */
class TreeAudit {
  readonly findings: AuditFinding[] = [];
  readonly #image: V6Image;
  readonly #columns: InodeColumns;
  readonly #tables: ChunkTables;
  #numbers = new InodeNumbers(0);

  constructor(image: V6Image) {
    this.#image = image;
    this.#columns = image.columns;
    this.#tables = image.bootstrap.blobs.map(({ chunks }) => chunks);
  }

  run(): void {
    const columns = this.#columns;
    let names = 1;
    for (let i = 0; i < columns.count; i++) names += columns.namesOf(columns.nidAt(i));
    const { superBlock } = this.#image.tables;
    if (superBlock.inos !== names) {
      this.#report('RAFS-INOS', {
        message: 'the super block counts another number of names than the tree has',
        offset: v6.SUPER_OFFSET + 0x10,
        expected: names,
        found: superBlock.inos,
      });
    }
    this.#numbers = new InodeNumbers(names);
    for (let i = 0; i < columns.count; i++) {
      const nid = columns.nidAt(i);
      const kind = columns.kindOf(nid);
      this.#inode(nid, kind);
      this.#links(nid, kind);
      if (kind === DIRECTORY) this.#directory(nid);
      else if (kind === FILE) this.#file(nid);
      else if (kind === SYMLINK) this.#symlink(nid);
    }
  }

  #inode(nid: number, kind: number): void {
    const columns = this.#columns;
    const ino = columns.ino(nid);
    const other = this.#numbers.take(ino, nid);
    if (ino === 0 || ino > 0x7fff_ffff) {
      this.#reportAt(nid, 'RAFS-INODE', { message: `inode number ${ino}` });
    } else if (other !== undefined) {
      const path = displayName(columns.pathOf(other));
      this.#reportAt(nid, 'RAFS-INODE', { message: `inode number ${ino} is also that of /${path}` });
    }
    const { inos } = this.#image.tables.superBlock;
    if (ino > inos && ino <= 0x7fff_ffff)
      this.#reportAt(nid, 'RAFS-INODE', { message: `inode number ${ino}, where ${inos} are handed out` });
    const layout = columns.layoutOf(nid);
    const special = kind !== FILE && kind !== DIRECTORY && kind !== SYMLINK;
    if (special && columns.sizeOf(nid) !== 0)
      this.#reportAt(nid, 'RAFS-INODE', { message: `a size of ${columns.sizeOf(nid)} without content` });
    if (special && layout !== v6.LAYOUT_PLAIN) {
      const message = `a ${columns.kindName(nid) ?? 'hole'} with data layout ${layout}`;
      this.#reportAt(nid, 'RAFS-INODE', { message });
    }
    if (columns.mtimeNsec(nid) > 999_999_999) {
      this.#reportAt(nid, 'RAFS-INODE', { message: `${columns.mtimeNsec(nid)} nanoseconds` });
    }
    const excess = (columns.bodyOffset(nid) % v6.BLOCK_SIZE) + columns.tailSize(nid) - v6.BLOCK_SIZE;
    if (excess > 0) {
      const message = `inline data that ends ${excess} bytes into the next block`;
      this.#reportAt(nid, 'RAFS-INLINE', { message });
    }
    if (columns.xattrSize(nid) === 0) return;
    for (const { name, offset } of this.#image.inodes.get(nid)?.xattrs ?? []) {
      if (!name.includes('\0')) continue;
      this.#report('RAFS-XATTR', {
        message: `a NUL in the name of xattr ${displayName(name)}`,
        path: columns.pathOf(nid),
        offset,
      });
    }
  }

  #links(nid: number, kind: number): void {
    const columns = this.#columns;
    let expected = columns.namesOf(nid);
    if (kind === DIRECTORY) {
      expected = 2;
      for (let row = columns.rowsFrom(nid); row < columns.rowsTo(nid); row++) {
        if (columns.kindOf(columns.rowNid(row)) === DIRECTORY && columns.dots(row) === 0) expected += 1;
      }
    }
    const found = columns.nlink(nid);
    if (found !== expected) {
      this.#reportAt(nid, 'RAFS-NLINK', { message: 'wrong number of links', expected, found });
    }
  }

  #directory(nid: number): void {
    const columns = this.#columns;
    this.#dots(nid, '.', nid);
    this.#dots(nid, '..', columns.parentOf(nid));
    const first = columns.rowsFrom(nid);
    for (let row = first; row < columns.rowsTo(nid); row++) {
      if (row > first && columns.compareRows(row - 1, row) >= 0) {
        this.#reportRow(nid, row, 'RAFS-DIRENT-ORDER', {
          message: `${displayName(columns.rowName(row))} does not come behind the name before it`,
        });
      }
      const target = columns.rowNid(row);
      const expected = columns.fileTypeOf(target);
      const found = columns.rowFileType(row);
      if (found !== expected && columns.has(target)) {
        this.#reportRow(nid, row, 'RAFS-DIRENT-TYPE', {
          message: `file type of ${displayName(columns.rowName(row))} is not that of its inode`,
          expected,
          found,
        });
      }
    }
  }

  #dots(nid: number, name: '.' | '..', target: number): void {
    const columns = this.#columns;
    const rows: number[] = [];
    for (let row = columns.rowsFrom(nid); row < columns.rowsTo(nid); row++) {
      if (columns.dots(row) === name.length) rows.push(row);
    }
    if (rows.length !== 1) {
      this.#reportAt(nid, 'RAFS-DOTS', { message: `${rows.length} entries named "${name}"` });
    }
    for (const row of rows) {
      const found = columns.rowNid(row);
      if (found === target) continue;
      const message = `"${name}" leads elsewhere`;
      this.#reportRow(nid, row, 'RAFS-DOTS', { message, expected: target, found });
    }
  }

  #file(nid: number): void {
    const columns = this.#columns;
    const { chunks } = this.#image.tables;
    const { chunkSize } = columns;
    const size = columns.sizeOf(nid);
    const count = columns.chunkCount(nid);
    for (let k = 0; k < count; k++) {
      const ref = columns.chunkAt(nid, k);
      const position = chunks.find(chunkBlob(ref), chunkIndex(ref));
      const expected = Math.min(chunkSize, size - k * chunkSize);
      const found = position === undefined ? 0 : chunks.uncompressedSize(position);
      if (found !== expected) {
        const message = `chunk ${k} of the file has the wrong length`;
        this.#reportAt(nid, 'RAFS-CHUNK-LENGTH', { message, expected, found });
      }
    }
    const word = columns.union(nid);
    const unit = v6.BLOCK_SIZE * 2 ** (word & 0x1f);
    if (
      (word & ~0x1f) !== v6.CHUNK_FORMAT_INDEXES ||
      (unit !== chunkSize && !(unit >= size && size > chunkSize && this.#isContiguous(nid, count)))
    ) {
      const message = `chunk format 0x${word.toString(16)} in an image with chunks of ${chunkSize} bytes`;
      this.#reportAt(nid, 'RAFS-CHUNK-FORMAT', { message });
    }
  }

  #isContiguous(nid: number, count: number): boolean {
    const refs = Array.from({ length: count }, (_, k) => this.#columns.chunkAt(nid, k));
    return contiguous(refs, this.#columns.chunkSize, this.#tables);
  }

  #symlink(nid: number): void {
    const columns = this.#columns;
    const size = columns.sizeOf(nid);
    if (size > v6.MAX_SYMLINK_LENGTH) {
      this.#reportAt(nid, 'RAFS-SYMLINK', { message: `a target of ${size} bytes` });
    }
    const tail = columns.tailSize(nid);
    const start = columns.union(nid) * v6.BLOCK_SIZE;
    const body = columns.bodyOffset(nid);
    if (hasNul(columns.buffer, start, start + size - tail) || hasNul(columns.buffer, body, body + tail)) {
      this.#reportAt(nid, 'RAFS-SYMLINK', { message: 'a NUL in the target' });
    }
  }

  #report(id: AuditId, details: AuditDetails): void {
    this.findings.push(auditFinding(id, details));
  }

  #reportAt(nid: number, id: AuditId, details: AuditDetails): void {
    this.#report(id, { ...details, path: this.#columns.pathOf(nid), offset: this.#columns.offsetOf(nid) });
  }

  #reportRow(directory: number, row: number, id: AuditId, details: AuditDetails): void {
    const offset = this.#columns.rowOffset(row);
    this.#report(id, { ...details, path: this.#columns.pathOf(directory), offset });
  }
}

function hasNul(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === 0) return true;
  return false;
}

/** Who has a number. A sound image uses no number beyond its count of names. */
class InodeNumbers {
  readonly #low: Uint32Array;
  readonly #high = new Map<number, number>();

  constructor(names: number) {
    this.#low = new Uint32Array(names + 1);
  }

  /** Gives the number to `nid`, and tells who had it before. */
  take(ino: number, nid: number): number | undefined {
    if (ino >= this.#low.length) {
      const before = this.#high.get(ino);
      this.#high.set(ino, nid);
      return before;
    }
    const before = this.#low[ino] ?? 0;
    this.#low[ino] = nid + 1; // 0 is for nobody
    return before === 0 ? undefined : before - 1;
  }
}
