/**
 * This rule verifies that every blob holds the data that the bootstraps describe. It reads the sections at the blob's
 * end, then streams the blob once, and decodes, measures and digests each chunk. Its memory does not grow with the size
 * of the blob.
 */
import { mapOrdered } from '../io/concurrency.js';
import { compareDigest, counted } from '../io/streams.js';
import { NO_CHUNKS, type VerifiableChunks } from '../native/judge.js';
import { untilAborted } from '../native/until-aborted.js';
import { openBlobVerifier } from '../native/verifier.js';
import type { Descriptor } from '../oci/descriptor.js';
import { isBacked } from '../image/stored-blobs.js';
import { digestHex, type Digest } from '../oci/digest.js';
import type { BlobFrame } from '../rafs-builder/blob/frame.js';
import { rafsBlobOf } from '../rafs-builder/model/tree.js';
import { versionNamed } from '../rafs-builder/versions.js';
import { blobMetaHeader, SECTIONS, TAR_HEADER_SIZE, type TocEntry } from '../rafs-builder/layout/blob.js';
import { blobFeatures } from '../rafs-builder/layout/v6.js';
import { nameOf } from '../registry/stores/store.js';
import { reportRead, type CallOptions } from '../reporter.js';
import { type BlobOfImage, checkSections } from './blob.js';
import { withFiles } from './chunk-files.js';
import { finding, type Finding, type Place } from './finding.js';
import type { OpenedImage } from './opened.js';
import { checkOriginalLayer, originalOf } from './original-layers.js';
import { Collector } from './rule.js';
import { sampleBlob } from './sample.js';
import { placeIn } from './subject.js';

/** Blobs in flight. Two are enough, because the addon decodes with threads of its own. */
const CONCURRENCY = 2;

export interface ContentSubject {
  readonly opened: OpenedImage;
  /** Blobs whose data is verified already: images of several platforms may share some. */
  readonly verified: Set<Digest>;
  readonly threads: number;
  /** True: only the blobs' own sections are read, and no chunk data. */
  readonly bootstrapOnly?: boolean | undefined;
  /** Percent of the chunk data to read; all of it by default. */
  readonly sample?: number | undefined;
}

interface BlobSubject extends BlobOfImage {
  readonly place: Place;
}

export async function* checkContent(subject: ContentSubject, call: CallOptions): AsyncGenerator<Finding> {
  const { image, data } = subject.opened;
  for (const digest of data.missing)
    yield finding('CONTENT-MISSING', placeIn(image, 'bootstrap'), {
      message: 'blob is not in the storage backend',
      expected: digest,
    });
  const part = isBacked(image) ? 'blob' : 'layer';
  const used = new Map(subject.opened.blobs.map((blob) => [rafsBlobOf(blob.record), blob]));
  const blobs = new Map<Digest, BlobSubject>();
  for (const [position, blob] of data.blobs.entries()) {
    if (blobs.has(blob.digest)) continue;
    blobs.set(blob.digest, {
      blob,
      place: placeIn(image, `${part} ${position + 1}`),
      used: used.get(digestHex(blob.digest)),
    });
  }
  const found = await mapOrdered(
    blobs.values(),
    CONCURRENCY,
    (blob, _, signal) => checkBlob(subject, blob, { ...call, signal }),
    call.signal,
  );
  const judged = Array.from(blobs.values(), ({ used }, i) => ({
    findings: found[i] ?? [],
    number: used?.number,
  }));
  yield* await withFiles(subject.opened, judged, call);
}

async function checkBlob(
  subject: ContentSubject,
  { blob, place, used }: BlobSubject,
  call: CallOptions,
): Promise<readonly Finding[]> {
  const { opened } = subject;
  const collector = new Collector(place);
  // A rule about the manifest reports an absent blob.
  if (!(await opened.image.store.exists(blob, call))) return [];
  const { frame, chunks = NO_CHUNKS } = await checkSections(opened, { blob, used }, collector, call);
  const layer = used === undefined ? undefined : originalOf(used.record);
  const isVerified = subject.verified.has(blob.digest);
  if (layer !== undefined) {
    const { threads, sample, bootstrapOnly = isVerified } = subject;
    const options = { threads, sample, bootstrapOnly };
    await checkOriginalLayer(opened, { blob, layer, chunks }, options, collector, call);
  }
  if (subject.bootstrapOnly === true || isVerified) return collector.findings;
  subject.verified.add(blob.digest);
  if (layer !== undefined || (used === undefined && chunksLieElsewhere(frame))) {
    // The blob itself holds no chunk. If no file refers to any of its chunks, the bootstrap does not say where they are.
    await streamBlob(subject, { blob, frame, chunks: NO_CHUNKS }, collector, call);
    return collector.findings;
  }
  if (subject.sample !== undefined && frame !== undefined) {
    const { threads, sample } = subject;
    const { dataSize } = frame;
    const { store } = opened.image;
    await sampleBlob({ store, blob, dataSize, ...chunks, threads }, sample, collector, call);
    return collector.findings;
  }
  await streamBlob(subject, { blob, frame, chunks }, collector, call);
  return collector.findings;
}

/** True if the blob's own records say that its chunks lie in another file. */
function chunksLieElsewhere(frame: BlobFrame | undefined): boolean {
  const header = frame?.sections.get(SECTIONS.metaHeader)?.stored;
  if (header?.length !== blobMetaHeader.size) return false;
  return blobFeatures.has(blobMetaHeader.read(header, 0).features, 'SEPARATE');
}

interface StreamedBlob {
  readonly blob: Descriptor;
  readonly frame: BlobFrame | undefined;
  readonly chunks: VerifiableChunks;
}

async function streamBlob(
  { opened, threads }: ContentSubject,
  { blob, frame, chunks }: StreamedBlob,
  collector: Collector,
  call: CallOptions,
): Promise<void> {
  const { indexes, table, compressor, digester } = chunks;
  const data = frame?.sections.get(SECTIONS.data)?.entry;
  // Without a table of contents there is no digest of the data to compare with.
  const promised = versionNamed(opened.version).blobsHaveToc ? data : undefined;
  const prefix = promised === undefined ? undefined : promised.compressedSize + TAR_HEADER_SIZE;
  const verifier = openBlobVerifier({ chunks: table, compressor, digester, threads, prefix });
  const tail = new TailComparison(frame);
  const { store } = opened.image;
  const { whole, digest, prefixDigest, faults } = await untilAborted(verifier, call.signal, async () => {
    const whole = await collector.attempt('BLOB-FRAME', async () => {
      const stream = store.fetch(blob, { ...call, digestedByCaller: true });
      const read = (done: number): void => {
        reportRead(call, blob, done);
      };
      for await (const bytes of counted(stream, read)) {
        tail.add(bytes);
        await verifier.write(bytes);
      }
      return true;
    });
    return { whole, ...(await verifier.finish()) };
  });
  const right =
    whole === true &&
    (await collector.attempt('BLOB-FRAME', () => {
      compareDigest(digest, blob, nameOf(blob, store.location));
      return true;
    })) === true;
  // If the blob's bytes are wrong as a whole, a second finding about the data's digest would add nothing.
  if (right && promised !== undefined) checkDataDigest(promised, prefixDigest, collector);
  if (!tail.same) {
    collector.report('CONTENT-DIGEST', {
      message: 'registry sends other bytes for a range than for the whole blob',
    });
  }
  for (const { index, message } of faults) {
    const where = { ...collector.place, offset: table.at(index).compressedOffset };
    const chunk = indexes?.[index] ?? index;
    collector.report('CHUNK-DATA', { message: `chunk ${chunk}: ${message}`, chunk }, where);
  }
}

/**
 * Compares the digest in the table of contents, which also covers the gaps between chunks and the tar header behind
 * them.
 */
function checkDataDigest({ name, digest }: TocEntry, found: Digest | undefined, collector: Collector): void {
  const expected = `sha256:${Buffer.from(digest).toString('hex')}`;
  if (expected === found) return;
  const message = `the table of contents has another digest of ${name}`;
  collector.report('BLOB-DATA-DIGEST', { message, expected, found });
}

/**
 * The sections were read by range, which no digest protects, so this compares them with the end of the digested stream.
 */
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
