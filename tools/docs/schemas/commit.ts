/** Document of `commit`. */
import * as v from 'valibot';
import { CONTENT, SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

export const COMMIT = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  image: v.pipe(TEXT, v.description('The name to deploy.')),
  target: TEXT,
  ...CONTENT.entries,
  unchanged: v.pipe(v.boolean(), v.description('True if the target was this very image before.')),
  platform: TEXT,
  base: v.pipe(CONTENT, v.description('The manifest that the changes were put on.')),
  manifest: v.pipe(CONTENT, v.description('The manifest of the Nydus image.')),
  config: CONTENT,
  blob: v.pipe(CONTENT, v.description('The blob of the changes.')),
  ordinary: v.pipe(
    v.optional(v.strictObject({ manifest: CONTENT, layer: CONTENT })),
    v.description('The ordinary image of a merged index, and its new layer.'),
  ),
  times: v.pipe(
    WHOLE,
    v.description('How often changes were put on the image in this way, this time included.'),
  ),
  changes: v.pipe(
    v.strictObject({ entries: WHOLE, bytes: WHOLE, chunks: WHOLE, newChunks: WHOLE }),
    v.description('The tar of changes; `newChunks` of the chunks are stored in the blob.'),
  ),
  copied: v.array(
    v.strictObject({
      ...CONTENT.entries,
      outcome: v.picklist(['pushed', 'present', 'mounted', 'elsewhere']),
    }),
  ),
  milliseconds: v.strictObject({ total: WHOLE }),
});
