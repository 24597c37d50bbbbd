/** Sentences about blobs: sections, the chunk table, and the bootstraps that describe the same chunks. */
import type { Sentences } from './rules.js';

export const SENTENCES_BLOB = {
  // The chunk table and its header. `field` is a structure and one of its fields.
  'section-no-bootstrap': ['BLOB-BOOTSTRAP', 'the blob has no section image.boot'],
  'section-no-table': ['BLOB-META', 'the blob has chunk data, but no complete chunk table'],
  'section-header-size': ['BLOB-META', 'section blob.meta.header has {size} bytes, not {wanted}'],
  'section-header-range': ['BLOB-META', '{field} at offset {@}: {value} ({hex:bits}) is out of range'],
  'section-header-magic': ['BLOB-META', '{field} at offset {@}: it is not 0xb10bb10b'],
  'section-header-entries': [
    'BLOB-META',
    '{field} at offset {@}: {count} records of {size} bytes, but {bytes} bytes',
  ],
  'section-header-differs': [
    'BLOB-META',
    'the header of the chunk table and the table of contents differ in the {value}',
  ],
  'section-later-version': [
    'BLOB-META',
    '{field} at offset {@}: records with the features {hex:bits} (encryption, several kinds of contexts, or contexts of version 1) are not read',
  ],
  'section-batch-table': [
    'BLOB-META',
    '{field} at offset {@}: {count} batches need {size} bytes behind the records, at {end}',
  ],
  'section-batch-size': [
    'BLOB-META',
    'batch {batch} is stored in {stored} bytes for {size} uncompressed ones',
  ],
  'section-batch-chunk': ['BLOB-META', 'chunk {chunk} is not where its batch has it: {value}'],
  'section-batch-filled': ['BLOB-META', 'batch {batch} has another size than its chunks together'],
  'section-batch-end': ['BLOB-META', 'batch {batch} does not end where the next chunk begins'],
  'section-batch-empty': ['BLOB-META', 'batch {batch} has no chunk'],
  // Contexts of an original layer.
  'section-context-table': [
    'BLOB-META',
    '{field} at offset {@}: {count} contexts and their dictionaries are not the {size} bytes behind the records, at {end}',
  ],
  'section-context-count': [
    'BLOB-CONTEXT',
    'there are {count} contexts for {chunks} chunks: clients read nothing of a blob with more contexts than chunks',
  ],
  'section-context-output': [
    'BLOB-CONTEXT',
    'context {context} makes {size} bytes: clients make at most 16 MiB at once, and fail to read its chunks',
  ],
  'section-context-input': [
    'BLOB-CONTEXT',
    'context {context} takes bytes {start} to {end} of a layer of {size} bytes',
  ],
  'section-context-dictionary': [
    'BLOB-CONTEXT',
    'context {context} has a dictionary of {size} bytes at {offset}, and all dictionaries have {area} bytes',
  ],
  'section-context-order': ['BLOB-CONTEXT', 'context {context} begins before the one before it'],
  'section-context-chunk': ['BLOB-CONTEXT', 'chunk {chunk} is not where its context has it: {value}'],
  'section-chunk-flags': ['BLOB-META', 'chunk {chunk} has flags that do not go with its sizes'],
  'section-digests-size': ['BLOB-META', 'section blob.digest does not hold one digest for each chunk'],
  'section-chunk-order': ['BLOB-META', 'chunk {chunk} does not follow the chunk before it'],
  'section-chunk-end': ['BLOB-META', 'chunk {chunk} ends behind the chunk data'],
  'section-data-size': [
    'BLOB-TOC',
    'the table of contents has another uncompressed size than the chunk table',
  ],
  'section-reserved': ['BLOB-RESERVED', '{field} is not zero'],
  'section-copy': ['BOOTSTRAP-BLOB-META', 'file image/{id}.blob.meta is not the chunk table of the blob'],
  'section-copy-header': [
    'BOOTSTRAP-BLOB-META-MISSING',
    'file image/{id}.blob.meta holds the header of the chunk table alone',
  ],

  // The blob beside a bootstrap; `bootstrap` is its name.
  'section-no-table-used': [
    'BLOB-META',
    'the {bootstrap} refers to chunks of this blob, which has no readable chunk table',
  ],
  'section-record-differs': ['BLOB-META', 'the {bootstrap} and the blob differ in the {value}'],
  'section-chunk-missing': [
    'CHUNK-RECORD',
    'chunk {chunk} of the {bootstrap} is not in the chunk table of the blob',
  ],
  'section-chunk-differs': [
    'CHUNK-RECORD',
    'chunk {chunk} differs in the {bootstrap}: {field} is {found} there, and {stored} in the chunk table of the blob',
  ],
  'section-chunk-digest': [
    'CHUNK-RECORD',
    'chunk {chunk} differs in the {bootstrap}: its digest is not the one in the blob',
  ],

  // RAFS v5, whose blobs have no chunk table: both bootstraps side by side.
  'section-version': [
    'BLOB-BOOTSTRAP',
    'the bootstrap in the blob is of another RAFS version than that of the image',
  ],
  'section-bootstrap-without': [
    'BLOB-BOOTSTRAP',
    'the bootstrap refers to chunks of this blob, but the bootstrap in the blob refers to none',
  ],
  'section-bootstraps-differ': [
    'BLOB-BOOTSTRAP',
    'the bootstrap and the bootstrap in the blob differ in the {value}',
  ],
  'section-chunk-twice': [
    'CHUNK-RECORD',
    'the bootstrap and the bootstrap in the blob describe chunk {chunk} differently: {field}',
  ],
  'section-chunk-outside': ['CHUNK-RECORD', 'chunk {chunk} ends behind the chunk data'],
} as const satisfies Sentences;
