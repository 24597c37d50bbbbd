/**
 * Asks for a cached blob: whether the target has it, and for its end, from which the layer is read back. The end comes from the folder
 * of this machine, or by a range of the blob.
 */
import type { HeldBlob } from '../cache/local/local-cache.js';
import { FormatError, NydusError } from '../errors.js';
import { collect, measure } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestFromHex, sha256 } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import type { ReadRange } from '../rafs-builder/blob/end.js';
import type { ContentSource, FetchOptions } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { FormatOptions } from './format.js';
import type { LayerContext } from './layer.js';
import type { FoundBlob, RunCache } from './run-cache.js';

/** A cached blob that can be used. */
export interface AskedBlob {
  /** True if the target has it, or the run brings it there already. */
  readonly isThere: boolean;
  /** The blob in the folder, if it comes from there. The run's end releases it. */
  readonly held: HeldBlob | undefined;
  readonly end: Buffer;
}

type Open = (options: FetchOptions) => AsyncIterable<Uint8Array>;

/**
 * Undefined for a blob that is nowhere, or that the target cannot use because it lacks `needed`, the layer in which the blob's chunks
 * stay. Throws FormatError for an end that is not the one which the record names, and what the
 * stores throw.
 */
export async function askForBlob(
  { target, uploads, options }: Pick<LayerContext, 'target' | 'uploads' | 'options'>,
  cache: RunCache,
  { found, needed }: { readonly found: FoundBlob; readonly needed: Descriptor | undefined },
  call: CallOptions,
): Promise<AskedBlob | undefined> {
  const { cached } = found;
  const { store, verify } = cache;
  const { digest, size } = found.blob;
  const blob: Descriptor = { mediaType: MEDIA.nydusBlob, digest, size };
  const from = (place: ContentSource): Open => {
    return ({ range }) => place.fetch(blob, { ...call, range });
  };
  const here = cached === undefined ? undefined : await cache.tailHere(cached, call);
  const isRemote = cache.isRemote(cached);
  // The cache most likely has what it names, so its end is read while the target is asked.
  const early =
    here === undefined && store !== undefined && isRemote && !verify
      ? endOf(blob, from(store), found, options)
      : undefined;
  early?.catch(() => undefined); // the failure is thrown where `early` is awaited
  const isUnderWay = uploads.has(digest);
  const [isThere, isUsable] = await Promise.all([
    isUnderWay || target.exists(blob, call),
    needed === undefined || target.exists(needed, call),
  ]);
  if (!isUsable) return undefined;
  if (!isThere && !(await cache.hasBlob(found, call))) return undefined;
  const held = isThere ? undefined : await cache.blobHere(found.blob, call);
  if (!isThere && held === undefined && !isRemote) return undefined;
  const asked = (end: Buffer): AskedBlob => ({ isThere, held, end });
  const own = isThere && !isUnderWay ? from(target) : held === undefined ? undefined : openHeld(held);
  const open = own ?? (store === undefined ? nothing : from(store));
  if (verify) await verifyBlob(blob, open);
  if (here !== undefined) return asked(here);
  if (early !== undefined) {
    try {
      return asked(await early);
    } catch (error) {
      if (own === undefined || !(error instanceof NydusError)) throw error;
    }
  }
  return asked(await endOf(blob, open, found, options));
}

function openHeld(held: HeldBlob): Open {
  return ({ range }) => held.open(range);
}

async function verifyBlob(blob: Descriptor, open: Open): Promise<void> {
  const { sha256Hex, size } = await measure(open({ range: { start: 0, end: blob.size } }));
  if (size !== blob.size || digestFromHex(sha256Hex) !== blob.digest) throw changed(blob);
}

async function endOf(
  blob: Descriptor,
  open: Open,
  { cached }: FoundBlob,
  format: FormatOptions,
): Promise<Buffer> {
  const read: ReadRange = async (start, end) => {
    const range = { start, end };
    const bytes = await collect(open({ range }), end - start, `the end of blob ${blob.digest}`);
    if (bytes.length !== end - start) throw changed(blob);
    return bytes;
  };
  if (cached === undefined) return await unknownEnd(blob.size, format, read);
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
