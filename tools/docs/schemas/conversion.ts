/** Documents of `convert` and `plan`, and the events of `--progress json`. */
import * as v from 'valibot';
import { COPY } from './copy.js';
import { COMMIT } from './commit.js';
import { OPTIMIZE } from './optimize.js';
import { ERROR } from './failure.js';
import { MEANING } from './prefetch.js';
import { CONTENT, DESCRIPTOR, DIGEST, SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

const OUTCOME = v.picklist(['pushed', 'present', 'mounted']);

const FILES = v.strictObject({ files: WHOLE, bytes: WHOLE });
const LEFT_OUT = v.pipe(
  v.optional(
    v.strictObject({
      hidden: v.pipe(FILES, v.description('Files that upper layers hide.')),
      overwritten: v.pipe(FILES, v.description('Files that a later entry of the same layer replaces.')),
      directories: v.pipe(
        v.array(v.strictObject({ path: TEXT, files: WHOLE, bytes: WHOLE })),
        v.description(
          'Where the hidden files lie, those with most bytes first, 20 at most. A directory of whose files none stays stands for all below it.',
        ),
      ),
      moreDirectories: WHOLE,
      storedBytes: v.pipe(WHOLE, v.description('Bytes of chunk data that the blobs do not hold for it.')),
    }),
  ),
  v.description(
    'What of the layer is not stored, as no container sees it; absent unless the image is flattened.',
  ),
);

export const CONVERT = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  image: v.pipe(TEXT, v.description('The name to deploy.')),
  target: TEXT,
  ...CONTENT.entries,
  'containerimage.config.digest': v.pipe(
    v.optional(DIGEST),
    v.description('As in the file of --metadata-file, where the result is one image and no index.'),
  ),
  unchanged: v.pipe(v.boolean(), v.description('True if the target was this very image before.')),
  platforms: v.array(
    v.strictObject({
      platform: TEXT,
      source: CONTENT,
      nydus: CONTENT,
      config: v.pipe(CONTENT, v.description('Of the Nydus image.')),
      oci: v.pipe(
        v.optional(CONTENT),
        v.description('The image for clients without Nydus, in a merged index.'),
      ),
      bootstrapBytes: WHOLE,
      nydusBytes: WHOLE,
      sourceBytes: WHOLE,
      targetBytes: WHOLE,
      repeatedBytes: WHOLE,
      prefetch: v.pipe(
        v.optional(v.strictObject(MEANING)),
        v.description('What the prefetch list means; absent if clients load all of the image.'),
      ),
      layers: v.array(
        v.strictObject({
          source: CONTENT,
          blob: CONTENT,
          outcome: OUTCOME,
          cache: v.pipe(
            v.optional(v.picklist(['hit', 'miss'])),
            v.description('Whether the build cache had the blob, in a run with one.'),
          ),
          savedBytes: v.pipe(
            v.optional(WHOLE),
            v.description(
              'Bytes of the source layer that were not read for it, in a run with a build cache.',
            ),
          ),
          tarBytes: WHOLE,
          entries: WHOLE,
          chunks: WHOLE,
          newChunks: WHOLE,
          duplicateBytes: WHOLE,
          batches: v.pipe(
            v.optional(WHOLE),
            v.description('Batches in which small files are compressed together; absent without any.'),
          ),
          leftOut: LEFT_OUT,
        }),
      ),
      recipeBytes: v.pipe(
        v.optional(WHOLE),
        v.description("Bytes of the recipes of the layers' tars; absent if the image keeps none."),
      ),
      dictionaryBlobs: v.pipe(
        v.optional(v.array(v.strictObject({ ...CONTENT.entries, chunks: WHOLE, savedBytes: WHOLE }))),
        v.description(
          'The blobs of the chunk dictionary that files refer to; they follow those of the layers. With chunks that the layers would have stored without it, and their stored bytes.',
        ),
      ),
    }),
  ),
  kept: v.array(CONTENT),
  sourceBytes: WHOLE,
  targetBytes: WHOLE,
  repeatedBytes: WHOLE,
  batching: v.optional(
    v.strictObject({
      isAuto: v.pipe(
        v.boolean(),
        v.description('The packer chose: only files that follow one another are compressed together.'),
      ),
      below: v.pipe(WHOLE, v.description('Bytes below which a file is in a batch.')),
      size: v.pipe(WHOLE, v.description('Bytes below which a batch stays.')),
    }),
  ),
  cache: v.pipe(
    v.optional(v.strictObject({ hits: WHOLE, misses: WHOLE, savedBytes: WHOLE, written: v.boolean() })),
    v.description('Layers that the build cache had, and bytes of the source that were not read for it.'),
  ),
  milliseconds: v.strictObject({ pull: WHOLE, conversion: WHOLE, push: WHOLE, total: WHOLE }),
});

export const REVERSE = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  image: v.pipe(TEXT, v.description('The name to deploy.')),
  target: TEXT,
  ...CONTENT.entries,
  unchanged: v.pipe(v.boolean(), v.description('True if the target was this very image before.')),
  platforms: v.array(
    v.strictObject({
      platform: TEXT,
      nydus: v.pipe(
        v.optional(CONTENT),
        v.description('Absent for an ordinary image that was in the source beside Nydus images.'),
      ),
      manifest: CONTENT,
      config: CONTENT,
      how: v.pipe(
        v.picklist(['relink', 'rebuild']),
        v.description(
          'Whether this is the original manifest, byte for byte, or one with layers made from the blobs.',
        ),
      ),
      why: v.pipe(TEXT, v.description('Where the original was found, or why it was not taken.')),
      layers: v.array(
        v.strictObject({
          layer: CONTENT,
          diffId: DIGEST,
          blob: v.pipe(v.optional(CONTENT), v.description('The blob that the layer was made from.')),
          tarBytes: v.pipe(v.optional(WHOLE), v.description('Of a layer that was made from blobs.')),
          exact: v.pipe(
            v.picklist(['layer', 'tar', 'files']),
            v.description(
              'What is as it was before the conversion: the layer, its tar, made by a recipe, or nothing but its files.',
            ),
          ),
          outcome: OUTCOME,
        }),
      ),
    }),
  ),
  kept: v.array(CONTENT),
  milliseconds: v.strictObject({ total: WHOLE }),
});

export const PLAN = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  source: TEXT,
  target: TEXT,
  images: v.array(
    v.strictObject({
      platform: TEXT,
      manifest: DIGEST,
      layers: v.array(
        v.strictObject({
          digest: DIGEST,
          mediaType: TEXT,
          pull: WHOLE,
          blobBytes: WHOLE,
          blob: v.picklist(['push', 'present']),
          cache: v.pipe(
            v.optional(v.picklist(['hit', 'miss'])),
            v.description('Whether the build cache has the blob, with one.'),
          ),
          copy: v.optional(v.picklist(['push', 'mount', 'present'])),
          leftOut: LEFT_OUT,
        }),
      ),
      dictionary: v.pipe(
        v.optional(
          v.strictObject({
            names: v.array(TEXT),
            chunks: WHOLE,
            blobs: v.array(
              v.strictObject({
                digest: DIGEST,
                size: v.optional(WHOLE),
                blob: v.picklist(['push', 'mount', 'present']),
              }),
            ),
          }),
        ),
        v.description(
          'The chunk dictionary, and how those of its blobs that files refer to would come into the target. What it saves is not taken off the other figures.',
        ),
      ),
    }),
  ),
  kept: WHOLE,
  totals: v.strictObject({ pull: WHOLE, convert: WHOLE, push: WHOLE, reuse: WHOLE }),
  estimate: v.strictObject({ seconds: v.number(), basis: TEXT }),
  cache: v.pipe(
    v.optional(v.strictObject({ hits: WHOLE, misses: WHOLE, savedBytes: WHOLE })),
    v.description('Layers that the build cache has, and bytes of the source that need not be read for it.'),
  ),
  sample: v.optional(
    v.strictObject({
      layers: v.pipe(WHOLE, v.description('Layers that were read.')),
      pull: v.pipe(WHOLE, v.description('Their compressed bytes.')),
      share: v.pipe(v.number(), v.description('Their share of the compressed bytes of all layers.')),
      choices: v.pipe(
        v.array(
          v.strictObject({
            change: v.strictObject({
              compressor: v.optional(TEXT),
              batchSize: v.optional(v.union([WHOLE, v.literal('auto')])),
              chunkSize: v.optional(WHOLE),
            }),
            blobBytes: v.pipe(WHOLE, v.description('Bytes of the blobs of the layers that were read.')),
            allBytes: v.pipe(
              WHOLE,
              v.description('Bytes of the blobs of all layers, if the others shrink alike.'),
            ),
            seconds: v.pipe(v.number(), v.description('Processor seconds for the layers that were read.')),
          }),
        ),
        v.description('The options of the plan first, then others that differ in one.'),
      ),
    }),
  ),
});

const TIME = { time: v.pipe(TEXT, v.isoTimestamp()) };
const STAGE = v.strictObject({
  name: TEXT,
  threads: WHOLE,
  alive: v.number(),
  busy: v.number(),
  ready: v.number(),
  starved: v.number(),
  blocked: v.number(),
});
const STATS = v.strictObject({
  sourceBytes: WHOLE,
  tarBytes: WHOLE,
  blobBytes: WHOLE,
  entries: WHOLE,
  chunks: WHOLE,
  newChunks: WHOLE,
  duplicateBytes: WHOLE,
});
const LAYER = { platform: TEXT, layer: WHOLE };

/** One line of `--progress json`. */
export const EVENT = v.union([
  v.strictObject({ ...TIME, type: v.literal('resolved'), source: TEXT, manifest: DESCRIPTOR }),
  v.strictObject({
    ...TIME,
    type: v.literal('image.start'),
    platform: TEXT,
    manifest: DIGEST,
    layers: v.array(v.looseObject(CONTENT.entries)),
    number: v.pipe(v.optional(WHOLE), v.description('Where the image stands in the run: the first is 1.')),
    of: v.optional(WHOLE),
    bytesOfAll: v.pipe(v.optional(WHOLE), v.description('Bytes of the layers of all images of the run.')),
  }),
  v.strictObject({
    ...TIME,
    type: v.literal('layer.progress'),
    ...LAYER,
    stage: v.picklist(['pull', 'pack', 'push', 'copy']),
    done: WHOLE,
    total: WHOLE,
  }),
  v.strictObject({ ...TIME, type: v.literal('layer.done'), ...LAYER, stats: STATS, outcome: OUTCOME }),
  v.strictObject({ ...TIME, type: v.literal('image.stages'), platform: TEXT, stages: v.array(STAGE) }),
  v.strictObject({ ...TIME, type: v.literal('read'), digest: DIGEST, done: WHOLE, total: WHOLE }),
  v.strictObject({ ...TIME, type: v.literal('step'), message: TEXT }),
  v.strictObject({
    ...TIME,
    type: v.literal('retry'),
    what: TEXT,
    attempt: WHOLE,
    delayMs: v.number(),
    cause: TEXT,
  }),
  v.strictObject({
    ...TIME,
    type: v.literal('warning'),
    code: TEXT,
    message: TEXT,
    remedy: v.optional(v.looseObject({ kind: TEXT })),
  }),
  v.strictObject({
    ...TIME,
    type: v.literal('result'),
    result: v.union([CONVERT, COPY, REVERSE, OPTIMIZE, COMMIT]),
  }),
  v.strictObject({ ...TIME, type: v.literal('error'), error: ERROR }),
]);
