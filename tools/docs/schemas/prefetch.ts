/** What a prefetch list means on an image, in the documents of `convert` and of `prefetch`. */
import * as v from 'valibot';
import { TEXT, WHOLE } from './shared.js';

const PART = v.strictObject({ listed: WHOLE, all: WHOLE });

export const MEANING = {
  patterns: WHOLE,
  missing: v.pipe(WHOLE, v.description('Patterns that lead nowhere.')),
  missingPaths: v.array(v.strictObject({ path: TEXT, pathBase64: v.optional(TEXT) })),
  covered: v.pipe(WHOLE, v.description('Patterns that an earlier one covers.')),
  empty: v.pipe(WHOLE, v.description('Patterns that lead only to what has no content.')),
  entries: v.pipe(WHOLE, v.description('Entries of the prefetch table.')),
  files: PART,
  bytes: PART,
  chunks: PART,
  storedBytes: PART,
  verdict: v.pipe(
    v.picklist(['nothing', 'some', 'most']),
    v.description('most: the list names more than half of the image, so that a start waits for it.'),
  ),
};
