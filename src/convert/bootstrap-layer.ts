/**
 * The last layer of a Nydus image: a gzip'd tar with the merged bootstrap and, for each blob that holds chunks, the table
 * of them, as nydusd keeps it in its cache (design: nydus-snapshotter pkg/converter/convert_unix.go, `packToTar`).
 *
 * Nothing of the machine or the time gets in: owners and times are zero, and the gzip is one that does not vary.
 */
import { type Header, pack } from 'tar-stream';
import { gzip } from '../native/index.js';
import { type DiffId, digestHex, sha256, type Digest } from '../oci/digest.js';

/** The chunk table of one blob, padded and followed by its header: what a `.blob.meta` file holds. */
export interface BlobMeta {
  readonly blob: Digest;
  readonly bytes: Uint8Array;
}

export interface BootstrapLayer {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly diffId: DiffId;
}

/** `metas` in layer order; a blob that is named twice is stored once. */
export async function bootstrapLayer(
  bootstrap: Uint8Array,
  metas: readonly BlobMeta[],
): Promise<BootstrapLayer> {
  const tar = await bootstrapTar(bootstrap, metas);
  // Compressed by a thread of the addon, and digested here meanwhile.
  const compressed = gzip(tar);
  const diffId = sha256(...tar) as string as DiffId; // of the uncompressed tar, which is what a diffID is
  const bytes = await compressed;
  return { bytes, digest: sha256(bytes), diffId };
}

/** The tar in parts: the bootstrap is large, and stays the one copy of itself. */
async function bootstrapTar(bootstrap: Uint8Array, metas: readonly BlobMeta[]): Promise<Uint8Array[]> {
  const tar = pack();
  const add = (header: Pick<Header, 'name' | 'mode'> & Partial<Header>, bytes?: Uint8Array): void => {
    const full = { uid: 0, gid: 0, mtime: new Date(0), ...header };
    if (bytes === undefined) tar.entry(full);
    else tar.entry(full, bytes);
  };
  add({ name: 'image', type: 'directory', mode: 0o755 });
  add({ name: 'image/image.boot', mode: 0o444 }, bootstrap);
  const seen = new Set<Digest>();
  for (const meta of metas) {
    if (seen.has(meta.blob)) continue;
    seen.add(meta.blob);
    add({ name: `image/${digestHex(meta.blob)}.blob.meta`, mode: 0o444 }, meta.bytes);
  }
  tar.finalize();
  const parts: Uint8Array[] = [];
  for await (const part of tar) if (part instanceof Uint8Array) parts.push(part);
  return parts;
}
