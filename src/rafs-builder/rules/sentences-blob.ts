/** Sentences about blobs: sections, the chunk table, and the bootstraps that describe the same chunks. */
import type { Sentences } from './rules.js';

export const SENTENCES_BLOB = {
  // The chunk table and its header. `field` is a structure and one of its fields.
  'section-no-bootstrap': ['BLOB-BOOTSTRAP', 'blob has no section image.boot'],
  'section-no-table': ['BLOB-META', 'blob has chunk data, and no whole chunk table'],
  'section-header-size': ['BLOB-META', 'section blob.meta.header of {size} bytes, not {wanted}'],
  'section-header-range': ['BLOB-META', '{field} at offset {@}: {value} ({hex:bits}) is out of range'],
  'section-header-magic': ['BLOB-META', '{field} at offset {@}: it is not 0xb10bb10b'],
  'section-header-entries': [
    'BLOB-META',
    '{field} at offset {@}: {count} records of {size} bytes in {bytes} bytes',
  ],
  'section-header-tells': ['BLOB-META', 'chunk table header tells another {value}'],
  'section-digests-size': ['BLOB-META', 'section blob.digest does not hold one digest for each chunk'],
  'section-chunk-order': ['BLOB-META', 'chunk {chunk} does not follow the one before'],
  'section-chunk-end': ['BLOB-META', 'chunk {chunk} ends behind the data'],
  'section-data-size': ['BLOB-TOC', 'table of contents tells another uncompressed size'],
  'section-reserved': ['BLOB-RESERVED', '{field} is not zero'],
  'section-copy': ['BOOTSTRAP-BLOB-META', 'file image/{id}.blob.meta is not the chunk table of the blob'],
  'section-copy-header': [
    'BOOTSTRAP-BLOB-META-MISSING',
    'file image/{id}.blob.meta holds the header of the chunk table alone',
  ],

  // The blob beside a bootstrap; `bootstrap` is its name.
  'section-no-table-used': [
    'BLOB-META',
    'the {bootstrap} refers to chunks of this blob, and it has no chunk table',
  ],
  'section-table-tells': ['BLOB-META', 'blob table of the {bootstrap} tells another {value}'],
  'section-chunk-missing': [
    'CHUNK-RECORD',
    'chunk {chunk} is told differently by the {bootstrap}: there is no such chunk in the blob',
  ],
  'section-chunk-differs': [
    'CHUNK-RECORD',
    'chunk {chunk} is told differently by the {bootstrap}: {field} is {found}, and {stored} in the blob',
  ],
  'section-chunk-digest': [
    'CHUNK-RECORD',
    'chunk {chunk} is told differently by the {bootstrap}: its digest is not that of the blob',
  ],

  // RAFS v5, whose blobs have no chunk table: both bootstraps side by side.
  'section-version': [
    'BLOB-BOOTSTRAP',
    'the bootstrap in the blob is of another RAFS version than that of the image',
  ],
  'section-bootstrap-without': [
    'BLOB-BOOTSTRAP',
    'the bootstrap refers to chunks of this blob, and the bootstrap in the blob to none',
  ],
  'section-bootstraps-tell': [
    'BLOB-BOOTSTRAP',
    'bootstrap and the bootstrap in the blob tell another {value}',
  ],
  'section-chunk-twice': [
    'CHUNK-RECORD',
    'chunk {chunk} is told differently by the bootstrap and by the one in the blob: {field}',
  ],
  'section-chunk-outside': ['CHUNK-RECORD', 'chunk {chunk} ends behind the data'],
} as const satisfies Sentences;
