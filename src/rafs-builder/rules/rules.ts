/**
 * The rules of the judge (native/judge) for bootstraps: stable ids, and one line each that says what holds in a sound
 * one. `docs/format.md` lists them.
 */
import type { RawPath } from '../../oci/raw-name.js';

export interface AuditRule {
  /**
   * `error`: some reader refuses the image or reads something else. `warning`: the image is legal, but no writer should
   * make it.
   */
  readonly severity: 'error' | 'warning';
  readonly holds: string;
}

const error = (holds: string): AuditRule => ({ severity: 'error', holds });
const warning = (holds: string): AuditRule => ({ severity: 'warning', holds });

export const AUDIT_RULES = {
  'RAFS-READ': error(
    'super blocks, tables and the whole tree can be read: everything that Nydus itself checks',
  ),
  'RAFS-RESERVED': error('reserved bytes are zero; newer kernels give them a meaning'),
  'RAFS-SUPER-FLAGS': error(
    'no checksum is announced, at most one encryption flag is set, and HAS_XATTR is, where there are xattrs',
  ),
  'RAFS-INOS': error('the super block counts every name of the tree'),
  'RAFS-BLOCKS': error('the super block’s blocks are those of all blobs'),
  'RAFS-DEVICE': error(
    'device table and blob table tell the same blobs in the same order, with the same size',
  ),
  'RAFS-MAPPED': error('mapped block addresses lie behind the bootstrap and do not overlap'),
  'RAFS-BLOB': error('a blob’s compressor, digester, features and sizes fit its image and each other'),
  'RAFS-PREFETCH': error('prefetch entries are inodes of the tree'),
  'RAFS-CHUNK-RECORD': error('a chunk’s sizes, offsets and flags fit its blob'),
  'RAFS-CHUNK-ORDER': error('the chunk table is sorted by digest, then by blob, without repetition'),
  'RAFS-CHUNK-LENGTH': error(
    'every chunk of a file but the last has the full chunk size, the last one the rest',
  ),
  'RAFS-CHUNK-FORMAT': error('a file’s chunk format is that of its chunk size, or of one contiguous extent'),
  'RAFS-CHUNK-UNUSED': warning('every chunk of the chunk table is used by a file'),
  'RAFS-INODE': error(
    'numbers are unique, 1 to 2^31 − 1; formats have no unknown bits; nanoseconds are below 10^9',
  ),
  'RAFS-NLINK': error(
    'a directory has 2 links and one for each directory in it, anything else one for each name',
  ),
  'RAFS-DIRENT-ORDER': error('names of a directory are sorted by bytes; readers search by bisection'),
  'RAFS-DIRENT-TYPE': error('the file type of a name is that of its inode'),
  'RAFS-DOTS': error('every directory has exactly one “.”, itself, and one “..”, its parent'),
  'RAFS-SYMLINK': error('targets have 1 to 4095 bytes, none of them NUL'),
  'RAFS-XATTR': error('names have no NUL'),
  'RAFS-INLINE': error('an inode and its inline data lie in one block'),
  'RAFS-TABLE': error('an empty table has no place, or one where a table may be'),
  'RAFS-DIGEST': error('v5: an inode has the digest of its content, a directory that of the digests in it'),
  'RAFS-LINK-CONTENT': error('v5: all names of a file have the same size and chunks'),
  'RAFS-LINK-ATTRIBUTES': warning('v5: all names of a file have the same mode, owner and time'),
  'RAFS-OVERLAP': error('no two structures share bytes'),
  'RAFS-GAP': error('bytes that belong to nothing are zero'),
  'RAFS-SIZE': error('the file ends with the block in which its last structure ends'),
} as const satisfies Record<string, AuditRule>;

export type AuditId = keyof typeof AUDIT_RULES;

/** The rules of the judge for blobs. Their severities and meanings stand in the catalogue of `check`. */
export type BlobRuleId =
  | 'BLOB-BOOTSTRAP'
  | 'BLOB-CONTEXT'
  | 'BLOB-META'
  | 'BLOB-RESERVED'
  | 'BLOB-TOC'
  | 'BOOTSTRAP-BLOB-META'
  | 'BOOTSTRAP-BLOB-META-MISSING'
  | 'CHUNK-RECORD';

/** Sentences by key: the rule that a sentence belongs to, and its text with placeholders. */
export type Sentences = Readonly<Record<string, readonly [id: AuditId | BlobRuleId, template: string]>>;

export interface AuditFinding {
  readonly id: AuditId;
  readonly severity: 'error' | 'warning';
  /** States the fault, as a sentence without full stop. */
  readonly message: string;
  /** A file in the image; empty for the root. */
  readonly path: RawPath | undefined;
  /** Bytes from the start of the bootstrap. */
  readonly offset: number | undefined;
  readonly expected: string | undefined;
  readonly found: string | undefined;
}

/** A finding about a blob; offsets count from its start. */
export type BlobFinding = Omit<AuditFinding, 'id' | 'severity' | 'path'> & { readonly id: BlobRuleId };
