/** Counts the contents of a Nydus image for human readers: layers beside their sources, and directories by size. */
import { dataLayersOf, prefetchBlobOf } from '../image/kinds.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { displayName } from '../oci/raw-name.js';
import { usageByDirectory, type DirectoryUsage } from '../rafs-builder/show/usage.js';
import { chunkBlob, chunkIndex, type Bootstrap } from '../rafs-builder/model/tree.js';
import type { ImageSubject, NydusSubject } from './subject.js';

export interface CheckedLayer {
  readonly blob: Digest;
  /** Bytes of the blob. */
  readonly blobBytes: number;
  /** The source layer of the blob, and its bytes as pulled; undefined when that is unknown. */
  readonly source: { readonly digest: Digest; readonly bytes: number } | undefined;
}

export interface ImageContents {
  /** Regular files; a file with several names counts once. */
  readonly files: number;
  /** Bytes of these files. */
  readonly bytes: number;
  /** Bytes of their distinct chunks: equal chunks count once. */
  readonly uniqueBytes: number;
  /** Bytes of these chunks in the blobs, compressed. */
  readonly storedBytes: number;
  /** The largest directories, each before the directories in it. */
  readonly directories: readonly SizedDirectory[];
}

export interface SizedDirectory {
  /** The path starts with a slash. */
  readonly path: string;
  /** 1 for directories of the root. */
  readonly depth: number;
  readonly files: number;
  readonly bytes: number;
}

const SHOWN = 16;
/** A directory of the second level is listed only when it holds this share of the image. */
const WORTH_SHOWING = 0.03;

export function contentsOf(bootstrap: Bootstrap): ImageContents {
  const usage = usageByDirectory(bootstrap.root, (ref) => {
    const chunk = bootstrap.blobs[chunkBlob(ref)]?.chunks.at(chunkIndex(ref));
    return {
      uncompressedSize: chunk?.uncompressedSize ?? 0,
      compressedSize: chunk?.compressedSize ?? 0,
    };
  });
  const root = usage[0];
  return {
    files: root?.files ?? 0,
    bytes: root?.bytes ?? 0,
    uniqueBytes: root?.unique.uncompressed ?? 0,
    storedBytes: root?.unique.stored ?? 0,
    directories: largest(usage, root?.bytes ?? 0),
  };
}

function largest(usage: readonly DirectoryUsage[], total: number): SizedDirectory[] {
  const byBytes = (a: DirectoryUsage, b: DirectoryUsage): number => b.bytes - a.bytes;
  const rows: SizedDirectory[] = [];
  const tops = usage.filter(({ depth, bytes }) => depth === 1 && bytes > 0).sort(byBytes);
  for (const top of tops.slice(0, SHOWN)) {
    const below = usage.filter(
      ({ depth, path, bytes }) =>
        depth === 2 && path.startsWith(`${top.path}/`) && bytes >= total * WORTH_SHOWING,
    );
    for (const { path, depth, files, bytes } of [top, ...below.sort(byBytes)])
      rows.push({ path: `/${displayName(path)}`, depth, files, bytes });
  }
  return rows.slice(0, SHOWN);
}

/**
 * Pairs blobs with their source layers: the layers of the source if the caller gave one, else those of the OCI half.
 */
export function checkedLayers(
  image: NydusSubject,
  blobs: readonly Descriptor[],
  source: ImageSubject | undefined,
): CheckedLayer[] {
  const added = prefetchBlobOf(image.manifest.value) === undefined ? 0 : 1;
  const from = source?.kind === 'oci' ? source : image.ociHalf;
  const sources = from === undefined ? [] : dataLayersOf(from.manifest.value);
  // A builder that drops layers without data leaves no way to pair the others; a blob of files to load first stands behind all.
  const paired = sources.length === blobs.length - added;
  return blobs.map(({ digest, size }, i) => {
    const layer = paired ? sources[i] : undefined;
    return {
      blob: digest,
      blobBytes: size,
      source: layer === undefined ? undefined : { digest: layer.digest, bytes: layer.size },
    };
  });
}
