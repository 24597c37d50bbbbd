/**
 * Writes the sections that follow the chunk data in a RAFS blob: chunk records, digests, the layer's own bootstrap, and a table of contents,
 * each with a tar header behind it. A layer that stores no chunk has the last two alone.
 */
import { createHash } from 'node:crypto';
import { type Digest, digestHex } from '../../src/oci/digest.js';
import { SECTIONS, tocEntry, tocFlags, type TocEntry } from '../../src/rafs-builder/layout/blob.js';
import { blobMetaFile } from '../support/images/blob-meta-file.js';
import { encodeTarHeader } from '../support/images/section-header.js';
import { encodeBlobMetaHeader, encodeChunkMetas } from './blob-meta.js';
import {
  type BlobRecord,
  type ChunkTable,
  type CompressorName,
  copyDigest,
  type DigesterName,
} from '../../src/rafs-builder/model/tree.js';
import { BLOCK_SIZE, blobFeatures, COMPRESSORS, OWN_BLOB_ID } from '../../src/rafs-builder/layout/v6.js';

export interface BlobTailInput {
  /** The chunks that the layer stores. */
  readonly chunks: ChunkTable;
  /** Bytes of chunk data in the blob. */
  readonly dataSize: number;
  /** Bytes of the uncompressed address space. */
  readonly uncompressedSize: number;
  readonly chunkSize: number;
  readonly compressor: Extract<CompressorName, 'zstd' | 'none'>;
  readonly digester: DigesterName;
  /** One zstd frame, or undefined when that is not smaller. */
  readonly compress: (bytes: Uint8Array) => Promise<Uint8Array | undefined>;
  /** SHA-256 of the chunk data followed by `suffix`. */
  readonly dataDigestWith: (suffix: Uint8Array) => Digest;
  /** The layer's bootstrap. `record` is this blob, its id not known yet; undefined when the layer stores no chunk. */
  readonly bootstrapFor: (record: BlobRecord | undefined) => Uint8Array | Promise<Uint8Array>;
}

export interface BlobTail {
  /** Everything behind the chunk data. */
  readonly tail: Uint8Array;
  readonly record: BlobRecord | undefined;
  /** Uncompressed. */
  readonly bootstrap: Uint8Array;
  /** Content of the file `<blob id>.blob.meta` in the bootstrap layer; empty when the layer stores no chunk. */
  readonly blobMeta: Uint8Array;
}

/** Features of a blob with its bootstrap inside, digests and table of contents. */
const OWN_FEATURES =
  blobFeatures.bits.ALIGNED |
  blobFeatures.bits.INLINED_FS_META |
  blobFeatures.bits.INLINED_CHUNK_DIGEST |
  blobFeatures.bits.HAS_TAR_HEADER |
  blobFeatures.bits.HAS_TOC |
  blobFeatures.bits.CAP_TAR_TOC;

/** The record of a blob for bootstraps that are not part of it: now its id is known. */
export function foreignBlobRecord(own: BlobRecord, blob: Digest): BlobRecord {
  return { ...own, id: digestHex(blob), features: own.features & ~blobFeatures.bits.INLINED_FS_META };
}

/** Builds the tail. Same bytes for the same input and zstd version. */
export async function buildBlobTail(input: BlobTailInput): Promise<BlobTail> {
  const writer = new SectionWriter(input.dataSize);
  const meta = input.chunks.length === 0 ? undefined : await addChunkSections(writer, input);
  const bootstrap = await input.bootstrapFor(meta?.record);
  const stored = await input.compress(bootstrap);
  writer.add(SECTIONS.bootstrap, bootstrap, stored);
  return {
    tail: writer.finish(),
    record: meta?.record,
    bootstrap,
    blobMeta: meta?.blobMeta ?? new Uint8Array(0),
  };
}

/** Sections that a blob has only when it has chunks; ends where the bootstrap will start. */
async function addChunkSections(
  writer: SectionWriter,
  input: BlobTailInput,
): Promise<{ readonly record: BlobRecord; readonly blobMeta: Uint8Array }> {
  writer.addData(input);
  const records = encodeChunkMetas(input.chunks);
  const stored = input.compressor === 'none' ? undefined : await input.compress(records);
  const metaCompressor = stored === undefined ? 'none' : input.compressor;
  const metaOffset = writer.position;
  const metaCompressedSize = (stored ?? records).length;
  const header = encodeBlobMetaHeader({
    features: OWN_FEATURES,
    compressor: COMPRESSORS[metaCompressor],
    entries: input.chunks.length,
    offset: metaOffset,
    compressedSize: metaCompressedSize,
    uncompressedSize: records.length,
  });
  writer.addMeta(records, stored, header);
  writer.add(SECTIONS.digests, encodeDigests(input.chunks), undefined);
  return {
    blobMeta: blobMetaFile(records, header),
    record: {
      id: OWN_BLOB_ID,
      chunkCount: input.chunks.length,
      chunkSize: input.chunkSize,
      compressor: input.compressor,
      digester: input.digester,
      features: OWN_FEATURES,
      compressedSize: writer.position,
      uncompressedSize: input.uncompressedSize,
      metaCompressor,
      metaOffset,
      metaCompressedSize,
      metaUncompressedSize: records.length,
    },
  };
}

function encodeDigests(chunks: ChunkTable): Buffer {
  const out = Buffer.alloc(chunks.length * 32);
  for (let i = 0; i < chunks.length; i++) copyDigest(chunks, i, out, i * 32);
  return out;
}

const sha256Bytes = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Lays sections one behind the other, each with its header, and remembers them for the table of contents. */
class SectionWriter {
  readonly #start: number;
  readonly #parts: Uint8Array[] = [];
  readonly #entries: TocEntry[] = [];
  /** Bytes from the start of the blob. */
  position: number;

  constructor(dataSize: number) {
    this.#start = dataSize;
    this.position = dataSize;
  }

  /** The chunk data, which is in the blob already: its header only. */
  addData({ dataSize, uncompressedSize, dataDigestWith }: BlobTailInput): void {
    const header = encodeTarHeader(SECTIONS.data, dataSize);
    this.#entries.push({
      flags: tocFlags.bits.NONE,
      name: SECTIONS.data,
      digest: Buffer.from(digestHex(dataDigestWith(header)), 'hex'),
      offset: 0,
      compressedSize: dataSize,
      uncompressedSize,
    });
    this.#append(header);
  }

  addMeta(records: Uint8Array, stored: Uint8Array | undefined, header: Uint8Array): void {
    this.#enter(SECTIONS.meta, records, stored);
    this.#append(stored ?? records);
    this.#enter(SECTIONS.metaHeader, header, undefined);
    this.#append(header);
    this.#append(encodeTarHeader(SECTIONS.meta, (stored ?? records).length + BLOCK_SIZE));
  }

  /** `stored`: the compressed form, when it is the smaller one. */
  add(name: string, content: Uint8Array, stored: Uint8Array | undefined): void {
    this.#enter(name, content, stored);
    this.#append(stored ?? content);
    this.#append(encodeTarHeader(name, (stored ?? content).length));
  }

  finish(): Uint8Array {
    const toc = Buffer.alloc(this.#entries.length * tocEntry.size);
    this.#entries.forEach((entry, i) => {
      tocEntry.write(toc, i * tocEntry.size, entry);
    });
    this.#append(toc);
    this.#append(encodeTarHeader(SECTIONS.toc, toc.length));
    return Buffer.concat(this.#parts, this.position - this.#start);
  }

  #enter(name: string, content: Uint8Array, stored: Uint8Array | undefined): void {
    this.#entries.push({
      flags: stored === undefined ? tocFlags.bits.NONE : tocFlags.bits.ZSTD,
      name,
      digest: sha256Bytes(content),
      offset: this.position,
      compressedSize: (stored ?? content).length,
      uncompressedSize: content.length,
    });
  }

  #append(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.position += bytes.length;
  }
}
