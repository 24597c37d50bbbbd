/**
 * A blob's chunks are described in several places, and these checks compare them: the chunk records, their header, the
 * table of contents, the copy beside the image's bootstrap, the image's bootstrap and the bootstrap inside the blob.
 */
import { UnsupportedError } from '../errors.js';
import { digestHex } from '../oci/digest.js';
import { SECTIONS, type BlobMetaHeader } from '../rafs-builder/layout/blob.js';
import {
  blobMetaFile,
  parseChunkMetas,
  readBlobMetaHeader,
  type ChunkExtent,
} from '../rafs-builder/blob/meta.js';
import type { BlobFrame } from '../rafs-builder/blob/frame.js';
import type { Section } from '../rafs-builder/blob/section.js';
import type { ChunkExtents } from '../rafs-builder/blob/chunk-extents.js';
import { roundUp } from '../rafs-builder/layout/struct.js';
import {
  type BlobRecord,
  type ChunkNumbers,
  chunkNumbers,
  DIGEST_SIZE,
  hasDigest,
  type PackedDigests,
  StridedDigests,
} from '../rafs-builder/model/tree.js';
import { BLOCK_SIZE, blobFeatures, COMPRESSORS, OWN_BLOB_ID } from '../rafs-builder/layout/v6.js';
import type { Descriptor } from '../oci/descriptor.js';
import { contentOfSection } from './blob-sections.js';
import { blobMetaOf } from '../image/bootstrap-layer.js';
import { inspectBootstrap, type OpenedImage, type ReadBootstrap, type UsedBlob } from './opened.js';
import type { Collector } from './rule.js';
import { placeIn } from './subject.js';

export interface StoredChunks {
  readonly header: BlobMetaHeader;
  readonly extents: ChunkExtents;
  /** Undefined when the blob has no such section. */
  readonly digests: PackedDigests | undefined;
}

/** Reads the bootstrap inside the blob; undefined when the blob has none, or it cannot be read. */
export async function readOwnBootstrap(
  frame: BlobFrame,
  collector: Collector,
): Promise<ReadBootstrap | undefined> {
  const section = frame.sections.get(SECTIONS.bootstrap);
  if (section === undefined) {
    collector.report('BLOB-BOOTSTRAP', { message: `blob has no section ${SECTIONS.bootstrap}` });
    return undefined;
  }
  const bytes = await collector.attempt('BLOB-TOC', () => contentOfSection(section));
  if (bytes === undefined) return undefined;
  const part = `${collector.place.part ?? 'layer'} bootstrap`;
  const { findings, read } = inspectBootstrap(bytes, { ...collector.place, part });
  collector.findings.push(...findings);
  return read;
}

/** Reads the chunk table of a blob; undefined when the blob has none, or it cannot be read. */
export async function readStoredChunks(
  frame: BlobFrame,
  collector: Collector,
): Promise<StoredChunks | undefined> {
  const meta = frame.sections.get(SECTIONS.meta);
  const header = frame.sections.get(SECTIONS.metaHeader);
  if (meta === undefined || header === undefined) {
    if (frame.dataSize > 0 || meta !== undefined || header !== undefined) {
      collector.report('BLOB-META', { message: 'blob has chunk data, and no whole chunk table' });
    }
    return undefined;
  }
  const read = await collector.attempt('BLOB-META', () => readRecords(meta, header));
  if (read === undefined) return undefined;
  collector.compare('BLOB-META', 'chunk table header tells another', [
    ['offset', meta.entry.offset, read.header.offset],
    ['compressed size', meta.entry.compressedSize, read.header.compressedSize],
    ['uncompressed size', meta.entry.uncompressedSize, read.header.uncompressedSize],
  ]);
  const digests = await readDigests(frame, read.extents.length, collector);
  checkExtents(frame, read.extents, collector);
  return { ...read, digests };
}

async function readRecords(
  meta: Section,
  header: Section,
): Promise<Pick<StoredChunks, 'header' | 'extents'>> {
  const values = readBlobMetaHeader(await contentOfSection(header), 0);
  const later = blobFeatures.bits.CHUNK_INFO_V2 | blobFeatures.bits.BATCH | blobFeatures.bits.ZRAN;
  if ((values.features & later) !== 0) {
    throw new UnsupportedError('blobs with chunk records of version 2 (batch, zran) are not checked yet');
  }
  const records = await contentOfSection(meta);
  return { header: values, extents: parseChunkMetas(records, values, header.entry.offset) };
}

async function readDigests(
  frame: BlobFrame,
  chunks: number,
  collector: Collector,
): Promise<PackedDigests | undefined> {
  const section = frame.sections.get(SECTIONS.digests);
  const bytes =
    section === undefined ? undefined : await collector.attempt('BLOB-TOC', () => contentOfSection(section));
  if (bytes === undefined) return undefined;
  if (bytes.length === chunks * DIGEST_SIZE) return new StridedDigests(bytes, 0, DIGEST_SIZE);
  collector.report('BLOB-META', {
    message: `section ${SECTIONS.digests} does not hold one digest for each chunk`,
    expected: `${chunks * DIGEST_SIZE} bytes`,
    found: `${bytes.length} bytes`,
  });
  return undefined;
}

/** Checks that extents follow one another inside the data. */
function checkExtents(frame: BlobFrame, extents: ChunkExtents, collector: Collector): void {
  let next = 0;
  for (let index = 0; index < extents.length; index++) {
    const start = extents.uncompressedOffset[index] ?? 0;
    if (start !== next) {
      collector.report('BLOB-META', {
        message: `chunk ${index} does not follow the one before`,
        expected: `uncompressed offset ${next}`,
        found: `${start}`,
      });
    }
    next = roundUp(start + (extents.uncompressedSize[index] ?? 0), BLOCK_SIZE);
    const end = (extents.compressedOffset[index] ?? 0) + (extents.compressedSize[index] ?? 0);
    if (end > frame.dataSize) {
      collector.report('BLOB-META', {
        message: `chunk ${index} ends behind the data`,
        expected: `at most ${frame.dataSize}`,
        found: `${end}`,
      });
    }
  }
  const told = frame.sections.get(SECTIONS.data)?.entry.uncompressedSize;
  if (told !== undefined)
    collector.compare('BLOB-TOC', 'table of contents tells another', [['uncompressed size', next, told]]);
}

function spaceAfter(extent: ChunkExtent): number {
  return roundUp(extent.uncompressedOffset + extent.uncompressedSize, BLOCK_SIZE);
}

/** Compares the copy of the chunk table in the bootstrap layer, which nydusd uses instead of the blob's own. */
export async function checkMetaCopy(
  { image, layer }: OpenedImage,
  blob: Descriptor,
  frame: BlobFrame,
  collector: Collector,
): Promise<void> {
  const id = digestHex(blob.digest);
  const file = blobMetaOf(layer, id);
  if (file === undefined) return; // a rule about the bootstrap layer reports the missing file
  const meta = frame.sections.get(SECTIONS.meta);
  const header = frame.sections.get(SECTIONS.metaHeader)?.stored;
  const expected =
    meta === undefined || header === undefined
      ? Buffer.alloc(0)
      : blobMetaFile(await contentOfSection(meta), header);
  if (file.equals(expected)) return;
  collector.report(
    'BOOTSTRAP-BLOB-META',
    {
      message: `file image/${id}.blob.meta is not the chunk table of the blob`,
      expected: `the ${expected.length} bytes of ${collector.place.part ?? 'the blob'}`,
      found: `${file.length} bytes`,
    },
    placeIn(image, `layer ${image.manifest.value.layers.length}`),
  );
}

/**
 * Compares a bootstrap's records of a blob and its chunks with the blob's own. `what` names the bootstrap in messages.
 */
export function checkUsedBlob(
  what: string,
  used: UsedBlob,
  stored: StoredChunks | undefined,
  collector: Collector,
): void {
  if (stored === undefined) {
    collector.report('BLOB-META', {
      message: `the ${what} refers to chunks of this blob, and it has no chunk table`,
    });
    return;
  }
  const { record, chunks } = used;
  const { header, extents, digests } = stored;
  const last = extents.at(extents.length - 1);
  collector.compare('BLOB-META', `blob table of the ${what} tells another`, [
    ['number of chunks', header.entries, record.chunkCount],
    ['offset of the chunk table', header.offset, record.metaOffset],
    ['compressed size of the chunk table', header.compressedSize, record.metaCompressedSize],
    ['uncompressed size of the chunk table', header.uncompressedSize, record.metaUncompressedSize],
    ['compressor of the chunk table', header.compressor, COMPRESSORS[record.metaCompressor]],
    ['uncompressed size', last === undefined ? 0 : spaceAfter(last), record.uncompressedSize],
  ]);
  if (chunks.agrees?.(extents, digests) === true) return;
  for (const index of chunks.indexes()) {
    const difference =
      differenceOf(chunkNumbers(chunks, index), extents.at(index)) ??
      (digests === undefined || hasDigest(chunks, index, digests, index)
        ? undefined
        : 'its digest is not that of the blob');
    if (difference === undefined) continue;
    collector.report('CHUNK-RECORD', {
      message: `chunk ${index} is told differently by the ${what}: ${difference}`,
    });
  }
}

const EXTENT_FIELDS = [
  'compressedOffset',
  'compressedSize',
  'uncompressedOffset',
  'uncompressedSize',
] as const;

/** Compares directly, and looks for the name of the field only after a difference, because that is slow. */
function differenceOf(chunk: ChunkNumbers, extent: ChunkExtent | undefined): string | undefined {
  if (extent === undefined) return 'there is no such chunk in the blob';
  if (
    chunk.compressedOffset === extent.compressedOffset &&
    chunk.compressedSize === extent.compressedSize &&
    chunk.uncompressedOffset === extent.uncompressedOffset &&
    chunk.uncompressedSize === extent.uncompressedSize
  ) {
    return undefined;
  }
  const field = EXTENT_FIELDS.find((name) => chunk[name] !== extent[name]) ?? 'uncompressedSize';
  return `${field} is ${chunk[field]}, and ${extent[field]} in the blob`;
}

/** Returns the blob that a layer's own bootstrap uses; undefined when the layer has no chunk of its own. */
export function ownBlob(own: ReadBootstrap | undefined): UsedBlob | undefined {
  return own?.blobs.find(({ record }) => record.id === OWN_BLOB_ID);
}

/**
 * Checks the blob size in a bootstrap's record: it counts either the whole blob, or its bytes up to the bootstrap
 * inside.
 */
export function checkBlobSize(
  what: string,
  { compressedSize }: BlobRecord,
  { frame, size }: { readonly frame: BlobFrame; readonly size: number },
  collector: Collector,
): void {
  const start = frame.sections.get(SECTIONS.bootstrap)?.entry.offset;
  if (compressedSize === start || compressedSize === size) return;
  collector.report('BLOB-META', {
    message: `blob table of the ${what} tells another compressed size`,
    expected: `${start ?? size}`,
    found: `${compressedSize}`,
  });
}

/** Reports nonzero reserved bytes in the blob's structures. Old builders left garbage there, and readers ignore it. */
export function checkReserved(frame: BlobFrame, collector: Collector): void {
  const { place } = collector;
  for (const { struct, bytes, offset } of frame.structures) {
    const field = struct.dirty(bytes, 0);
    if (field === undefined) continue;
    const where = { ...place, offset: offset + field.offset };
    collector.report('BLOB-RESERVED', { message: `${struct.name}.${field.name} is not zero` }, where);
  }
}
