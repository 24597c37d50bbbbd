/** The document of `check`, with a verdict or with the error that kept it from one. */
import * as v from 'valibot';
import { ERROR } from './failure.js';
import { DESCRIPTOR, DIGEST, SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

const FINDING = v.strictObject({
  id: v.pipe(TEXT, v.description('Stays the same in all versions; docs/checks.md lists them.')),
  severity: v.picklist(['error', 'warning', 'note']),
  where: v.strictObject({
    platform: v.optional(TEXT),
    half: v.optional(v.picklist(['nydus', 'oci'])),
    part: v.optional(TEXT),
    path: v.optional(TEXT),
    offset: v.optional(WHOLE),
  }),
  message: TEXT,
  expected: v.optional(TEXT),
  found: v.optional(TEXT),
  hint: v.optional(TEXT),
  chunk: v.pipe(v.optional(WHOLE), v.description('Of the chunk that it is about, the index in its blob.')),
  files: v.pipe(
    v.optional(
      v.strictObject({
        count: WHOLE,
        first: v.array(v.strictObject({ path: TEXT, offset: WHOLE })),
      }),
    ),
    v.description('The files that hold the chunk: how many, and the first of them.'),
  ),
});

const PLATFORM = v.strictObject({
  platform: TEXT,
  nydus: DIGEST,
  oci: v.optional(DIGEST),
  ociRead: v.boolean(),
  layers: WHOLE,
  blobBytes: WHOLE,
  dataRead: v.boolean(),
  compared: v.boolean(),
  layerSizes: v.array(
    v.strictObject({
      blob: DIGEST,
      blobBytes: WHOLE,
      source: v.optional(v.strictObject({ digest: DIGEST, bytes: WHOLE })),
    }),
  ),
  bootstrapBytes: WHOLE,
  milliseconds: WHOLE,
  contents: v.optional(
    v.strictObject({
      files: WHOLE,
      bytes: WHOLE,
      uniqueBytes: WHOLE,
      storedBytes: WHOLE,
      directories: v.array(v.strictObject({ path: TEXT, depth: WHOLE, files: WHOLE, bytes: WHOLE })),
    }),
  ),
});

const TRACE = v.strictObject({
  mode: v.picklist(['index', 'referrer']),
  matcher: TEXT,
  manifest: DIGEST,
  outcome: v.picklist(['found', 'not found', 'panic']),
  alternative: v.optional(TEXT),
  bootstrap: v.optional(v.looseObject({ mediaType: TEXT, digest: TEXT, size: v.number() })),
  steps: v.array(v.strictObject({ step: TEXT, ok: v.boolean(), detail: v.array(TEXT) })),
});

const MANIFEST = v.strictObject({
  entry: v.optional(WHOLE),
  digest: TEXT,
  kind: v.picklist(['oci', 'nydus', 'other']),
});

const CLIENTS = v.strictObject({
  platform: TEXT,
  entries: v.array(MANIFEST),
  clients: v.array(
    v.strictObject({
      client: TEXT,
      detection: v.optional(v.picklist(['index', 'referrer', 'none'])),
      versions: TEXT,
      picks: v.optional(MANIFEST),
      runs: v.pipe(
        v.optional(MANIFEST),
        v.description('What it runs, if detection led it from what it takes to another manifest.'),
      ),
      outcome: v.picklist(['lazily', 'unpacked', 'copied', 'fails']),
      why: TEXT,
      trace: v.optional(TRACE),
    }),
  ),
});

export const CHECK = v.union([
  v.strictObject({
    schemaVersion: SCHEMA_VERSION,
    target: TEXT,
    source: v.optional(TEXT),
    root: DESCRIPTOR,
    verdict: v.picklist(['good', 'bad']),
    platforms: v.array(PLATFORM),
    clients: v.optional(v.array(CLIENTS)),
    bootstrapOnly: v.boolean(),
    sample: v.optional(v.number()),
    findings: v.array(FINDING),
  }),
  v.strictObject({
    schemaVersion: SCHEMA_VERSION,
    target: TEXT,
    source: v.optional(TEXT),
    verdict: v.literal('unknown'),
    error: ERROR,
    platforms: v.array(v.never()),
    findings: v.array(v.never()),
  }),
]);
