/** The tree of one layer, as the bootstrap inside its blob has it. */
import { FormatError, UnsupportedError } from '../errors.js';
import type { Image } from '../image/image.js';
import { collect } from '../io/streams.js';
import { NydusFilesystem } from '../look/nydus.js';
import { withBatches } from '../look/batches.js';
import { decompress } from '../native/codec.js';
import { openBootstrapInTurns } from '../native/judge.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestHex } from '../oci/digest.js';
import { readBootstrapSection } from '../rafs-builder/blob/bootstrap.js';
import { sectionContent } from '../rafs-builder/blob/section.js';
import { OWN_BLOB_ID } from '../rafs-builder/index.js';
import type { SparseBootstrap } from '../rafs-builder/model/sparse.js';
import type { CallOptions } from '../reporter.js';
import { secondLook } from './second-look.js';

/**
 * Reads the end of the blob by range. Throws FormatError for a blob without a bootstrap, and for one that no reader can follow.
 */
export async function ownTree(image: Image, blob: Descriptor, call: CallOptions): Promise<NydusFilesystem> {
  return secondLook(image.store, blob, call, () => readTree(image, blob, call));
}

async function readTree(image: Image, blob: Descriptor, call: CallOptions): Promise<NydusFilesystem> {
  try {
    const { bootstrap } = await openBootstrapInTurns(await ownBootstrap(image, blob, call), call.signal);
    const named = withOwnName(bootstrap, digestHex(blob.digest));
    return new NydusFilesystem(await withBatches(named, image, call), image);
  } catch (cause) {
    if (!(cause instanceof FormatError || cause instanceof UnsupportedError)) throw cause;
    const message = `blob ${blob.digest} does not say what its layer holds: ${cause.message}`;
    const remedy = { kind: 'squash-layers' } as const;
    throw cause instanceof FormatError
      ? new FormatError(message, { cause, remedy })
      : new UnsupportedError(message, { cause, remedy });
  }
}

/** The bootstrap inside a blob, whose end is read by range. Throws FormatError for a blob without one. */
export async function ownBootstrap(image: Image, blob: Descriptor, call: CallOptions): Promise<Buffer> {
  const read = async (start: number, end: number): Promise<Buffer> => {
    const stream = image.store.fetch(blob, { ...call, range: { start, end } });
    const bytes = await collect(stream, end - start, `the end of blob ${blob.digest}`);
    if (bytes.length === end - start) return bytes;
    throw new FormatError(`blob ${blob.digest} ends before byte ${end}`);
  };
  const section = await readBootstrapSection(blob.size, read);
  return sectionContent(section, decompress);
}

/** A bootstrap inside a blob cannot name that blob, whose digest covers it. */
function withOwnName(
  { root, blobs, chunkSize, compressor, digester }: SparseBootstrap,
  id: string,
): SparseBootstrap {
  const named = blobs.map(({ record, chunks }) => ({
    record: record.id === OWN_BLOB_ID ? { ...record, id } : record,
    chunks,
  }));
  return { root, chunkSize, compressor, digester, blobs: named };
}
