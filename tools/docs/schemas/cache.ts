/** Documents of `cache ls`, `cache prune` and `cache verify`. */
import * as v from 'valibot';
import { CONTENT, DIGEST, SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

const RECORD = {
  digest: DIGEST,
  size: WHOLE,
  source: v.pipe(v.optional(DIGEST), v.description('The source layer, if the record says it.')),
  state: v.picklist(['keyed', 'unkeyed', 'damaged']),
  key: v.optional(TEXT),
  standsAlone: v.pipe(v.boolean(), v.description('Whether the blob refers to no other.')),
};

const LISTING = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  cache: TEXT,
  root: CONTENT,
  form: v.picklist(['manifest', 'index']),
  manifests: v.array(
    v.strictObject({
      platform: v.optional(TEXT),
      version: v.string(),
      records: v.pipe(v.array(v.strictObject(RECORD)), v.description('Those used last come first.')),
    }),
  ),
  blobBytes: v.pipe(WHOLE, v.description('Of all blobs, each once.')),
});

const PRUNED = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  cache: TEXT,
  removed: v.array(
    v.strictObject({ ...RECORD, reason: v.picklist(['gone', 'damaged', 'unkeyed', 'beyond']) }),
  ),
  kept: WHOLE,
  written: v.boolean(),
});

const VERDICT = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  cache: TEXT,
  records: WHOLE,
  bytes: v.pipe(WHOLE, v.description('Bytes that were read.')),
  faults: v.array(
    v.strictObject({
      digest: DIGEST,
      source: v.optional(DIGEST),
      fault: v.picklist(['gone', 'bytes', 'record', 'tail']),
      message: TEXT,
    }),
  ),
});

export const CACHE = v.union([LISTING, PRUNED, VERDICT]);
