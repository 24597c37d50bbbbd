/** Document of `optimize`. */
import * as v from 'valibot';
import { MEANING } from './prefetch.js';
import { CONTENT, SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

const READS = v.strictObject({ requests: WHOLE, bytes: WHOLE });

export const OPTIMIZE = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  image: v.pipe(TEXT, v.description('The name to deploy.')),
  target: TEXT,
  ...CONTENT.entries,
  unchanged: v.pipe(v.boolean(), v.description('True if the target was this very image before.')),
  platforms: v.array(
    v.strictObject({
      platform: TEXT,
      source: v.pipe(CONTENT, v.description('The manifest that it was made from.')),
      manifest: CONTENT,
      config: CONTENT,
      blob: v.pipe(CONTENT, v.description('The blob of the files to load first.')),
      replaced: v.pipe(
        v.optional(CONTENT),
        v.description('The blob of an earlier run in whose place it stands.'),
      ),
      prefetch: v.strictObject(MEANING),
      reads: v.pipe(
        v.optional(v.strictObject({ before: READS, after: READS })),
        v.description(
          'What a client asks for that reads the listed files in order; absent where chunks stay in the layers of the original.',
        ),
      ),
    }),
  ),
  kept: v.pipe(v.array(CONTENT), v.description('Entries of the index that are as they were.')),
  copied: v.array(
    v.strictObject({
      ...CONTENT.entries,
      outcome: v.picklist(['pushed', 'present', 'mounted', 'elsewhere']),
    }),
  ),
  milliseconds: v.strictObject({ total: WHOLE }),
});
