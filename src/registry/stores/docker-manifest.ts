/**
 * `manifest.json` of an archive, by which `docker load` finds an image where it does not read the OCI layout beside it.
 * moby/moby image/spec/spec.md.
 */
import { FormatError, UnsupportedError } from '../../errors.js';
import { collect } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { digestHex } from '../../oci/digest.js';
import { type Manifest, MAX_DOCUMENT_SIZE, parseDocument } from '../../oci/manifest.js';
import { familiarName, type Reference } from '../../oci/reference.js';
import { isUnknownPlatform } from '../../oci/platform.js';
import type { CallOptions } from '../../reporter.js';
import type { ContentSource } from './store.js';

/** The file's place in the archive. */
export const DOCKER_MANIFEST = 'manifest.json';

/**
 * Returns the bytes of the file for an image, or for the first image of an index: in a merged index that is one that Docker can run.
 * Undefined for an index without images.
 */
export async function dockerManifest(
  layout: ContentSource,
  bytes: Uint8Array,
  name: Reference | undefined,
  call: CallOptions,
): Promise<Buffer | undefined> {
  const manifest = await imageOf(layout, bytes, call);
  if (manifest === undefined) return undefined;
  const pathOf = ({ digest }: Pick<Descriptor, 'digest'>): string => `blobs/sha256/${digestHex(digest)}`;
  return Buffer.from(
    JSON.stringify([
      {
        Config: pathOf(manifest.config),
        RepoTags: name === undefined ? null : [familiarName(name)],
        Layers: manifest.layers.map(pathOf),
      },
    ]),
  );
}

async function imageOf(
  layout: ContentSource,
  bytes: Uint8Array,
  call: CallOptions,
): Promise<Manifest | undefined> {
  const document = parseDocument(bytes);
  if (document.kind !== 'index') return document;
  for (const entry of document.manifests) {
    // An index may list images that the archive does not hold.
    if (isUnknownPlatform(entry.platform) || !(await layout.exists(entry, call))) continue;
    try {
      const below = await collect(layout.fetch(entry, call), MAX_DOCUMENT_SIZE, entry.digest);
      const image = await imageOf(layout, below, call);
      if (image !== undefined) return image;
    } catch (error) {
      // An entry that is no document does not keep Docker from the images beside it.
      if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
    }
  }
  return undefined;
}
