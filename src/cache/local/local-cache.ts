/**
 * A build cache in a folder of this machine: the ends of blobs, from which layers are read back without asking a registry, and blobs.
 * Entries have the keys of the remote cache. What is read is checked, and a bad entry is dropped.
 */
import { join } from 'node:path';
import { FormatError } from '../../errors.js';
import { openFile, readFileRange, readPiece } from '../../io/file-range.js';
import { openScratch, type Scratch } from '../../io/scratch.js';
import { type ByteRange, type ByteStream, collect, measure } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { type Digest, digestFromHex, digestHex, sha256 } from '../../oci/digest.js';
import { type JsonObject, parseDescriptor } from '../../oci/manifest.js';
import { type CachedBlob, type CacheRecord, parseRecord } from '../record.js';
import { type HeldFile, KeptFolder } from './kept-folder.js';

export interface LocalCacheOptions {
  /** Created if it is not there. Only this user can read it. */
  readonly path: string;
  /** Bytes of blobs at most; none are kept without it. */
  readonly blobBytes?: number | undefined;
  /** Bytes of the ends of blobs at most. */
  readonly layerBytes?: number | undefined;
}

/** The ends of some thousand layers. */
const LAYER_BYTES = 2 ** 30;
/** A record with the longest text about directories is shorter. */
const MAX_HEAD = 32 * 1024;
const HEX = 64;

/** A blob of the folder, which stays as long as it is held. */
export interface HeldBlob extends AsyncDisposable {
  open(range?: ByteRange): ByteStream;
}

export class LocalCache implements AsyncDisposable {
  readonly path: string;
  readonly #scratch: Scratch;
  readonly #layers: KeptFolder;
  readonly #blobs: KeptFolder | undefined;
  readonly #blobBytes: number;

  private constructor(
    path: string,
    scratch: Scratch,
    layers: KeptFolder,
    blobs: KeptFolder | undefined,
    blobBytes: number,
  ) {
    this.path = path;
    this.#scratch = scratch;
    this.#layers = layers;
    this.#blobs = blobs;
    this.#blobBytes = blobBytes;
  }

  /** Throws LocalIoError. */
  static async open({
    path,
    blobBytes = 0,
    layerBytes = LAYER_BYTES,
  }: LocalCacheOptions): Promise<LocalCache> {
    const scratch = await openScratch(path);
    try {
      const layers = await KeptFolder.open(join(path, 'layers'), scratch.path, layerBytes);
      const blobs =
        blobBytes > 0 ? await KeptFolder.open(join(path, 'blobs'), scratch.path, blobBytes) : undefined;
      return new LocalCache(path, scratch, layers, blobs, blobBytes);
    } catch (error) {
      await scratch[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What the folder knows of the blob with this key. */
  async find(key: string): Promise<CachedBlob | undefined> {
    await using held = await this.#layers.hold(nameOf(key));
    if (held === undefined) return undefined;
    const head = await readHead(held);
    if (head?.cached.key === key) return head.cached;
    await this.#layers.drop(nameOf(key));
    return undefined;
  }

  /** The end of the blob; undefined if the folder does not have it, or has another one. */
  async tailOf({ key, tail, blob }: CachedBlob): Promise<Buffer | undefined> {
    await using held = await this.#layers.hold(nameOf(key));
    const head = held === undefined ? undefined : await readHead(held);
    if (held === undefined || head?.cached.blob.digest !== blob.digest) return undefined;
    const length = blob.size - tail.start;
    const bytes = await collect(
      readFileRange(held.path, { start: head.size, end: held.size }),
      Math.max(length, held.size),
      held.path,
    );
    if (bytes.length === length && sha256(bytes) === tail.digest) return bytes;
    await this.#layers.drop(nameOf(key));
    return undefined;
  }

  /** Keeps what `record` says of a blob, and the blob's end. */
  async keepLayer(key: string, { json }: CacheRecord, tail: ByteStream | Uint8Array): Promise<void> {
    await this.#layers.write(nameOf(key), withHead(json, tail));
  }

  /** True if the folder has a blob of this name, whose bytes are not looked at. */
  async hasBlob(digest: Digest): Promise<boolean> {
    return (await this.#blobs?.has(digestHex(digest))) === true;
  }

  /** A blob whose bytes have been read and digested. */
  async blob({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): Promise<HeldBlob | undefined> {
    const held = await this.#blobs?.hold(digestHex(digest));
    if (held === undefined) return undefined;
    const { sha256Hex } = await measure(readFileRange(held.path));
    if (held.size === size && digestFromHex(sha256Hex) === digest)
      return {
        open: (range) => readFileRange(held.path, range),
        [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
      };
    await held[Symbol.asyncDispose]();
    await this.#blobs?.drop(digestHex(digest));
    return undefined;
  }

  /** Keeps a blob that lies in a file, which must not change any more. */
  async keepBlob({ digest, size }: Pick<Descriptor, 'digest' | 'size'>, file: string): Promise<void> {
    if (size <= this.#blobBytes) await this.#blobs?.keep(digestHex(digest), file);
  }

  async trim(): Promise<void> {
    await this.#layers.trim();
    await this.#blobs?.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]();
  }
}

/** Keys are digests; anything else gets a name that is one. */
function nameOf(key: string): string {
  return digestHex(/^sha256:[0-9a-f]{64}$/.test(key) ? (key as Digest) : sha256(key));
}

/** An entry is the digest of its second line, the record in that line, and the end of the blob. */
async function* withHead(json: JsonObject, tail: ByteStream | Uint8Array): ByteStream {
  const line = Buffer.from(`${JSON.stringify(json)}\n`, 'utf8');
  yield Buffer.concat([Buffer.from(`${digestHex(sha256(line))}\n`), line]);
  if (tail instanceof Uint8Array) yield tail;
  else yield* tail;
}

interface Head {
  readonly cached: CachedBlob;
  /** Bytes before the end of the blob. */
  readonly size: number;
}

/** Undefined for an entry that is damaged. */
async function readHead({ path, size }: HeldFile): Promise<Head | undefined> {
  const file = await openFile(path);
  try {
    const bytes = await readPiece(file, { start: 0, end: Math.min(MAX_HEAD, size) });
    const end = bytes.indexOf('\n', HEX + 1);
    const line = bytes.subarray(HEX + 1, end + 1);
    const digest = bytes.toString('latin1', 0, HEX);
    if (end < 0 || digestHex(sha256(line)) !== digest) return undefined;
    const cached = parseRecord(parseDescriptor(line)).usable;
    return cached === undefined ? undefined : { cached, size: end + 1 };
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}
