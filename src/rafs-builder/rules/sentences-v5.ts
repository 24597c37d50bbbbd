/** Sentences of findings about RAFS v5 bootstraps. Those of v6 that fit both versions are not repeated. */
import type { Sentences } from './rules.js';

export const SENTENCES_V5 = {
  // Faults that no reader could follow. `field` is a structure and one of its fields.
  'v5-size': ['RAFS-READ', 'a RAFS v5 bootstrap has a multiple of {unit} bytes, not {size}'],
  'v5-no-extended-table': ['RAFS-READ', 'RAFS v5 images without an extended blob table are not read'],
  'v5-inodes': ['RAFS-READ', '{field} at offset {@}: {inodes} inodes under {names} names'],
  'v5-blob-table': ['RAFS-READ', '{field} at offset {@}: {size} bytes for {count} blobs'],
  'v5-id-text': ['RAFS-READ', '{field} at offset {@}: the id behind it is not printable text'],
  'v5-id-twice': ['RAFS-READ', '{field} at offset {@}: {id} is listed twice'],
  'v5-blob-feature': ['RAFS-READ', '{field} at offset {@}: {flag}, which RAFS v5 does not have'],
  'v5-place': ['RAFS-READ', '{field} at offset {@}: inode {number} would be at {place}'],
  'v5-name-size': ['RAFS-READ', '{field} at offset {@}: a name of {size} bytes'],
  'v5-name-end': ['RAFS-READ', '{field} at offset {@}: the name leaves the file'],
  'v5-name': ['RAFS-READ', '{field} at offset {@}: the name behind it is {json:name}'],
  'v5-symlink-flag': ['RAFS-READ', '{field} at offset {@}: {inodeFlags:flags} of a {kind}'],
  'v5-xattrs-end': ['RAFS-READ', '{field} at offset {@}: {size} bytes of xattrs leave the file'],
  'v5-xattr-end': [
    'RAFS-READ',
    '{field} at offset {@}: an xattr of {size} bytes has no end of its name, or leaves its area',
  ],
  'v5-xattr-twice': ['RAFS-READ', '{field} at offset {@}: xattr {name} occurs twice'],
  'v5-chunk-count': ['RAFS-READ', '{field} at offset {@}: {count} chunks for {size} bytes'],
  'v5-records-end': ['RAFS-READ', '{field} at offset {@}: the chunk records leave the file'],
  'v5-root-kind': ['RAFS-READ', '{field} at offset {@}: the root is a {kind}, not a directory'],
  'v5-entries-before': ['RAFS-READ', '{field} at offset {@}: {index}, which is not behind its own'],
  'v5-entries-end': ['RAFS-READ', '{field} at offset {@}: its entries reach to number {number} of {names}'],
  'v5-two-directories': ['RAFS-READ', '{field} at offset {@}: inode {number} is in two directories'],
  'v5-name-twice': ['RAFS-READ', '{field} at offset {@}: {raw:path} occurs twice'],
  'v5-ino': ['RAFS-READ', '{field} at offset {@}: {ino}, in an image with {names} names'],
  'v5-parent': ['RAFS-READ', '{field} at offset {@}: {parent}, and it is in the directory {directory}'],
  'v5-no-links': ['RAFS-READ', '{field} at offset {@}: it is 0'],
  'v5-link-kind': ['RAFS-READ', '{field} at offset {@}: {ino}, which is a {kind} already'],

  // Super block and tables.
  'v5-count': ['RAFS-INOS', 'the super block counts another number of {what} than the tree has'],
  'v5-super-flags': ['RAFS-SUPER-FLAGS', '{superFlags:flags}: RAFS v5 knows neither encryption nor tarfs'],
  'v5-prefetch-ino': ['RAFS-PREFETCH', '{ino} is no inode of the tree'],
  'v5-table-empty': ['RAFS-TABLE', 'an empty {table} at {offset}'],
  'v5-readahead': ['RAFS-BLOB', 'blob {position}: its readahead range is larger than the blob'],
  'v5-shared-space': [
    'RAFS-BLOB',
    'blob {position}: chunks {chunk} and {other} have the same uncompressed bytes, where clients keep what they have read',
  ],
  'v5-chunks-end': ['RAFS-BLOB', 'blob {position}: its chunks reach to {end}, its data to {data}'],
  'v5-chunks-uncompressed-end': [
    'RAFS-BLOB',
    'blob {position}: its chunks reach to {end} uncompressed, it to {size}',
  ],
  'v5-last-chunk': ['RAFS-BLOB', 'blob {position}: its last chunk ends at {end}, its data at {data}'],
  'v5-last-chunk-uncompressed': ['RAFS-BLOB', 'blob {position}: its last chunk ends at {end}, it at {size}'],

  // Inodes.
  'v5-field': ['RAFS-INODE', 'wrong {field}'],
  'v5-device': ['RAFS-INODE', 'device number {rdev} of a {kind}'],
  'v5-child-index': ['RAFS-INODE', 'child index {index} of a {kind}'],
  'v5-child-count': ['RAFS-INODE', 'child count {count} of a {kind}'],
  'v5-target-size': ['RAFS-INODE', 'a target of {size} bytes of a {kind}'],
  'v5-empty-directory': ['RAFS-INODE', 'child index {index} in a tree of {names} names'],
  'v5-link-content': ['RAFS-LINK-CONTENT', 'a hard link to /{raw:path} with other content'],
  'v5-link-attributes': ['RAFS-LINK-ATTRIBUTES', 'a hard link to /{raw:path} with another {fields}'],
  'v5-digest': ['RAFS-DIGEST', 'the inode does not have the digest of what it holds'],

  // Chunk records, by their position in the file.
  'v5-chunk-flags': ['RAFS-CHUNK-RECORD', 'chunk {position} of the file: flags {chunkFlags:flags}'],
  'v5-chunk-file-offset': [
    'RAFS-CHUNK-RECORD',
    'chunk {position} of the file: file offset {offset}, not {wanted}',
  ],
  'v5-chunk-compressor': [
    'RAFS-CHUNK-RECORD',
    'chunk {position} of the file: compressed, in an image without a compressor',
  ],
  'v5-chunk-nothing-stored': ['RAFS-CHUNK-RECORD', 'chunk {position} of the file: a compressed size of 0'],
  'v5-chunk-stored-size': [
    'RAFS-CHUNK-RECORD',
    'chunk {position} of the file: {stored} bytes for {size}, {way}',
  ],
  'v5-chunk-crc': ['RAFS-CHUNK-RECORD', 'chunk {position} of the file: a checksum without its flag'],
  'v5-chunk-twice': [
    'RAFS-CHUNK-RECORD',
    'chunk {chunk} of blob {blob} is recorded differently by another file',
  ],
} as const satisfies Sentences;
