/**
 * Summarizes an image in numbers: platforms, halves, layers and blobs, chunks, the savings of deduplication, the
 * bootstrap.
 */
import { fetchBootstrap } from '../image/bootstrap-layer.js';
import { withDataBlobs } from '../image/stored-blobs.js';
import { imageEntries } from '../image/choose.js';
import { type Entry, type Image, platformOf, platformText } from '../image/image.js';
import { type Half, recipesLayerOf, recordedSource, type RecordedSource } from '../image/kinds.js';
import { isAboutContent } from '../image/loaded.js';
import { readReference } from '../image/reference-tree.js';
import { underSignal } from '../io/abort.js';
import { digestFromHex, digestHex, type Digest } from '../oci/digest.js';
import type { Descriptor } from '../oci/descriptor.js';
import { openBootstrapInTurns } from '../native/judge.js';
import { superFlags, blobFeatures, walkInSteps } from '../rafs-builder/index.js';
import { type RafsImage, viewOf } from '../rafs-builder/versions.js';
import {
  type CompressorName,
  type DigesterName,
  type Inode,
  rafsBlobOf,
} from '../rafs-builder/model/tree.js';
import { withBatches } from './batches.js';
import type { SparseBootstrap } from '../rafs-builder/model/sparse.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { inTurns, isPause, type Steps } from '../turns.js';

/** A blob according to the bootstrap; sizes in bytes. */
export interface BlobSummary {
  /** All chunks that the blob stores, including those that this image does not use. */
  readonly chunks: number;
  readonly used: { readonly chunks: number; readonly uncompressed: number; readonly stored: number };
  readonly compressor: CompressorName;
  readonly features: string;
  /** The original layer that holds the chunks, if the blob does not. */
  readonly original?: Digest | undefined;
}

export interface LayerSummary {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  /** `recipes`: recipes of the tars of the layers, which no client reads. */
  readonly kind: 'blob' | 'bootstrap' | 'recipes' | 'tar';
  /** Undefined for layers that are no blobs, and for a blob that no file of the image uses. */
  readonly blob: BlobSummary | undefined;
}

/** The contents of a bootstrap; sizes in bytes. */
export interface BootstrapSummary {
  /** The RAFS version. */
  readonly version: number;
  readonly flags: string;
  readonly size: number;
  readonly chunkSize: number;
  readonly compressor: CompressorName;
  readonly digester: DigesterName;
  readonly inodes: Readonly<Partial<Record<Inode['kind'], number>>>;
  /** Bytes of all regular files; a file with several names counts once. */
  readonly fileBytes: number;
  /** The number of chunks in all files, duplicates included. */
  readonly references: number;
  /** The distinct chunks among these: their number, and their bytes uncompressed and stored. */
  readonly unique: { readonly count: number; readonly bytes: number; readonly stored: number };
}

export interface ImageSummary {
  readonly platform: string;
  readonly kind: Half;
  readonly digest: Digest;
  /** Bytes of all layers; each digest counts once. */
  readonly size: number;
  readonly layers: readonly LayerSummary[];
  /** Undefined for ordinary images. */
  readonly bootstrap: BootstrapSummary | undefined;
  /** The source that the image was converted from, according to its annotations. */
  readonly source: RecordedSource | undefined;
}

export interface ReferenceSummary {
  readonly location: string;
  readonly root: Descriptor;
  readonly isIndex: boolean;
  readonly images: readonly ImageSummary[];
  /** Images that the reference lists, and that could not be read, as in archives of one platform. */
  readonly unread: readonly UnreadImage[];
  /** Entries that are no images: attestations, artifacts. */
  readonly foreign: readonly Descriptor[];
}

export interface UnreadImage {
  readonly platform: string;
  readonly digest: Digest;
  /** A sentence without full stop. */
  readonly reason: string;
}

export interface SummaryOptions {
  /** Selects the entries of an index to summarize; all by default. */
  readonly wanted?: ((entry: Entry) => boolean) | undefined;
}

/** Reads manifests and bootstraps, and no data. An image of an index that cannot be read does not keep the others from being summarized. */
export async function summarizeReference(
  source: ImageSource,
  options: SummaryOptions = {},
  call: CallOptions = {},
): Promise<ReferenceSummary> {
  return underSignal(call.signal, () => summarize(source, options, call));
}

async function summarize(
  source: ImageSource,
  { wanted = () => true }: SummaryOptions,
  call: CallOptions,
): Promise<ReferenceSummary> {
  const tree = await readReference(source, call);
  const entries = imageEntries(tree);
  const known = new Set(entries);
  const images: ImageSummary[] = [];
  const unread: UnreadImage[] = [];
  for (const entry of entries) {
    if (tree.index !== undefined && !wanted(entry)) continue;
    try {
      images.push(await summarizeImage(await tree.image(entry, call), call));
    } catch (cause) {
      if (tree.index === undefined || !isAboutContent(cause)) throw cause;
      const { platform, descriptor } = entry;
      unread.push({ platform: platformText(platform), digest: descriptor.digest, reason: cause.message });
    }
  }
  return {
    location: source.location,
    root: tree.root,
    isIndex: tree.index !== undefined,
    images,
    unread,
    foreign: tree.entries.filter((entry) => !known.has(entry)).map(({ descriptor }) => descriptor),
  };
}

/** A bootstrap without an image around it. */
export interface LoneBootstrapSummary {
  readonly bootstrap: BootstrapSummary;
  /** By id, those that files of the bootstrap use. */
  readonly blobs: readonly (BlobSummary & { readonly id: string })[];
}

export async function summarizeBootstrap(
  read: RafsImage,
  signal: AbortSignal | undefined,
  bootstrap: SparseBootstrap = read.bootstrap,
): Promise<LoneBootstrapSummary> {
  const blobs = await inTurns(blobSummaries(bootstrap), signal);
  return {
    bootstrap: {
      version: read.version,
      flags: superFlags.show(viewOf(read).facts().flags),
      size: read.bytes.length,
      ...(await inTurns(summarizeTree(bootstrap, blobs), signal)),
    },
    blobs: [...blobs].map(([id, blob]) => ({ id, ...blob })),
  };
}

async function summarizeImage(listed: Image, call: CallOptions): Promise<ImageSummary> {
  const platform = platformText(await platformOf(listed, call));
  const bootstrap = listed.kind === 'nydus' ? await fetchBootstrap(listed, call) : undefined;
  const recipes = recipesLayerOf(listed.manifest.value);
  const read = bootstrap === undefined ? undefined : await openBootstrapInTurns(bootstrap.bytes, call.signal);
  const ids = read?.bootstrap.blobs.map(({ record }) => record.id);
  const image = await withDataBlobs(listed, ids ?? [], call);
  const { layers } = image.manifest.value;
  const whole = read === undefined ? undefined : await withBatches(read.bootstrap, image, call);
  const summary =
    read === undefined ? undefined : await summarizeBootstrap(read, call.signal, whole ?? read.bootstrap);
  const blobs = new Map(summary?.blobs.map(({ id, ...blob }) => [id, blob]));
  const recorded = recordedSource(image.manifest.value);
  return {
    platform,
    kind: image.kind,
    digest: image.manifest.descriptor.digest,
    size: [...new Map(layers.map((layer) => [layer.digest, layer.size])).values()].reduce((a, b) => a + b, 0),
    layers: layers.map((layer) => ({
      digest: layer.digest,
      mediaType: layer.mediaType,
      size: layer.size,
      kind:
        layer === recipes
          ? 'recipes'
          : layer === bootstrap?.descriptor
            ? 'bootstrap'
            : image.kind === 'nydus'
              ? 'blob'
              : 'tar',
      blob: blobs.get(digestHex(layer.digest)),
    })),
    bootstrap: summary?.bootstrap,
    source: recorded.digest === undefined && recorded.reference === undefined ? undefined : recorded,
  };
}

function* blobSummaries({ blobs }: SparseBootstrap): Steps<Map<string, BlobSummary>> {
  const summaries = new Map<string, BlobSummary>();
  for (const { record, chunks } of blobs) {
    const used = { chunks: 0, uncompressed: 0, stored: 0 };
    for (const index of chunks.indexes()) {
      const chunk = chunks.at(index);
      used.chunks += 1;
      used.uncompressed += chunk.uncompressedSize;
      used.stored += chunk.compressedSize;
      if (isPause(used.chunks)) yield;
    }
    const { chunkCount, compressor, features } = record;
    const rafsBlob = rafsBlobOf(record);
    summaries.set(rafsBlob, {
      chunks: chunkCount,
      used,
      compressor,
      features: blobFeatures.show(features),
      ...(rafsBlob === record.id ? {} : { original: digestFromHex(record.id) }),
    });
  }
  return summaries;
}

type TreeSummary = Omit<BootstrapSummary, 'version' | 'flags' | 'size'>;

function* summarizeTree(
  bootstrap: SparseBootstrap,
  blobs: ReadonlyMap<string, BlobSummary>,
): Steps<TreeSummary> {
  const inodes: Partial<Record<Inode['kind'], number>> = {};
  const seen = new Set<Inode>();
  let references = 0;
  let fileBytes = 0;
  for (const step of walkInSteps(bootstrap.root)) {
    if (step === undefined) {
      yield;
      continue;
    }
    const { inode } = step.node;
    if (seen.has(inode)) continue;
    seen.add(inode);
    inodes[inode.kind] = (inodes[inode.kind] ?? 0) + 1;
    if (inode.kind !== 'file') continue;
    fileBytes += inode.size;
    references += inode.chunks.length;
  }
  const unique = { count: 0, bytes: 0, stored: 0 };
  for (const { used } of blobs.values()) {
    unique.count += used.chunks;
    unique.bytes += used.uncompressed;
    unique.stored += used.stored;
  }
  const { chunkSize, compressor, digester } = bootstrap;
  return { chunkSize, compressor, digester, inodes, fileBytes, references, unique };
}
