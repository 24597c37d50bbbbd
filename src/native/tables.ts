/**
 * Decodes the packed tables that the addon returns, and packs chunk records for it (layout:
 * rafs-builder/layout/wire.ts).
 */
import { InternalError } from '../errors.js';
import type { RawName, RawPath } from '../oci/raw-name.js';
import {
  chunkRecord,
  chunkRecordFlags,
  ENTRY_KINDS,
  entryHead,
  reference,
  REPEATED,
  xattrHead,
} from '../rafs-builder/layout/wire.js';
import {
  type ChunkNumbers,
  chunkNumbers,
  chunkRef,
  type ChunkRecord,
  type ChunkRef,
  type ChunkTable,
  copyDigest,
  DIGEST_SIZE,
  type LayerEntry,
  type PackedDigests,
  StridedDigests,
  type Xattr,
} from '../rafs-builder/model/tree.js';
import { Pace } from '../turns.js';
import type { ScannedTables } from './addon-types.js';

// Offsets are constants of the module, because a layer has a hundred thousand entries and chunks, each read field by
// field.
const {
  kind: KIND,
  mode: MODE,
  uid: UID,
  gid: GID,
  mtimeNsec: MTIME_NSEC,
  mtime: MTIME,
  size: SIZE,
  offset: OFFSET,
  major: MAJOR,
  minor: MINOR,
  pathLength: PATH_LENGTH,
  linkLength: LINK_LENGTH,
  xattrCount: XATTR_COUNT,
  referenceCount: REFERENCE_COUNT,
} = entryHead.offset;
const { nameLength: NAME_LENGTH, valueLength: VALUE_LENGTH } = xattrHead.offset;
const { layer: LAYER, index: INDEX } = reference.offset;
const {
  digest: DIGEST,
  crc32: CRC32,
  uncompressedSize: UNCOMPRESSED_SIZE,
  compressedSize: COMPRESSED_SIZE,
  flags: FLAGS,
  compressedOffset: COMPRESSED_OFFSET,
  uncompressedOffset: UNCOMPRESSED_OFFSET,
} = chunkRecord.offset;
const ENTRY_HEAD = entryHead.size;
const XATTR_HEAD = xattrHead.size;
const REFERENCE = reference.size;
const CHUNK_RECORD = chunkRecord.size;
const { COMPRESSED: FLAG_COMPRESSED, HAS_CRC32: FLAG_CRC, BATCH: FLAG_BATCH } = chunkRecordFlags.bits;

const TWO_32 = 2 ** 32;

/** Most entries share this empty list. */
const NO_XATTRS: readonly Xattr[] = [];
const NO_CHUNKS: readonly ChunkRef[] = [];

/** A large layer has a hundred thousand entries, and an entry may have thousands of attributes. */
const ENTRIES_AT_ONCE = 16;

/** Decodes the entries of source layer `layer`, in tar order. */
export async function decodeEntries(
  { entries, references }: ScannedTables,
  count: number,
  layer: number,
): Promise<LayerEntry[]> {
  const decoder = new EntryDecoder(entries, references, layer);
  const decoded: LayerEntry[] = [];
  const pace = new Pace();
  while (decoded.length < count) {
    if (pace.isDue) await pace.turn();
    decoder.decode(decoded, Math.min(ENTRIES_AT_ONCE, count - decoded.length));
  }
  decoder.end();
  return decoded;
}

class EntryDecoder {
  readonly #bytes: Buffer;
  readonly #references: Buffer;
  readonly #layer: number;
  #at = 0;
  #reference = 0;

  constructor(bytes: Buffer, references: Buffer, layer: number) {
    this.#bytes = bytes;
    this.#references = references;
    this.#layer = layer;
  }

  decode(into: LayerEntry[], count: number): void {
    for (let i = 0; i < count; i++) into.push(this.#next());
  }

  #next(): LayerEntry {
    const bytes = this.#bytes;
    const head = this.#at;
    this.#at += ENTRY_HEAD;
    // Latin1 decodes to one character a byte, the form of a RawPath.
    const path = this.#text(bytes.readUInt32LE(head + PATH_LENGTH)) as RawPath;
    return { path, offset: readU64(bytes, head + OFFSET), body: this.#body(head) };
  }

  /** Throws unless both buffers are used up; a rest means that the two sides disagree about the layout. */
  end(): void {
    if (this.#at !== this.#bytes.length || this.#reference !== this.#references.length) {
      throw new InternalError('the table of entries from the addon has another length than its entries');
    }
  }

  /** Each kind is written out, because spreading common fields costs more than all other JavaScript of a conversion. */
  #body(head: number): LayerEntry['body'] {
    const bytes = this.#bytes;
    const kind = bytes.readUInt8(head + KIND);
    const mode = bytes.readUInt16LE(head + MODE);
    const uid = bytes.readUInt32LE(head + UID);
    const gid = bytes.readUInt32LE(head + GID);
    const mtimeNsec = bytes.readUInt32LE(head + MTIME_NSEC);
    const mtime = readI64(bytes, head + MTIME);
    const target = this.#text(bytes.readUInt32LE(head + LINK_LENGTH)) as RawPath; // latin1, like paths
    const xattrs = this.#xattrs(bytes.readUInt32LE(head + XATTR_COUNT));
    const chunks = this.#chunks(bytes.readUInt32LE(head + REFERENCE_COUNT));
    const layer = this.#layer;
    switch (kind) {
      case ENTRY_KINDS.file: {
        const size = readU64(bytes, head + SIZE);
        return { kind: 'file', mode, uid, gid, mtime, mtimeNsec, xattrs, layer, size, chunks };
      }
      case ENTRY_KINDS.directory:
        return { kind: 'directory', mode, uid, gid, mtime, mtimeNsec, xattrs, layer, implied: false };
      case ENTRY_KINDS.symlink:
        return { kind: 'symlink', mode, uid, gid, mtime, mtimeNsec, xattrs, layer, target };
      case ENTRY_KINDS.hardlink:
        return { kind: 'hardlink', target };
      case ENTRY_KINDS.char:
      case ENTRY_KINDS.block: {
        const device = kind === ENTRY_KINDS.char ? 'char' : 'block';
        const major = bytes.readUInt32LE(head + MAJOR);
        const minor = bytes.readUInt32LE(head + MINOR);
        return { kind: device, mode, uid, gid, mtime, mtimeNsec, xattrs, layer, major, minor };
      }
      case ENTRY_KINDS.fifo:
        return { kind: 'fifo', mode, uid, gid, mtime, mtimeNsec, xattrs, layer };
      default:
        throw new InternalError(`entry kind ${kind} from the addon is unknown`);
    }
  }

  #text(length: number): string {
    const start = this.#at;
    this.#at += length;
    return this.#bytes.toString('latin1', start, this.#at);
  }

  #xattrs(count: number): readonly Xattr[] {
    if (count === 0) return NO_XATTRS;
    return Array.from({ length: count }, () => {
      const nameLength = this.#bytes.readUInt32LE(this.#at + NAME_LENGTH);
      const valueLength = this.#bytes.readUInt32LE(this.#at + VALUE_LENGTH);
      this.#at += XATTR_HEAD;
      const name = this.#text(nameLength) as RawName; // latin1, like paths
      const start = this.#at;
      this.#at += valueLength;
      // A copy, so that the table can be freed.
      return { name, value: new Uint8Array(this.#bytes.subarray(start, this.#at)) };
    });
  }

  #chunks(count: number): readonly ChunkRef[] {
    if (count === 0) return NO_CHUNKS;
    // Most files have one chunk; an array that grows by `push` would reserve room for seventeen.
    if (count === 1) return [this.#nextReference()];
    const chunks: ChunkRef[] = [];
    while (chunks.length < count) {
      const ref = this.#nextReference();
      chunks.push(ref);
      if (chunks.length < count) for (let more = this.#repetitions(); more > 0; more--) chunks.push(ref);
    }
    return chunks;
  }

  /** How many times more the last reference follows: a hole is one chunk over and over. */
  #repetitions(): number {
    const at = this.#reference;
    const references = this.#references;
    if (at >= references.length || references.readUInt32LE(at + LAYER) !== REPEATED) return 0;
    this.#reference += REFERENCE;
    return references.readUInt32LE(at + INDEX);
  }

  #nextReference(): ChunkRef {
    const at = this.#reference;
    this.#reference += REFERENCE;
    const references = this.#references;
    return chunkRef(references.readUInt32LE(at + LAYER), references.readUInt32LE(at + INDEX));
  }
}

/** The addon has checked that 64-bit numbers are safe integers of JavaScript. */
function readU64(bytes: Buffer, at: number): number {
  return whole(bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4));
}
function readI64(bytes: Buffer, at: number): number {
  return whole(bytes.readUInt32LE(at), bytes.readInt32LE(at + 4));
}
/**
 * Returns small numbers, nearly all, unchanged: the sum would make V8 store each as a double in an object of its own.
 */
function whole(low: number, high: number): number {
  return high === 0 ? low : low + high * TWO_32;
}

/** Chunk records in the packed form of the addon: 64 bytes a chunk. */
export class PackedChunkTable implements ChunkTable {
  readonly bytes: Buffer;
  readonly digests: PackedDigests;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.digests = new StridedDigests(bytes, DIGEST, CHUNK_RECORD);
  }

  get length(): number {
    return this.bytes.length / CHUNK_RECORD;
  }

  at(index: number): ChunkRecord {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new InternalError(`chunk ${index} of ${this.length} was asked for`);
    }
    const at = index * CHUNK_RECORD + DIGEST;
    return { digest: this.bytes.subarray(at, at + DIGEST_SIZE), ...this.numbers(index) };
  }

  numbers(index: number): ChunkNumbers {
    const { bytes } = this;
    const at = index * CHUNK_RECORD;
    const flags = bytes.readUInt32LE(at + FLAGS);
    const crc32 = (flags & FLAG_CRC) === 0 ? undefined : bytes.readUInt32LE(at + CRC32);
    if ((flags & FLAG_BATCH) !== 0) {
      // A verifier's record has size and offset in place of the offset in the address space.
      const stored = bytes.readUInt32LE(at + COMPRESSED_SIZE);
      return {
        crc32,
        compressed: (flags & FLAG_COMPRESSED) !== 0,
        compressedOffset: readU64(bytes, at + COMPRESSED_OFFSET),
        compressedSize: stored,
        uncompressedOffset: 0,
        uncompressedSize: bytes.readUInt32LE(at + UNCOMPRESSED_SIZE),
        batch: {
          stored,
          size: bytes.readUInt32LE(at + UNCOMPRESSED_OFFSET + 4),
          offset: bytes.readUInt32LE(at + UNCOMPRESSED_OFFSET),
        },
      };
    }
    return {
      crc32,
      compressed: (flags & FLAG_COMPRESSED) !== 0,
      compressedOffset: readU64(bytes, at + COMPRESSED_OFFSET),
      compressedSize: bytes.readUInt32LE(at + COMPRESSED_SIZE),
      uncompressedOffset: readU64(bytes, at + UNCOMPRESSED_OFFSET),
      uncompressedSize: bytes.readUInt32LE(at + UNCOMPRESSED_SIZE),
    };
  }

  uncompressedOffset(index: number): number {
    return readU64(this.bytes, index * CHUNK_RECORD + UNCOMPRESSED_OFFSET);
  }

  /** Packs any table. */
  static from(table: ChunkTable): PackedChunkTable {
    if (table instanceof PackedChunkTable) return table;
    const bytes = Buffer.alloc(table.length * CHUNK_RECORD);
    for (let index = 0; index < table.length; index++) {
      const at = index * CHUNK_RECORD;
      copyDigest(table, index, bytes, at + DIGEST);
      writeNumbers(bytes, at, chunkNumbers(table, index));
    }
    return new PackedChunkTable(bytes);
  }
}

function writeNumbers(bytes: Buffer, at: number, chunk: ChunkNumbers): void {
  bytes.writeUInt32LE(chunk.crc32 ?? 0, at + CRC32);
  bytes.writeUInt32LE(chunk.uncompressedSize, at + UNCOMPRESSED_SIZE);
  bytes.writeUInt32LE(chunk.compressedSize, at + COMPRESSED_SIZE);
  const { batch } = chunk;
  const flags =
    (chunk.compressed ? FLAG_COMPRESSED : 0) |
    (chunk.crc32 === undefined ? 0 : FLAG_CRC) |
    (batch === undefined ? 0 : FLAG_BATCH);
  bytes.writeUInt32LE(flags, at + FLAGS);
  writeU64(bytes, at + COMPRESSED_OFFSET, chunk.compressedOffset);
  if (batch !== undefined) {
    bytes.writeUInt32LE(batch.stored, at + COMPRESSED_SIZE);
    bytes.writeUInt32LE(batch.offset, at + UNCOMPRESSED_OFFSET);
    bytes.writeUInt32LE(batch.size, at + UNCOMPRESSED_OFFSET + 4);
    return;
  }
  writeU64(bytes, at + UNCOMPRESSED_OFFSET, chunk.uncompressedOffset);
}

function writeU64(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value % TWO_32, at);
  bytes.writeUInt32LE(Math.floor(value / TWO_32), at + 4);
}
