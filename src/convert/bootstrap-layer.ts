/**
 * Makes the last layer of a Nydus image: a gzip'd tar with the merged bootstrap and, for each blob with chunks, its
 * chunk table in the form of nydusd's cache (design: nydus-snapshotter pkg/converter/convert_unix.go, `packToTar`).
 *
 * The bytes do not depend on the machine or the time: owners and times are zero, and our gzip always gives the same
 * bytes.
 */
import { type PackedEntry, packTar } from '../io/tar/stream.js';
import { gzip } from '../native/codec.js';
import { type DiffId, digestHex, sha256, type Digest } from '../oci/digest.js';

/** The content of a `.blob.meta` file: the chunk table of one blob, padded and followed by its header. */
export interface BlobMeta {
  readonly blob: Digest;
  readonly bytes: Uint8Array;
}

export interface BootstrapLayer {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly diffId: DiffId;
}

/** `metas` are in layer order; a blob that is named twice is stored once. */
export async function bootstrapLayer(
  bootstrap: Uint8Array,
  metas: readonly BlobMeta[],
): Promise<BootstrapLayer> {
  const tar = await packTar(entriesOf(bootstrap, metas));
  // A thread of the addon compresses the tar while this thread digests it.
  const compressed = gzip(tar);
  const diffId = sha256(...tar) as string as DiffId; // a diffID is the digest of the uncompressed tar
  const bytes = await compressed;
  return { bytes, digest: sha256(bytes), diffId };
}

function* entriesOf(bootstrap: Uint8Array, metas: readonly BlobMeta[]): Generator<PackedEntry> {
  yield { name: 'image', mode: 0o755 };
  yield { name: 'image/image.boot', mode: 0o444, bytes: bootstrap };
  const seen = new Set<Digest>();
  for (const { blob, bytes } of metas) {
    if (seen.has(blob)) continue;
    seen.add(blob);
    yield { name: `image/${digestHex(blob)}.blob.meta`, mode: 0o444, bytes };
  }
}
