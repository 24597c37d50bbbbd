/** Document of `copy`. */
import * as v from 'valibot';
import { CONTENT, DIGEST, SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

export const COPY = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  image: v.pipe(TEXT, v.description('The name of the copy, with its digest.')),
  source: TEXT,
  target: TEXT,
  ...CONTENT.entries,
  copied: v.pipe(
    v.optional(
      v.strictObject({
        unchanged: v.pipe(v.boolean(), v.description('True if the target was this very image before.')),
        contents: v.pipe(
          v.array(
            v.strictObject({
              ...CONTENT.entries,
              outcome: v.pipe(
                v.picklist(['pushed', 'present', 'mounted', 'elsewhere']),
                v.description('"elsewhere": clients fetch the layer from the addresses in its descriptor.'),
              ),
              isReferrer: v.optional(v.literal(true)),
            }),
          ),
          v.description('In the order in which the target got them.'),
        ),
        sentBytes: v.pipe(
          WHOLE,
          v.description('Bytes of blobs that were sent; what was sent again counts again.'),
        ),
        milliseconds: WHOLE,
      }),
    ),
    v.description('Absent with --verify-only.'),
  ),
  verified: v.pipe(
    v.optional(
      v.strictObject({
        compared: v.pipe(WHOLE, v.description('Descriptors.')),
        bytes: v.pipe(WHOLE, v.description('Bytes of the target that were read.')),
        differences: v.array(
          v.strictObject({
            kind: v.picklist(['tag', 'missing', 'content', 'referrer']),
            mediaType: TEXT,
            digest: DIGEST,
            message: TEXT,
          }),
        ),
      }),
    ),
    v.description('With --verify and --verify-only.'),
  ),
});
