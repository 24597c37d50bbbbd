/** The last layer of a Nydus image, unpacked: a small gzip'd tar with the bootstrap and the chunk tables of the blobs. */
import { createHash } from 'node:crypto';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { FormatError, NydusError, UnsupportedError } from '../errors.js';
import type { ByteStream } from '../io/streams.js';
import { readTar } from '../io/tar/stream.js';
import { type Budget, filledLimits, type Limits } from '../limits.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type Digest, digestFromHex, type DiffId } from '../oci/digest.js';
import { ANNOTATION } from '../oci/media-types.js';
import type { CallOptions } from '../reporter.js';
import type { Image } from './image.js';
import { bootstrapLayerOf } from './kinds.js';

/** Nydus's RAFS_MAX_METADATA_SIZE. */
const MAX_SIZE = 2 * 1024 ** 3;

/** Unpacked bytes for each byte of the layer, beyond those that the limit on metadata allows. Real bootstraps reach 20. */
const EXPANSION = 50;

/** A layer of this many files is none of Nydus's: it has a bootstrap and at most one file for each blob. */
const MAX_FILES = 65_536;

/** Bytes of the tar that zlib gives at a time: its own 16 KiB would cost a turn of the event loop each, and a bootstrap has megabytes. */
const PIECE = 0x4_0000;

const BOOTSTRAP_PATH = 'image/image.boot';
/** Old images have the bootstrap here, and nydus-snapshotter still looks there (pkg/layout/layout.go). */
const LEGACY_BOOTSTRAP_PATH = 'image.boot';

const BLOB_META_ENDING = '.blob.meta';

export interface BootstrapLayer {
  /** SHA-256 of the tar. */
  readonly diffId: DiffId;
  /** Regular files by path, in order. */
  readonly files: ReadonlyMap<string, Buffer>;
}

export interface FetchedBootstrap {
  readonly layer: BootstrapLayer;
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
}

/**
 * Fetches the layer whole, since it is one gzip stream; the tables of its blobs are kept only if `blobMetas` is set. Throws FormatError when the image has no bootstrap, UnsupportedError
 * when its blobs are encrypted.
 */
export async function fetchBootstrap(
  { store, manifest }: Image,
  call: CallOptions,
  { blobMetas = false }: { readonly blobMetas?: boolean } = {},
): Promise<FetchedBootstrap> {
  const descriptor = bootstrapLayerOf(manifest.value);
  if (descriptor === undefined)
    throw new FormatError(`manifest ${manifest.descriptor.digest} has no bootstrap layer`);
  for (const { annotations, digest } of manifest.value.layers) {
    if (annotations?.[ANNOTATION.nydusEncryptedBlob] !== undefined)
      throw new UnsupportedError(`blob ${digest} is encrypted, which is not read yet`);
  }
  const layer = await readBootstrapLayer(store.fetch(descriptor, call), {
    limits: call.limits,
    budget: call.budget,
    isWanted: (path) =>
      path === BOOTSTRAP_PATH ||
      path === LEGACY_BOOTSTRAP_PATH ||
      (blobMetas && path.endsWith(BLOB_META_ENDING)),
  });
  const bytes = bootstrapOf(layer);
  if (bytes === undefined)
    throw new FormatError(`there is no image/image.boot in the bootstrap layer ${descriptor.digest}`);
  return { layer, bytes, descriptor };
}

export interface BootstrapLayerOptions {
  readonly limits?: Partial<Limits> | undefined;
  /** Charged with what the layer takes beyond the multiple of its size. */
  readonly budget?: Budget | undefined;
  /** The files to keep; all by default. */
  readonly isWanted?: ((path: string) => boolean) | undefined;
}

/**
 * Throws FormatError when the bytes are no gzip'd tar, UnsupportedError when they unpack to more than the limits allow, and
 * whatever reading `stream` throws.
 */
export async function readBootstrapLayer(
  stream: ByteStream,
  { limits, budget, isWanted = () => true }: BootstrapLayerOptions = {},
): Promise<BootstrapLayer> {
  const hash = createHash('sha256');
  const files = new Map<string, Buffer>();
  const room = new Room((budget?.limits ?? filledLimits(limits)).maxMetadata);
  try {
    const tar = hashed(gunzip(reading(stream, room)), hash, room);
    for await (const { name, isFile, size, content } of readTar(tar)) {
      const path = isFile ? pathOf(name) : undefined;
      if (path === undefined || !isWanted(path)) await skip(content);
      else files.set(path, await whole(content, size));
      if (files.size > MAX_FILES) throw new FormatError(`bootstrap layer: more than ${MAX_FILES} files`);
    }
  } catch (cause) {
    if (cause instanceof NydusError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(`bootstrap layer is no gzip'd tar: ${reason}`, { cause });
  }
  budget?.chargeMetadata(room.overdrawn);
  const digest = digestFromHex(hash.digest('hex'));
  return { diffId: digest as string as DiffId, files }; // of an uncompressed tar, as the hash above is
}

/** The bootstrap among the files of the layer; undefined when there is none. */
export function bootstrapOf(layer: BootstrapLayer): Buffer | undefined {
  return layer.files.get(bootstrapPathOf(layer) ?? '');
}

/** The bootstrap's path among the files of the layer. */
export function bootstrapPathOf({ files }: BootstrapLayer): string | undefined {
  return [BOOTSTRAP_PATH, LEGACY_BOOTSTRAP_PATH].find((path) => files.has(path));
}

/** The cache file that nydusd takes for a blob: uncompressed chunk table, padded to 4096 bytes, and its header. */
export function blobMetaOf(layer: BootstrapLayer, blobId: string): Buffer | undefined {
  return layer.files.get(`image/${blobId}${BLOB_META_ENDING}`);
}

/** The cache files of all blobs. */
export function blobMetasOf({
  files,
}: BootstrapLayer): readonly { readonly blob: Digest; readonly bytes: Buffer }[] {
  return [...files].flatMap(([path, bytes]) => {
    const id = /^image\/([0-9a-f]{64})\.blob\.meta$/.exec(path)?.[1];
    return id === undefined ? [] : [{ blob: digestFromHex(id), bytes }];
  });
}

/** Callers may write the files to disk, so no path may lead out of the layer. */
function pathOf(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || name.includes('\0'))
    throw new FormatError(`bootstrap layer holds a file named ${name}`);
  return parts.join('/');
}

function gunzip(stream: ByteStream): AsyncIterable<Uint8Array> {
  // The reader of the result gets a failure of either stream; the callback has nothing to add.
  return pipeline(Readable.from(stream), createGunzip({ chunkSize: PIECE }), () => undefined);
}

/** What a bootstrap layer may unpack to, by what was read of it. */
class Room {
  /** Compressed bytes. */
  read = 0;
  readonly #freely: number;
  #unpacked = 0;

  constructor(freely: number) {
    this.#freely = freely;
  }

  /** Bytes that the size of the whole layer does not account for. */
  get overdrawn(): number {
    return Math.max(0, this.#unpacked - this.read * EXPANSION);
  }

  charge(bytes: number): void {
    this.#unpacked += bytes;
    const most = Math.min(2 * MAX_SIZE, this.#freely + this.read * EXPANSION);
    if (this.#unpacked > most) {
      throw new UnsupportedError(
        `the image exceeds a limit: its bootstrap layer unpacks to more than ${this.#freely} bytes and ${EXPANSION} times its own size`,
        { remedy: { kind: 'raise-limit', limit: 'maxMetadata' } },
      );
    }
  }
}

/** The bytes of a member, each held once: memory that is not written to yet takes no room. */
async function whole(content: ByteStream, size: number): Promise<Buffer> {
  if (size > MAX_SIZE) throw new FormatError(`bootstrap layer: more than ${MAX_SIZE} bytes`);
  const all = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for await (const bytes of content) {
    all.set(bytes, at);
    at += bytes.length;
  }
  if (at !== size) throw new FormatError('bootstrap layer: a file ends early');
  return all;
}

async function* reading(stream: ByteStream, room: Room): ByteStream {
  for await (const bytes of stream) {
    room.read += bytes.length;
    yield bytes;
  }
}

/** Reads a member that is not wanted to its end; returns its size. */
async function skip(content: ByteStream): Promise<number> {
  let size = 0;
  for await (const bytes of content) size += bytes.length;
  return size;
}

async function* hashed(
  stream: AsyncIterable<Uint8Array>,
  hash: { update(bytes: Uint8Array): unknown },
  room: Room,
): ByteStream {
  for await (const bytes of stream) {
    room.charge(bytes.length);
    hash.update(bytes);
    yield bytes;
  }
}
