/** Sets the target's tag to what a conversion has made. */
import type { Descriptor } from '../oci/descriptor.js';
import { MEDIA } from '../oci/media-types.js';
import type { TagState } from '../registry/moved-tag.js';
import { familyOf } from './assemble.js';
import { storedDocument, type StoredDocument } from './halves.js';
import type { ConvertedImage } from './image.js';
import { type ConvertedEntry, mergedIndex, plainIndex } from './merge-index.js';
import { publish } from './publish.js';
import type { Run } from './run.js';
import type { SourceImages } from './source-images.js';

/** The manifest or index that the tag names now. */
export interface TaggedRoot {
  readonly root: StoredDocument;
  /** True when the tag named it before the run. */
  readonly unchanged: boolean;
  /** Entries that the conversion has not made. */
  readonly kept: readonly Descriptor[];
}

/** Pushes the manifests, and the root together with the tag. */
export async function setTag(
  run: Run,
  found: SourceImages,
  images: readonly ConvertedImage[],
  before: TagState,
): Promise<TaggedRoot> {
  const { target, uploads } = run;
  const root = rootOf(run, found, images);
  const manifests = images.flatMap(({ nydus, oci, original }) =>
    [oci, original, nydus].filter((manifest) => manifest !== undefined),
  );
  const unchanged = await publish(
    target,
    { manifests, root, before, beforeTag: run.beforeTag },
    uploads.call,
  );
  return {
    root,
    kept: found.foreign.map(({ descriptor }) => descriptor),
    unchanged,
  };
}

/**
 * Returns the document that the tag will name: an index when merging or when the source was one, else the only
 * manifest.
 */
function rootOf({ options }: Run, found: SourceImages, images: readonly ConvertedImage[]): StoredDocument {
  const entries: readonly ConvertedEntry[] = images.map((image) => ({
    source: image.source,
    nydus: image.nydus.descriptor,
    oci: image.oci?.descriptor,
  }));
  if (options.mergePlatform) {
    return storedDocument(
      MEDIA.ociIndex,
      mergedIndex(found.index?.json, entries, found.foreign, options.indexMarks),
    );
  }
  const [only] = images;
  if (only !== undefined && images.length === 1 && found.foreign.length === 0) return only.nydus;
  const family = familyOf(found.index?.mediaType ?? MEDIA.ociIndex, options.oci);
  return storedDocument(family.index, plainIndex(found.index?.json, family, entries, found.foreign));
}
