/** Unpacks the last layer of a Nydus image: a small gzip'd tar with the bootstrap and the chunk tables of the blobs. */
import { createHash } from 'node:crypto';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { FormatError, NydusError } from '../errors.js';
import { collect, type ByteStream } from '../io/streams.js';
import { digestFromHex, type DiffId } from '../oci/digest.js';

/** Nydus's RAFS_MAX_METADATA_SIZE. Also keeps a gzip bomb from filling the memory. */
const MAX_SIZE = 2 * 1024 ** 3;

/** Of the tar at a time, bytes: a bootstrap may have many megabytes, and zlib's own 16 KiB are a turn of the event loop each. */
const PIECE = 0x4_0000;

const BOOTSTRAP_PATH = 'image/image.boot';
/** Where old images have it; nydus-snapshotter still looks there (pkg/layout/layout.go). */
const LEGACY_BOOTSTRAP_PATH = 'image.boot';

export interface BootstrapLayer {
  /** SHA-256 of the tar. */
  readonly diffId: DiffId;
  /** Regular files by path, in order. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** Throws FormatError when the bytes are no gzip'd tar, and whatever reading `stream` throws. */
export async function readBootstrapLayer(stream: ByteStream): Promise<BootstrapLayer> {
  const hash = createHash('sha256');
  const files = new Map<string, Buffer>();
  let room = MAX_SIZE;
  try {
    const archive = extract();
    const tar = Readable.from(hashed(gunzip(stream), hash));
    tar.on('error', (cause) => {
      archive.destroy(cause);
    });
    tar.pipe(archive);
    for await (const entry of archive) {
      const bytes = await collect(entry as ByteStream, room, 'bootstrap layer'); // a Readable of Buffers
      room -= bytes.length;
      if (entry.header.type === 'file') files.set(pathOf(entry.header.name), bytes);
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

/** Where it is among the files. */
export function bootstrapPathOf({ files }: BootstrapLayer): string | undefined {
  return [BOOTSTRAP_PATH, LEGACY_BOOTSTRAP_PATH].find((path) => files.has(path));
}

/** The cache file that nydusd takes for a blob: uncompressed chunk table, padded to 4096 bytes, and its header. */
export function blobMetaOf(layer: BootstrapLayer, blobId: string): Buffer | undefined {
  return layer.files.get(`image/${blobId}.blob.meta`);
}

/** Paths may be written to disk, by those who ask for it: none leads out of the layer. */
function pathOf(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || name.includes('\0'))
    throw new FormatError(`bootstrap layer holds a file named ${name}`);
  return parts.join('/');
}

function gunzip(stream: ByteStream): AsyncIterable<Uint8Array> {
  // A failure of either reaches the reader of the result; the callback has nothing to add.
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
