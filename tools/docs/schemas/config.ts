/** Documents about the program itself: `--print-config --json` and `version --json`. */
import * as v from 'valibot';
import { SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

export const PRINTED_CONFIG = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  command: TEXT,
  file: v.nullable(TEXT),
  profile: v.nullable(TEXT),
  flags: v.array(
    v.strictObject({
      name: TEXT,
      value: v.nullable(v.union([TEXT, v.boolean()])),
      from: v.picklist(['command line', 'variable', 'file', 'default', 'not set']),
      variable: v.optional(TEXT),
      file: v.optional(TEXT),
      line: v.optional(WHOLE),
      table: v.optional(TEXT),
    }),
  ),
  registries: v.record(
    TEXT,
    v.strictObject({
      plainHttp: v.optional(v.boolean()),
      insecure: v.optional(v.boolean()),
      ca: v.optional(v.array(TEXT)),
      mirrors: v.optional(v.array(TEXT)),
    }),
  ),
});

export const VERSIONS = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  version: TEXT,
  node: TEXT,
  platform: TEXT,
});
