/**
 * Reads the sections behind the data of a blob and has them judged beside the image's bootstrap. Reads no chunk, and trusts
 * no digest.
 */
import { collect } from '../io/streams.js';
import { blobMetaOf } from '../image/bootstrap-layer.js';
import type { NativeSection } from '../native/addon-types.js';
import { decompress } from '../native/codec.js';
import type { VerifiableChunks } from '../native/judge.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestHex } from '../oci/digest.js';
import type { ReadRange } from '../rafs-builder/blob/end.js';
import type { BlobFrame } from '../rafs-builder/blob/frame.js';
import { sectionContent } from '../rafs-builder/blob/section.js';
import { frameFault } from '../rafs-builder/blob/window.js';
import { blobMetaHeader, SECTIONS } from '../rafs-builder/layout/blob.js';
import { blobFeatures } from '../rafs-builder/layout/v6.js';
import { versionNamed } from '../rafs-builder/versions.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { FindingId } from './catalogue.js';
import { finding, type Finding, type Place } from './finding.js';
import { type OpenedImage, toFinding, type UsedBlob } from './opened.js';
import type { Collector } from './rule.js';
import { placeIn } from './subject.js';

/** A blob, and its record in the image's bootstrap; `used` is undefined when no file uses the blob. */
export interface BlobOfImage {
  readonly blob: Descriptor;
  readonly used: UsedBlob | undefined;
}

/** The parts of a blob that could be read; a part is undefined when it could not. */
export interface CheckedSections {
  readonly frame: BlobFrame | undefined;
  readonly chunks: VerifiableChunks | undefined;
}

export async function checkSections(
  opened: OpenedImage,
  { blob, used }: BlobOfImage,
  collector: Collector,
  call: CallOptions,
): Promise<CheckedSections> {
  const { store } = opened.image;
  const version = versionNamed(opened.version);
  const frame =
    !version.blobsHaveToc && isBare(opened, used)
      ? { dataSize: blob.size, tail: Buffer.alloc(0), sections: new Map() }
      : await collector.attempt('BLOB-FRAME', () =>
          version.readFrame(blob.size, rangesOf(store, blob, call)),
        );
  if (frame === undefined) return { frame, chunks: undefined };
  const { dataSize, tail } = frame;
  const id = digestHex(blob.digest);
  const copy = version.blobsHaveToc ? blobMetaOf(opened.layer, id) : undefined;
  const sections = await sectionsOf(frame, collector);
  const { own, findings, chunks } = opened.judgeBlob(
    { id, size: blob.size, dataSize, tail, sections, copy },
    used?.number,
  );
  const part = `${collector.place.part ?? 'layer'} bootstrap`;
  for (const found of own) collector.findings.push(toFinding(found, { ...collector.place, part }));
  for (const { id, offset, ...details } of findings) {
    const place = id.startsWith('BOOTSTRAP-') ? bootstrapLayerPlace(opened) : collector.place;
    collector.report(id, details, offset === undefined ? place : { ...place, offset });
  }
  return { frame, chunks };
}

/** Judges the copy of a chunk table beside the bootstrap alone: the blob lies in a storage backend, and is not at hand. */
export function* checkMetaFile(opened: OpenedImage, used: UsedBlob, file: Buffer): Generator<Finding> {
  const { id, compressedSize: size, metaOffset, metaCompressedSize, metaUncompressedSize } = used.record;
  const start = Math.max(0, file.length - blobMetaHeader.size);
  const sections = [
    {
      name: SECTIONS.meta,
      offset: metaOffset,
      compressedSize: metaCompressedSize,
      uncompressedSize: metaUncompressedSize,
      content: file.subarray(0, Math.min(metaUncompressedSize, start)),
    },
    {
      name: SECTIONS.metaHeader,
      offset: metaOffset + metaCompressedSize,
      compressedSize: blobMetaHeader.size,
      uncompressedSize: blobMetaHeader.size,
      content: file.subarray(start),
    },
  ];
  const blob = { id, size, dataSize: size, tail: Buffer.alloc(0), sections };
  for (const { id: rule, message, expected, found } of opened.judgeBlob(blob, used.number).findings) {
    // The bootstrap inside the blob cannot be asked for either.
    if (rule === 'BLOB-BOOTSTRAP') continue;
    const about = `file image/${id}.blob.meta: ${message}`;
    yield finding('BOOTSTRAP-BLOB-META', bootstrapLayerPlace(opened), { message: about, expected, found });
  }
}

/**
 * True if a v5 blob is chunk data without tar headers, because the packer wrote the layer's bootstrap to a separate file. The
 * bootstrap may not know the blob; then its other blobs decide.
 */
function isBare({ blobs }: OpenedImage, used: UsedBlob | undefined): boolean {
  const asked = used === undefined ? blobs : [used];
  return asked.some(({ record }) => !blobFeatures.has(record.features, 'HAS_TAR_HEADER'));
}

/** The sections that the judge reads, each with the finding for content that cannot be read. */
const JUDGED: ReadonlyMap<string, FindingId> = new Map([
  [SECTIONS.bootstrap, 'BLOB-TOC'],
  [SECTIONS.metaHeader, 'BLOB-META'],
  [SECTIONS.meta, 'BLOB-META'],
  [SECTIONS.digests, 'BLOB-TOC'],
]);

async function sectionsOf({ sections }: BlobFrame, collector: Collector): Promise<NativeSection[]> {
  const contents = new Map<string, Buffer | undefined>();
  for (const [name, fault] of JUDGED) {
    const section = sections.get(name);
    if (section !== undefined)
      contents.set(name, await collector.attempt(fault, () => sectionContent(section, decompress)));
  }
  return Array.from(sections, ([name, { entry }]) => ({
    name,
    offset: entry.offset,
    compressedSize: entry.compressedSize,
    uncompressedSize: entry.uncompressedSize,
    content: contents.get(name),
  }));
}

function bootstrapLayerPlace({ image }: OpenedImage): Place {
  return placeIn(image, `layer ${image.manifest.value.layers.length}`);
}

/**
 * Returns a function that reads ranges of a blob. It throws FormatError when the store sends fewer bytes than it asked
 * for.
 */
function rangesOf(store: ContentSource, blob: Descriptor, call: CallOptions): ReadRange {
  return async (start, end) => {
    const size = end - start;
    const range = { start, end };
    const bytes = await collect(store.fetch(blob, { ...call, range }), size, 'range of a blob');
    if (bytes.length !== size) throw frameFault(`registry sent ${bytes.length} of ${size} bytes`, start);
    return bytes;
  };
}
