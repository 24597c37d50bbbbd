/**
 * A blob of RAFS v5 holds chunk data and the layer's bootstrap, both raw, with a tar header behind each. It has no
 * table of contents and no chunk table: the chunks are known from the two bootstraps, the one in the blob and the
 * image's, which must agree. If the packer wrote the layer's bootstrap to a separate file, the blob is chunk data and
 * nothing else.
 */
import type { Descriptor } from '../oci/descriptor.js';
import type { BlobFrame } from '../rafs-builder/blob/frame.js';
import { versionNamed } from '../rafs-builder/versions.js';
import { blobFeatures } from '../rafs-builder/layout/v6.js';
import type { ChunkRecord } from '../rafs-builder/model/tree.js';
import type { CallOptions } from '../reporter.js';
import { rangesOf } from './blob-sections.js';
import { NO_CHUNKS, tableOf, type NumberedChunks } from './numbered-chunks.js';
import type { OpenedImage, UsedBlob } from './opened.js';
import type { Collector } from './rule.js';
import { checkBlobSize, checkReserved, ownBlob, readOwnBootstrap } from './stored-chunks.js';

/** The parts of a blob that could be read; a part is undefined when it could not. */
export interface LookedBlob {
  readonly frame: BlobFrame | undefined;
  /** The blob's record and chunks according to the bootstrap inside the blob. */
  readonly own: UsedBlob | undefined;
  /** The chunks whose data can be verified. */
  readonly chunks: NumberedChunks;
}

/**
 * Compares the sections of the blob with each other and with the image's bootstrap. Reads no chunk, and trusts no
 * digest.
 */
export async function checkSectionsV5(
  opened: OpenedImage,
  { blob, used }: { readonly blob: Descriptor; readonly used: UsedBlob | undefined },
  collector: Collector,
  call: CallOptions,
): Promise<LookedBlob> {
  const { store } = opened.image;
  if (isBare(opened, used)) {
    const frame = { dataSize: blob.size, tail: Buffer.alloc(0), structures: [], sections: new Map() };
    if (used !== undefined) checkBlobSize('bootstrap', used.record, { frame, size: blob.size }, collector);
    return { frame, own: undefined, chunks: chunksInside(frame, [used], collector) };
  }
  const frame = await collector.attempt('BLOB-FRAME', () =>
    versionNamed(opened.version).readFrame(blob.size, rangesOf(store, blob, call)),
  );
  if (frame === undefined) return { frame, own: undefined, chunks: NO_CHUNKS };
  const read = await readOwnBootstrap(frame, collector);
  if (read !== undefined && read.version !== opened.version)
    collector.report('BLOB-BOOTSTRAP', {
      message: 'the bootstrap in the blob is of another RAFS version than that of the image',
      expected: `v${opened.version}`,
      found: `v${read.version}`,
    });
  const own = ownBlob(read);
  checkReserved(frame, collector);
  for (const [what, told] of [
    ['bootstrap in the blob', own],
    ['bootstrap', used],
  ] as const) {
    if (told !== undefined) checkBlobSize(what, told.record, { frame, size: blob.size }, collector);
  }
  if (used !== undefined) checkAgreement(used, own, read !== undefined, collector);
  return { frame, own, chunks: chunksInside(frame, [own, used], collector) };
}

/**
 * True if the blob is chunk data without tar headers. The bootstrap may not know the blob; then its other blobs decide.
 */
function isBare({ blobs }: OpenedImage, used: UsedBlob | undefined): boolean {
  const told = used === undefined ? blobs : [used];
  return told.some(({ record }) => !blobFeatures.has(record.features, 'HAS_TAR_HEADER'));
}

const FIELDS = [
  'compressed',
  'compressedOffset',
  'compressedSize',
  'uncompressedOffset',
  'uncompressedSize',
] as const;

function checkAgreement(
  used: UsedBlob,
  own: UsedBlob | undefined,
  read: boolean,
  collector: Collector,
): void {
  if (own === undefined) {
    // A bootstrap that cannot be read is a finding already.
    if (read)
      collector.report('BLOB-BOOTSTRAP', {
        message: 'the bootstrap refers to chunks of this blob, and the bootstrap in the blob to none',
      });
    return;
  }
  collector.compare('BLOB-BOOTSTRAP', 'bootstrap and the bootstrap in the blob tell another', [
    ['number of chunks', own.record.chunkCount, used.record.chunkCount],
    ['uncompressed size', own.record.uncompressedSize, used.record.uncompressedSize],
  ]);
  for (const index of used.chunks.indexes()) {
    // A file of another layer may share a chunk of this blob, although no file of the blob's own layer uses it.
    if (!own.chunks.has(index)) continue;
    const [told, stored] = [used.chunks.at(index), own.chunks.at(index)];
    const field = differentField(told, stored);
    if (field !== undefined)
      collector.report('CHUNK-RECORD', {
        message: `chunk ${index} is told differently by the bootstrap and by the one in the blob: ${field}`,
      });
  }
}

function differentField(told: ChunkRecord, stored: ChunkRecord): string | undefined {
  if (!told.digest.equals(stored.digest)) return 'digest';
  // A chunk record without a checksum is no contradiction.
  const both = told.crc32 !== undefined && stored.crc32 !== undefined;
  if (both && told.crc32 !== stored.crc32) return 'crc32';
  return FIELDS.find((one) => told[one] !== stored[one]);
}

/** Returns the chunks that either bootstrap knows and that lie inside the data, and reports those that do not. */
function chunksInside(
  { dataSize }: BlobFrame,
  bootstraps: readonly (UsedBlob | undefined)[],
  collector: Collector,
): NumberedChunks {
  const known = new Map<number, UsedBlob>();
  for (const told of bootstraps) {
    for (const index of told?.chunks.indexes() ?? []) {
      if (told === undefined || known.has(index)) continue;
      const { compressedOffset, compressedSize } = told.chunks.at(index);
      known.set(index, told);
      if (compressedOffset + compressedSize <= dataSize) continue;
      collector.report('CHUNK-RECORD', {
        message: `chunk ${index} ends behind the data`,
        expected: `at most ${dataSize}`,
        found: `${compressedOffset + compressedSize}`,
      });
    }
  }
  const recordOf = (index: number): ChunkRecord | undefined => known.get(index)?.chunks.at(index);
  const inside = (index: number): boolean => {
    const record = recordOf(index);
    return record !== undefined && record.compressedOffset + record.compressedSize <= dataSize;
  };
  const indexes = [...known.keys()].filter(inside).sort((a, b) => a - b);
  return { indexes, table: tableOf(indexes, recordOf) };
}
