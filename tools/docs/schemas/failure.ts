/** The document of a command that failed. */
import * as v from 'valibot';
import { SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

export const ERROR = v.strictObject({
  code: v.picklist([
    'USAGE',
    'REFERENCE',
    'REGISTRY',
    'AUTH',
    'CONTENT',
    'FORMAT',
    'CACHE',
    'HOOK',
    'UNSUPPORTED',
    'IO',
    'ADDON',
    'PATH',
    'INTERNAL',
    'INTERRUPTED',
  ]),
  exitCode: v.picklist([1, 2, 3, 4, 5, 6, 7, 70, 130]),
  message: TEXT,
  hint: v.optional(TEXT),
  side: v.optional(v.picklist(['source', 'target'])),
  status: v.optional(WHOLE),
  registryCodes: v.optional(v.array(TEXT)),
  request: v.optional(TEXT),
  retryable: v.optional(v.boolean()),
  retryAfterMs: v.optional(v.number()),
  fault: v.optional(v.strictObject({ text: TEXT, at: WHOLE })),
  expected: v.optional(TEXT),
  found: v.optional(TEXT),
  offset: v.optional(WHOLE),
  platform: v.optional(TEXT),
});

export const FAILURE = v.strictObject({ schemaVersion: SCHEMA_VERSION, error: ERROR });
