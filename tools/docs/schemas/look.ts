/** Documents of the commands that look inside images. */
import * as v from 'valibot';
import { MEANING } from './prefetch.js';
import { CONTENT, DESCRIPTOR, DIGEST, SCHEMA_VERSION, TEXT, WHOLE } from './shared.js';

const HEAD = { schemaVersion: SCHEMA_VERSION };
const TRAFFIC = { traffic: v.strictObject({ requests: WHOLE, bytes: WHOLE, imageBytes: WHOLE }) };
const IMAGES = {
  images: v.array(
    v.strictObject({
      location: v.nullable(TEXT),
      kind: v.picklist(['nydus', 'oci']),
      platform: v.nullable(TEXT),
      digest: v.nullable(DIGEST),
    }),
  ),
};
const BASE64 = v.pipe(v.optional(TEXT), v.description('The bytes, where the text does not have them all.'));
const TYPE = v.picklist(['file', 'directory', 'symlink', 'fifo', 'socket', 'char', 'block']);

const ENTRY = {
  path: TEXT,
  pathBase64: BASE64,
  type: TYPE,
  mode: v.pipe(TEXT, v.regex(/^[0-7]{4,}$/)),
  uid: WHOLE,
  gid: WHOLE,
  mtime: v.number(),
  mtimeNsec: v.optional(WHOLE),
  links: WHOLE,
  size: v.optional(WHOLE),
  target: v.optional(TEXT),
  targetBase64: BASE64,
  major: v.optional(WHOLE),
  minor: v.optional(WHOLE),
  entries: v.optional(WHOLE),
};

export const LS = v.strictObject({
  ...HEAD,
  ...IMAGES,
  entries: v.array(v.strictObject(ENTRY)),
  ...TRAFFIC,
});

const CHUNK = v.strictObject({
  offset: WHOLE,
  size: WHOLE,
  digest: TEXT,
  stored: v.optional(v.strictObject({ blob: TEXT, offset: WHOLE, size: WHOLE })),
});

export const STAT = v.strictObject({
  ...HEAD,
  ...IMAGES,
  ...ENTRY,
  names: v.array(TEXT),
  xattrs: v.array(v.strictObject({ name: TEXT, nameBase64: BASE64, valueBase64: TEXT })),
  digester: TEXT,
  chunks: v.array(CHUNK),
  ...TRAFFIC,
});

/** A name of a tree, with the names below it. */
export interface Branch {
  readonly children?: readonly Branch[] | undefined;
}
export const BRANCH: v.GenericSchema<Branch> = v.strictObject({
  ...ENTRY,
  children: v.optional(v.array(v.lazy(() => BRANCH))),
});

export const TREE = v.strictObject({ ...HEAD, ...IMAGES, tree: BRANCH, ...TRAFFIC });

const CHUNKS = v.strictObject({ uncompressed: WHOLE, stored: WHOLE });
export const EXTRACT = v.strictObject({
  ...HEAD,
  ...IMAGES,
  directory: TEXT,
  directories: WHOLE,
  files: v.pipe(WHOLE, v.description('Regular files; further names of them are among the others.')),
  others: WHOLE,
  bytes: WHOLE,
  kept: v.pipe(WHOLE, v.description('Files that were there with the content of the image.')),
  leftOut: v.array(v.strictObject({ path: TEXT, pathBase64: BASE64, what: TEXT, reason: TEXT })),
  ...TRAFFIC,
});

export const DU = v.strictObject({
  ...HEAD,
  ...IMAGES,
  directories: v.array(
    v.strictObject({
      path: TEXT,
      pathBase64: BASE64,
      depth: WHOLE,
      files: WHOLE,
      bytes: WHOLE,
      unique: CHUNKS,
      own: CHUNKS,
      shared: CHUNKS,
    }),
  ),
  ...TRAFFIC,
});

const PIECES = v.strictObject({ count: WHOLE, bytes: WHOLE });
export const DIFF = v.strictObject({
  ...HEAD,
  ...IMAGES,
  contentsRead: v.boolean(),
  changes: v.array(
    v.strictObject({
      path: TEXT,
      pathBase64: BASE64,
      change: v.picklist(['added', 'removed', 'changed']),
      type: TYPE,
      size: v.optional(WHOLE),
      attributes: v.array(
        v.strictObject({
          what: v.picklist([
            'type',
            'mode',
            'owner',
            'time',
            'size',
            'content',
            'target',
            'device',
            'xattr',
            'link',
          ]),
          before: TEXT,
          after: TEXT,
        }),
      ),
    }),
  ),
  download: v.strictObject({
    unit: v.picklist(['chunk', 'layer']),
    total: PIECES,
    download: PIECES,
    elsewhere: PIECES,
    bootstrap: WHOLE,
  }),
  ...TRAFFIC,
});

const BLOB = v.strictObject({
  chunks: WHOLE,
  used: v.strictObject({ chunks: WHOLE, uncompressed: WHOLE, stored: WHOLE }),
  compressor: TEXT,
  features: TEXT,
});
const BOOTSTRAP = v.strictObject({
  version: WHOLE,
  flags: TEXT,
  size: WHOLE,
  chunkSize: WHOLE,
  compressor: TEXT,
  digester: TEXT,
  inodes: v.record(TEXT, WHOLE),
  fileBytes: WHOLE,
  references: WHOLE,
  unique: v.strictObject({ count: WHOLE, bytes: WHOLE, stored: WHOLE }),
});

const INSPECTED_IMAGE = v.strictObject({
  ...HEAD,
  location: TEXT,
  root: CONTENT,
  kind: v.picklist(['index', 'manifest']),
  images: v.array(
    v.strictObject({
      platform: TEXT,
      kind: v.picklist(['nydus', 'oci']),
      digest: DIGEST,
      size: WHOLE,
      layers: v.array(
        v.strictObject({
          ...CONTENT.entries,
          kind: v.picklist(['blob', 'bootstrap', 'recipes', 'tar']),
          blob: v.optional(BLOB),
        }),
      ),
      bootstrap: v.optional(BOOTSTRAP),
      source: v.optional(v.strictObject({ digest: v.optional(TEXT), reference: v.optional(TEXT) })),
    }),
  ),
  unread: v.optional(v.array(v.strictObject({ platform: TEXT, digest: DIGEST, reason: TEXT }))),
  foreign: v.array(DESCRIPTOR),
  ...TRAFFIC,
});

const INSPECTED_BOOTSTRAP = v.strictObject({
  ...HEAD,
  location: TEXT,
  kind: v.literal('bootstrap'),
  bootstrap: BOOTSTRAP,
  blobs: v.array(v.strictObject({ id: TEXT, ...BLOB.entries })),
  findings: v.array(
    v.strictObject({
      id: v.pipe(TEXT, v.description('Stays the same in all versions; docs/format.md lists them.')),
      severity: v.picklist(['error', 'warning']),
      message: TEXT,
      path: v.optional(TEXT),
      offset: v.optional(WHOLE),
      expected: v.optional(TEXT),
      found: v.optional(TEXT),
    }),
  ),
  ...TRAFFIC,
});

const INSPECTED_LAYERS = v.strictObject({
  ...HEAD,
  location: TEXT,
  kind: v.literal('layers'),
  images: v.array(
    v.strictObject({
      platform: TEXT,
      digest: DIGEST,
      layers: v.array(
        v.strictObject({
          way: v.pipe(
            v.picklist(['relink', 'exact-layer', 'exact-tar', 'rebuild']),
            v.description(
              'What converting back gives: the original image, the original layer below a new manifest, the same tar compressed anew, or a canonical tar of the same files.',
            ),
          ),
          why: v.pipe(TEXT, v.description('Where the original was found, or why there is no better way.')),
          blob: v.optional(CONTENT),
          layer: v.pipe(v.optional(CONTENT), v.description('The original layer, where it comes back.')),
          recipeBytes: v.optional(WHOLE),
        }),
      ),
    }),
  ),
  ...TRAFFIC,
});

const INSPECTED_BACKEND = v.strictObject({
  ...HEAD,
  location: TEXT,
  kind: v.literal('backend'),
  images: v.pipe(WHOLE, v.description('Images whose bootstraps were read.')),
  named: v.pipe(WHOLE, v.description('Blobs of the backend that these images name.')),
  unnamed: v.array(v.strictObject({ digest: DIGEST, size: WHOLE, modified: TEXT })),
  unfinished: v.array(v.strictObject({ digest: DIGEST, id: TEXT, started: TEXT })),
  missing: v.pipe(v.array(DIGEST), v.description('Blobs that an image names and the backend lacks.')),
  ...TRAFFIC,
});

/** Of an image, of the ways back of its layers (`--layers`), of a storage backend (`--backend-cleanup`), or of a bootstrap in a file or a RAFS blob. */
export const INSPECT = v.union([INSPECTED_IMAGE, INSPECTED_LAYERS, INSPECTED_BACKEND, INSPECTED_BOOTSTRAP]);

export const PREFETCH = v.strictObject({
  ...HEAD,
  ...IMAGES,
  lists: v.array(
    v.strictObject({
      file: TEXT,
      form: v.pipe(TEXT, v.description('The form that the list was recognised as.')),
      skipped: v.pipe(WHOLE, v.description('Lines without a file of an image.')),
      ...MEANING,
    }),
  ),
  ...TRAFFIC,
});
