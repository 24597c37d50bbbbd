/**
 * Rule: every blob holds what bootstraps say of it. Its sections are read from its end; then the blob is streamed once, and
 * each chunk is decoded, measured and digested. Nothing of the size of a blob is ever in memory.
 */
import { mapOrdered } from '../io/concurrency.js';
import { FormatError, UnsupportedError } from '../errors.js';
import { openBlobVerifier } from '../native.js';
import { type Descriptor } from '../oci/descriptor.js';
import { digestHex, type Digest } from '../oci/digest.js';
import {
  blobMetaFile,
  parseChunkMetas,
  readBlobMetaHeader,
  type BlobMetaHeader,
  type ChunkExtent,
} from '../rafs-builder/blob-meta.js';
import { rafsFormats } from '../rafs-builder/index.js';
import { roundUp } from '../rafs-builder/layout.js';
import { SECTIONS } from '../rafs-builder/toc.js';
import { type Bootstrap, type ChunkRecord, type ChunkTable } from '../rafs-builder/tree.js';
import { BLOCK_SIZE, blobFeatures, COMPRESSORS, OWN_BLOB_ID } from '../rafs-builder/v6.js';
import { type CallOptions } from '../reporter.js';
import { contentOfSection, readBlobFrame, type BlobFrame } from './blob-frame.js';
import { blobMetaOf } from './bootstrap-layer.js';
import { finding, type Finding, type Place } from './finding.js';
import { auditBootstrap, type OpenedImage, type ReadBootstrap, type UsedBlob } from './opened.js';
import { attempt, faultOf } from './rule.js';
import { placeIn } from './subject.js';

/** Blobs in flight; decoding has threads of its own. */
const CONCURRENCY = 2;

export interface ContentSubject {
  readonly opened: OpenedImage;
  /** Blobs that need no second look: images of several platforms may share some. */
  readonly verified: Set<Digest>;
  readonly threads: number;
}

export async function* checkContent(subject: ContentSubject, call: CallOptions): AsyncGenerator<Finding> {
  const { image, bootstrap } = subject.opened;
  const used = new Map(bootstrap.blobs.map((blob) => [blob.record.id, blob]));
  const blobs = new Map<Digest, { readonly blob: Descriptor; readonly place: Place }>();
  for (const [position, blob] of image.manifest.value.layers.slice(0, -1).entries()) {
    if (!blobs.has(blob.digest))
      blobs.set(blob.digest, { blob, place: placeIn(image, `layer ${position + 1}`) });
  }
  const found = await mapOrdered(
    blobs.values(),
    CONCURRENCY,
    async ({ blob, place }, _, signal) => {
      const check = new BlobCheck(
        subject,
        { blob, place, used: used.get(digestHex(blob.digest)) },
        { ...call, signal },
      );
      await check.run();
      return check.findings;
    },
    call.signal,
  );
  for (const findings of found) yield* findings;
}

interface BlobSubject {
  readonly blob: Descriptor;
  readonly place: Place;
  /** What the image's bootstrap says of it; undefined when no file needs it. */
  readonly used: UsedBlob | undefined;
}

/** Chunks as the blob itself tells them. */
interface StoredChunks {
  readonly header: BlobMetaHeader;
  readonly extents: readonly ChunkExtent[];
  /** 32 bytes a chunk; undefined when the blob has no such section. */
  readonly digests: Buffer | undefined;
}

class BlobCheck {
  readonly findings: Finding[] = [];
  readonly #subject: ContentSubject;
  readonly #blob: BlobSubject;
  readonly #call: CallOptions;

  constructor(subject: ContentSubject, blob: BlobSubject, call: CallOptions) {
    this.#subject = subject;
    this.#blob = blob;
    this.#call = call;
  }

  async run(): Promise<void> {
    const { store } = this.#subject.opened.image;
    const { blob, place } = this.#blob;
    // A blob that is absent has been told by the manifest's rules.
    if (!(await store.exists(blob, this.#call))) return;
    const frame = await attempt(place, 'BLOB-FRAME', () => readBlobFrame(store, blob, this.#call));
    if (frame.finding !== undefined) {
      this.findings.push(frame.finding);
      // Whether the bytes are those of the descriptor is worth knowing all the same.
      await this.#stream(undefined, tableOf([]), 'none', 'blake3');
      return;
    }
    const own = await this.#ownBootstrap(frame.value);
    const stored = await this.#storedChunks(frame.value);
    if (own !== undefined) this.#checkOwn(own, stored);
    if (stored !== undefined) this.#checkStored(frame.value, stored);
    this.#checkUsed(stored);
    const record = this.#blob.used?.record ?? ownBlob(own)?.record;
    const chunks = tableOf(stored === undefined ? [] : this.#records(stored, own));
    await this.#stream(frame.value, chunks, record?.compressor ?? 'none', record?.digester ?? 'blake3');
  }

  async #ownBootstrap(frame: BlobFrame): Promise<ReadBootstrap | undefined> {
    const { place } = this.#blob;
    const section = frame.sections.get(SECTIONS.bootstrap);
    if (section === undefined) {
      this.#report('BLOB-BOOTSTRAP', { message: `blob has no section ${SECTIONS.bootstrap}` });
      return undefined;
    }
    const bytes = await attempt(place, 'BLOB-TOC', () => contentOfSection(section));
    if (bytes.finding !== undefined) {
      this.findings.push(bytes.finding);
      return undefined;
    }
    const faults = auditBootstrap(bytes.value).map((found) => ({
      ...found,
      where: { ...place, part: `${place.part ?? 'layer'} bootstrap`, ...definedParts(found.where) },
    }));
    this.findings.push(...faults);
    const read = await attempt(place, 'BLOB-BOOTSTRAP', () => rafsFormats[6].read(bytes.value).bootstrap);
    if (read.finding !== undefined && !faults.some(({ severity }) => severity === 'error'))
      this.findings.push(read.finding);
    return read.value;
  }

  async #storedChunks(frame: BlobFrame): Promise<StoredChunks | undefined> {
    const { place } = this.#blob;
    const meta = frame.sections.get(SECTIONS.meta);
    const header = frame.sections.get(SECTIONS.metaHeader);
    const digests = frame.sections.get(SECTIONS.digests);
    if (meta === undefined && header === undefined) {
      if (frame.dataSize > 0)
        this.#report('BLOB-META', { message: 'blob has chunk data, and no chunk table' });
      return undefined;
    }
    if (meta === undefined || header === undefined) {
      this.#report('BLOB-META', { message: 'blob has half of a chunk table' });
      return undefined;
    }
    const looked = await attempt(place, 'BLOB-META', async () => {
      const headerBytes = await contentOfSection(header);
      const values = readBlobMetaHeader(headerBytes, 0);
      if ((values.features & (blobFeatures.bits.CHUNK_INFO_V2 | blobFeatures.bits.BATCH)) !== 0) {
        throw new UnsupportedError('blobs with chunk records of version 2 (batch, zran) are not checked yet');
      }
      const records = await contentOfSection(meta);
      this.#compareBlobMeta(blobMetaFile(records, headerBytes));
      const told: readonly [string, number, number][] = [
        ['offset', meta.entry.offset, values.offset],
        ['compressed size', meta.entry.compressedSize, values.compressedSize],
        ['uncompressed size', meta.entry.uncompressedSize, values.uncompressedSize],
      ];
      this.#compare('BLOB-META', 'chunk table header has another', told);
      return { header: values, extents: parseChunkMetas(records, values, header.entry.offset) };
    });
    if (looked.finding !== undefined) {
      this.findings.push(looked.finding);
      return undefined;
    }
    const digestBytes =
      digests === undefined ? undefined : await attempt(place, 'BLOB-TOC', () => contentOfSection(digests));
    if (digestBytes?.finding !== undefined) this.findings.push(digestBytes.finding);
    const right = looked.value.extents.length * 32;
    if (digestBytes?.value !== undefined && digestBytes.value.length !== right) {
      this.#report('BLOB-META', {
        message: `section ${SECTIONS.digests} does not hold one digest for each chunk`,
        expected: `${right} bytes`,
        found: `${digestBytes.value.length} bytes`,
      });
      return { ...looked.value, digests: undefined };
    }
    return { ...looked.value, digests: digestBytes?.value };
  }

  #compareBlobMeta(expected: Buffer): void {
    const { image, layer } = this.#subject.opened;
    const id = digestHex(this.#blob.blob.digest);
    const file = blobMetaOf(layer, id);
    if (file === undefined || file.equals(expected)) return;
    this.findings.push(
      finding('BOOTSTRAP-BLOB-META', placeIn(image, `layer ${image.manifest.value.layers.length}`), {
        message: `file image/${id}.blob.meta is not the chunk table of the blob`,
        expected: `${expected.length} bytes as in ${this.#blob.place.part ?? 'the blob'}`,
        found: `${file.length} bytes`,
      }),
    );
  }

  /** Extents follow one another, inside the data. */
  #checkStored(frame: BlobFrame, { extents }: StoredChunks): void {
    let next = 0;
    for (const [index, extent] of extents.entries()) {
      if (extent.uncompressedOffset !== next) {
        this.#report('BLOB-META', {
          message: `chunk ${index} does not follow the one before`,
          expected: `uncompressed offset ${next}`,
          found: `${extent.uncompressedOffset}`,
        });
      }
      next = roundUp(extent.uncompressedOffset + extent.uncompressedSize, BLOCK_SIZE);
      if (extent.compressedOffset + extent.compressedSize > frame.dataSize) {
        this.#report('BLOB-META', {
          message: `chunk ${index} ends behind the data`,
          expected: `at most ${frame.dataSize}`,
          found: `${extent.compressedOffset + extent.compressedSize}`,
        });
      }
    }
    const told = frame.sections.get(SECTIONS.data)?.entry.uncompressedSize;
    if (told !== undefined && told !== next) {
      this.#report('BLOB-TOC', {
        message: 'table of contents tells another uncompressed size than the chunk table',
        expected: `${next}`,
        found: `${told}`,
      });
    }
  }

  /** The image's bootstrap against the blob. */
  #checkUsed(stored: StoredChunks | undefined): void {
    const { used } = this.#blob;
    if (used === undefined) return;
    if (stored === undefined) {
      this.#report('BLOB-META', {
        message: 'the bootstrap refers to chunks of this blob, and it has no chunk table',
      });
      return;
    }
    this.#checkRecord('bootstrap', used, stored);
  }

  /** The blob's own bootstrap against the blob. */
  #checkOwn(own: ReadBootstrap, stored: StoredChunks | undefined): void {
    const blob = ownBlob(own);
    if (blob === undefined) return; // nothing of its own is in use
    if (stored === undefined) {
      this.#report('BLOB-BOOTSTRAP', {
        message: 'the bootstrap in the blob refers to chunks, and there is no chunk table',
      });
      return;
    }
    this.#checkRecord('bootstrap in the blob', blob, stored);
  }

  #checkRecord(what: string, { record, chunks }: UsedBlob, stored: StoredChunks): void {
    const { header } = stored;
    const end = stored.extents.at(-1);
    const space = end === undefined ? 0 : roundUp(end.uncompressedOffset + end.uncompressedSize, BLOCK_SIZE);
    this.#compare('BLOB-META', `blob table of the ${what} tells another`, [
      ['number of chunks', header.entries, record.chunkCount],
      ['offset of the chunk table', header.offset, record.metaOffset],
      ['compressed size of the chunk table', header.compressedSize, record.metaCompressedSize],
      ['uncompressed size of the chunk table', header.uncompressedSize, record.metaUncompressedSize],
      ['compressor of the chunk table', header.compressor, COMPRESSORS[record.metaCompressor]],
      ['uncompressed size', space, record.uncompressedSize],
    ]);
    for (const index of chunks.indexes()) {
      const chunk = chunks.at(index);
      const extent = stored.extents[index];
      const digest = stored.digests?.subarray(index * 32, index * 32 + 32);
      const difference =
        extent === undefined ? 'there is no such chunk in the blob' : differenceOf(chunk, extent, digest);
      if (difference === undefined) continue;
      this.#report('CHUNK-RECORD', {
        message: `chunk ${index} is told differently by the ${what}: ${difference}`,
      });
    }
  }

  /** What to verify: extents from the blob, digests and checksums from wherever they are told. */
  #records({ extents, digests }: StoredChunks, own: ReadBootstrap | undefined): ChunkRecord[] {
    const told = [this.#blob.used?.chunks, own === undefined ? undefined : ownBlob(own)?.chunks];
    const records: ChunkRecord[] = [];
    for (const [index, extent] of extents.entries()) {
      const known = told.find((chunks) => chunks?.has(index))?.at(index);
      const digest = digests?.subarray(index * 32, index * 32 + 32) ?? known?.digest;
      if (digest === undefined) continue; // no file refers to it, and nothing tells its digest
      records.push({
        ...extent,
        digest,
        crc32: known?.crc32,
        compressed: known?.compressed ?? extent.compressedSize !== extent.uncompressedSize,
      });
    }
    return records;
  }

  async #stream(
    frame: BlobFrame | undefined,
    chunks: ChunkTable,
    compressor: Bootstrap['compressor'],
    digester: Bootstrap['digester'],
  ): Promise<void> {
    const { opened, verified, threads } = this.#subject;
    const { blob, place } = this.#blob;
    if (verified.has(blob.digest)) return;
    verified.add(blob.digest);
    const verifier = openBlobVerifier({ chunks, compressor, digester, threads });
    const tail = new TailComparison(frame);
    try {
      try {
        for await (const bytes of opened.image.store.fetch(blob, this.#call)) {
          tail.add(bytes);
          await verifier.write(bytes);
        }
      } catch (cause) {
        this.findings.push(faultOf(cause, place, 'BLOB-FRAME'));
      }
      if (!tail.same)
        this.#report('CONTENT-DIGEST', {
          message: 'registry sends other bytes for a range than for the whole blob',
        });
      const { faults } = await verifier.finish();
      for (const { index, message } of faults) {
        const chunk = chunks.at(index);
        this.findings.push(
          finding(
            'CHUNK-DATA',
            { ...place, offset: chunk.compressedOffset },
            { message: `chunk ${index}: ${message}` },
          ),
        );
      }
    } catch (cause) {
      verifier.abort();
      throw cause;
    }
  }

  #compare(
    id: 'BLOB-META',
    message: string,
    values: readonly (readonly [what: string, expected: number, found: number])[],
  ): void {
    for (const [what, expected, found] of values) {
      if (expected !== found)
        this.#report(id, { message: `${message} ${what}`, expected: `${expected}`, found: `${found}` });
    }
  }

  #report(id: Parameters<typeof finding>[0], details: Parameters<typeof finding>[2]): void {
    this.findings.push(finding(id, this.#blob.place, details));
  }
}

/** The blob that a layer's own bootstrap takes for its own. */
function ownBlob(own: ReadBootstrap | undefined): UsedBlob | undefined {
  return own?.blobs.find(({ record }) => record.id === OWN_BLOB_ID);
}

function differenceOf(
  chunk: ChunkRecord,
  extent: ChunkExtent,
  digest: Buffer | undefined,
): string | undefined {
  for (const field of [
    'compressedOffset',
    'compressedSize',
    'uncompressedOffset',
    'uncompressedSize',
  ] as const) {
    if (chunk[field] !== extent[field])
      return `${field} is ${chunk[field]}, and ${extent[field]} in the blob`;
  }
  if (digest !== undefined && Buffer.compare(chunk.digest, digest) !== 0)
    return 'digest is not that of the blob';
  return undefined;
}

function definedParts(place: Place): Place {
  return Object.fromEntries(Object.entries(place).filter(([, value]) => value !== undefined));
}

function tableOf(records: readonly ChunkRecord[]): ChunkTable {
  return {
    length: records.length,
    at: (index) => {
      const record = records[index];
      if (record === undefined) throw new FormatError(`there is no chunk ${index}`);
      return record;
    },
  };
}

/** The sections were read by range, which no digest covers: they must be what the whole blob, which has one, ends with. */
class TailComparison {
  same = true;
  #position = 0;
  readonly #frame: BlobFrame | undefined;

  constructor(frame: BlobFrame | undefined) {
    this.#frame = frame;
  }

  add(bytes: Uint8Array): void {
    const start = this.#position;
    this.#position += bytes.length;
    if (this.#frame === undefined || this.#position <= this.#frame.dataSize) return;
    const { dataSize, tail } = this.#frame;
    const overlap = bytes.subarray(Math.max(0, dataSize - start));
    const from = Math.max(0, start - dataSize);
    if (Buffer.compare(overlap, tail.subarray(from, from + overlap.length)) !== 0) this.same = false;
  }
}
