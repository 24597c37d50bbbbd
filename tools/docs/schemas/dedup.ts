/** Documents of `dedup estimate` and `chunkdict generate`. */
import * as v from 'valibot';
import { DIGEST, SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

const SHARE = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

export const DEDUP_ESTIMATE = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  images: v.array(
    v.strictObject({
      image: TEXT,
      kind: v.picklist(['nydus', 'oci']),
      layerBytes: WHOLE,
      nydusBytes: v.pipe(WHOLE, v.description('Of blobs and bootstrap, without a dictionary.')),
      dictionarySaves: v.pipe(
        v.optional(WHOLE),
        v.description('Absent for an image that the dictionary is made of.'),
      ),
    }),
  ),
  stored: v.pipe(
    v.array(v.strictObject({ layers: WHOLE, nydus: WHOLE, withDictionary: WHOLE })),
    v.description('Bytes in the registry when the images up to this one are there.'),
  ),
  shared: v.pipe(
    v.array(v.array(WHOLE)),
    v.description('Stored bytes of the chunks that two images have in common, by row and column.'),
  ),
  chunkSizes: v.array(
    v.strictObject({
      chunkSize: WHOLE,
      chunks: WHOLE,
      blobBytes: WHOLE,
      bootstrapBytes: WHOLE,
      uniqueBytes: v.pipe(WHOLE, v.description('Stored bytes of chunks, each once over all images.')),
    }),
  ),
  dictionary: v.strictObject({
    images: v.pipe(WHOLE, v.description('The first ones, of which it is made.')),
    chunks: WHOLE,
    bytes: WHOLE,
    storedWithout: v.pipe(WHOLE, v.description('Bytes of the other images without the dictionary.')),
    storedWith: WHOLE,
  }),
  upgrades: v.pipe(
    v.array(v.strictObject({ from: TEXT, to: TEXT, layers: WHOLE, nydus: WHOLE, withDictionary: WHOLE })),
    v.description('Bytes that a node downloads in all that has one image and gets another.'),
  ),
});

const CHOICE = {
  sources: v.pipe(v.array(TEXT), v.description('Images whose chunks it may hold.')),
  heldBack: v.array(v.strictObject({ image: TEXT, storedBytes: WHOLE, savedBytes: WHOLE })),
  chunks: WHOLE,
  chunkBytes: WHOLE,
  saving: v.pipe(
    v.nullable(SHARE),
    v.description('Of the bytes of the images held back; null when none was held back.'),
  ),
};

export const CHUNKDICT = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  ...CHOICE,
  platforms: v.pipe(
    v.array(v.strictObject({ platform: TEXT, ...CHOICE })),
    v.description('The same for each platform; the members above are the sums.'),
  ),
  target: v.pipe(
    v.nullable(v.strictObject({ image: TEXT, digest: DIGEST, bytes: WHOLE })),
    v.description('Null when the dictionary saves too little, and so was not made.'),
  ),
});
