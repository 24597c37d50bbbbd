/** Document of `build`. */
import * as v from 'valibot';
import { MEANING } from './prefetch.js';
import { CONTENT, SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

const PACKED = v.pipe(
  v.strictObject({ bytes: WHOLE, entries: WHOLE, chunks: WHOLE, newChunks: WHOLE, duplicateBytes: WHOLE }),
  v.description('What the directory had. Holes of files are no bytes.'),
);

const COMMON = {
  fsVersion: WHOLE,
  packed: PACKED,
  prefetch: v.optional(v.strictObject(MEANING)),
  milliseconds: v.strictObject({ total: WHOLE }),
};

const FILE = v.strictObject({
  path: v.pipe(TEXT, v.description('The path of the file, or where the storage backend has it.')),
  digest: TEXT,
  size: WHOLE,
});

export const BUILD = v.union([
  v.strictObject({
    schemaVersion: SCHEMA_VERSION,
    bootstrap: FILE,
    blob: FILE,
    blobs: v.pipe(
      v.array(TEXT),
      v.description('The ids of all blobs that the bootstrap names, in its order.'),
    ),
    compressor: TEXT,
    ...COMMON,
  }),
  v.strictObject({
    schemaVersion: SCHEMA_VERSION,
    image: v.pipe(TEXT, v.description('The name to deploy.')),
    target: TEXT,
    ...CONTENT.entries,
    unchanged: v.pipe(v.boolean(), v.description('True if the target was this very image before.')),
    platform: TEXT,
    config: CONTENT,
    blob: v.pipe(CONTENT, v.description('The blob of the directory.')),
    borrowed: v.pipe(v.array(CONTENT), v.description('Blobs of the chunk dictionary that files refer to.')),
    copied: v.array(
      v.strictObject({
        ...CONTENT.entries,
        outcome: v.picklist(['pushed', 'present', 'mounted', 'elsewhere']),
      }),
    ),
    ...COMMON,
  }),
]);
