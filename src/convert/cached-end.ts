/** Gets the end of a cached blob, from which its layer is read back: from the folder of this machine, or by a range of the blob. */
import { FormatError } from '../errors.js';
import { collect, measure } from '../io/streams.js';
import type { HeldBlob } from '../cache/local/local-cache.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestFromHex, sha256 } from '../oci/digest.js';
import type { ReadRange } from '../rafs-builder/blob/end.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { FormatOptions } from './format.js';
import type { FoundBlob, RunCache } from './run-cache.js';

/** Where a blob can be read. */
interface Bytes {
  readonly blob: Descriptor;
  readonly origin: ContentSource | undefined;
  readonly held: HeldBlob | undefined;
  readonly format: FormatOptions;
}

/** Throws FormatError for an end that is not the one which the record names, and what the store throws. */
export async function cachedEnd(
  cache: RunCache,
  { cached }: FoundBlob,
  { blob, origin, held, format }: Bytes,
  call: CallOptions,
): Promise<Buffer> {
  const open = (start: number, end: number): AsyncIterable<Uint8Array> =>
    held?.open({ start, end }) ?? origin?.fetch(blob, { ...call, range: { start, end } }) ?? nothing();
  const read: ReadRange = async (start, end) => {
    const bytes = await collect(open(start, end), end - start, `the end of blob ${blob.digest}`);
    if (bytes.length !== end - start) throw changed(blob);
    return bytes;
  };
  if (cache.verify) {
    const { sha256Hex, size } = await measure(open(0, blob.size));
    if (size !== blob.size || digestFromHex(sha256Hex) !== blob.digest) throw changed(blob);
  }
  if (cached === undefined) {
    return await unknownEnd(blob.size, format, read);
  }
  const here = await cache.tailHere(cached, call);
  if (here !== undefined) return here;
  const { start, digest } = cached.tail;
  const bytes = await read(start, blob.size);
  if (sha256(bytes) !== digest) throw changed(blob);
  return bytes;
}

/** The end of a blob whose record does not say where it begins. The code that finds it is loaded only for such records. */
async function unknownEnd(size: number, { fsVersion }: FormatOptions, read: ReadRange): Promise<Buffer> {
  if (fsVersion === 5) {
    const { readBlobFrameV5 } = await import('../rafs-builder/blob/frame-v5.js');
    return (await readBlobFrameV5(size, read)).tail;
  }
  const { readBlobFrame } = await import('../rafs-builder/blob/frame.js');
  return (await readBlobFrame(size, read)).tail;
}

function changed({ digest }: Descriptor): FormatError {
  return new FormatError(`the end of blob ${digest} is not what the cache says`);
}

async function* nothing(): AsyncIterable<Uint8Array> {
  // A blob of which nothing can be read.
}
