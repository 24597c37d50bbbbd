/** Parts of several documents. */
import * as v from 'valibot';

export const SCHEMA_VERSION = v.literal(1);
export const WHOLE = v.pipe(v.number(), v.integer(), v.minValue(0));
export const DIGEST = v.pipe(v.string(), v.regex(/^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/));
export const TEXT = v.string();

export const CONTENT = v.strictObject({ mediaType: TEXT, digest: DIGEST, size: WHOLE });

const PLATFORM = v.strictObject({
  os: TEXT,
  architecture: TEXT,
  variant: v.optional(TEXT),
  osVersion: v.optional(TEXT),
  osFeatures: v.optional(v.array(TEXT)),
});

/** A descriptor as an index has it. */
export const DESCRIPTOR = v.strictObject({
  ...CONTENT.entries,
  platform: v.optional(PLATFORM),
  annotations: v.optional(v.record(TEXT, TEXT)),
  artifactType: v.optional(TEXT),
});
