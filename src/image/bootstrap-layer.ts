/** The last layer of a Nydus image, unpacked: a small gzip'd tar with the bootstrap and the chunk tables of the blobs. */
import { createHash } from 'node:crypto';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { FormatError, NydusError, UnsupportedError } from '../errors.js';
import { collect, type ByteStream } from '../io/streams.js';
import { readTar } from '../io/tar/stream.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestFromHex, type DiffId } from '../oci/digest.js';
import { ANNOTATION } from '../oci/media-types.js';
import type { CallOptions } from '../reporter.js';
import type { Image } from './image.js';
import { bootstrapLayerOf } from './kinds.js';

/** Nydus's RAFS_MAX_METADATA_SIZE. Also keeps a gzip bomb from filling the memory. */
const MAX_SIZE = 2 * 1024 ** 3;

/** Bytes of the tar that zlib gives at a time: its own 16 KiB would cost a turn of the event loop each, and a bootstrap has megabytes. */
const PIECE = 0x4_0000;

const BOOTSTRAP_PATH = 'image/image.boot';
/** Old images have the bootstrap here, and nydus-snapshotter still looks there (pkg/layout/layout.go). */
const LEGACY_BOOTSTRAP_PATH = 'image.boot';

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
 * Fetches the layer whole, since it is one gzip stream. Throws FormatError when the image has no bootstrap, UnsupportedError
 * when its blobs are encrypted.
 */
export async function fetchBootstrap(
  { store, manifest }: Image,
  call: CallOptions,
): Promise<FetchedBootstrap> {
  const descriptor = bootstrapLayerOf(manifest.value);
  if (descriptor === undefined)
    throw new FormatError(`manifest ${manifest.descriptor.digest} has no bootstrap layer`);
  for (const { annotations, digest } of manifest.value.layers) {
    if (annotations?.[ANNOTATION.nydusEncryptedBlob] !== undefined)
      throw new UnsupportedError(`blob ${digest} is encrypted, which is not read yet`);
  }
  const layer = await readBootstrapLayer(store.fetch(descriptor, call));
  const bytes = bootstrapOf(layer);
  if (bytes === undefined)
    throw new FormatError(`there is no image/image.boot in the bootstrap layer ${descriptor.digest}`);
  return { layer, bytes, descriptor };
}

/** Throws FormatError when the bytes are no gzip'd tar, and whatever reading `stream` throws. */
export async function readBootstrapLayer(stream: ByteStream): Promise<BootstrapLayer> {
  const hash = createHash('sha256');
  const files = new Map<string, Buffer>();
  let room = MAX_SIZE;
  try {
    for await (const { name, isFile, content } of readTar(hashed(gunzip(stream), hash))) {
      const bytes = await collect(content, room, 'bootstrap layer');
      room -= bytes.length;
      if (isFile) files.set(pathOf(name), bytes);
    }
  } catch (cause) {
    if (cause instanceof NydusError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(`bootstrap layer is no gzip'd tar: ${reason}`, { cause });
  }
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
  return layer.files.get(`image/${blobId}.blob.meta`);
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

async function* hashed(
  stream: AsyncIterable<Uint8Array>,
  hash: { update(bytes: Uint8Array): unknown },
): ByteStream {
  let size = 0;
  for await (const bytes of stream) {
    size += bytes.length;
    if (size > 2 * MAX_SIZE) throw new FormatError(`bootstrap layer: more than ${2 * MAX_SIZE} bytes`);
    hash.update(bytes);
    yield bytes;
  }
}
