/**
 * The sections of a RAFS blob, found from its end, where the table of contents is. Reads two short ranges; chunk data, which
 * may be of any size, is not read here. Sections are told twice, by their tar headers and by the table; both must agree.
 */
import { createHash } from 'node:crypto';
import { decompress } from '../native/index.js';
import type { Descriptor } from '../oci/descriptor.js';
import {
  blobMetaHeader,
  SECTIONS,
  TAR_HEADER_SIZE,
  tarHeader,
  tocEntry,
  tocFlags,
  type TocEntry,
} from '../rafs-builder/layout/blob.js';
import type { AnyStruct } from '../rafs-builder/layout/struct.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { BlobEnd, frameFault, MAX_TAIL, Window } from './blob-end.js';

/** As Nydus reads it. */
const MAX_ENTRIES = 28;

export interface Section {
  readonly entry: TocEntry;
  /** As stored; undefined for the chunk data. */
  readonly stored: Buffer | undefined;
}

export interface FrameStructure {
  readonly struct: AnyStruct;
  readonly bytes: Buffer;
  /** From the start of the blob. */
  readonly offset: number;
}

export interface BlobFrame {
  /** Bytes of chunk data, from the start of the blob; 0 when it holds none. */
  readonly dataSize: number;
  /** All bytes behind the data. */
  readonly tail: Buffer;
  /** What the frame is made of: tar headers, entries of the table of contents, the header of the chunk records. */
  readonly structures: readonly FrameStructure[];
  /** By name, in the order of the table. */
  readonly sections: ReadonlyMap<string, Section>;
}

/** Throws FormatError, with the offset in the blob, when sections cannot be found or the two ways to tell them differ. */
export async function readBlobFrame(
  store: ContentSource,
  blob: Descriptor,
  call: CallOptions,
): Promise<BlobFrame> {
  const end = await BlobEnd.read(store, blob, call);
  const toc = readToc(end.window, blob.size);
  const entries = new Map(toc.entries.map((entry) => [entry.name, entry]));
  if (entries.size !== toc.entries.length) throw frameFault('a section is listed twice', toc.offset);
  const dataSize = entries.get(SECTIONS.data)?.compressedSize ?? 0;
  const tailSize = blob.size - dataSize;
  if (tailSize < blob.size - toc.offset || tailSize > MAX_TAIL) {
    throw frameFault(`${dataSize} bytes of chunk data do not leave room for the other sections`, toc.offset);
  }
  const tail = await end.from(dataSize);
  const window = new Window(tail, dataSize);
  const sections = walkBack(window, entries, toc.offset);
  const structures = Array.from(structuresOf(window, sections, blob.size, toc));
  return { dataSize, tail, structures, sections };
}

/** The content of a section, decompressed and of the right digest. Throws FormatError. */
export async function contentOfSection(section: Section): Promise<Buffer> {
  const { entry, stored } = section;
  if (stored === undefined) throw frameFault(`${entry.name} is not read as a whole`, entry.offset);
  const content = await decodeSection(entry, stored);
  const digest = createHash('sha256').update(content).digest();
  if (Buffer.compare(digest, entry.digest) !== 0) {
    throw frameFault(`${entry.name} does not have the digest that the table of contents tells`, entry.offset);
  }
  return content;
}

async function decodeSection(entry: TocEntry, stored: Buffer): Promise<Buffer> {
  switch (entry.flags) {
    case tocFlags.bits.NONE:
      if (entry.uncompressedSize !== stored.length) {
        throw frameFault(
          `${entry.name} is stored raw with ${stored.length} bytes, and told to have ${entry.uncompressedSize}`,
          entry.offset,
        );
      }
      return stored;
    case tocFlags.bits.ZSTD:
    case tocFlags.bits.LZ4_BLOCK:
      if (entry.uncompressedSize > MAX_TAIL) throw frameFault(`${entry.name} is too large`, entry.offset);
      return decompress(
        stored,
        entry.flags === tocFlags.bits.ZSTD ? 'zstd' : 'lz4_block',
        entry.uncompressedSize,
      );
    default:
      throw frameFault(`${entry.name} has unknown flags 0x${entry.flags.toString(16)}`, entry.offset);
  }
}

interface Toc {
  readonly entries: readonly TocEntry[];
  /** Where it starts in the blob. */
  readonly offset: number;
}

function readToc(end: Window, size: number): Toc {
  if (size < TAR_HEADER_SIZE) throw frameFault(`a blob of ${size} bytes has no table of contents`, 0);
  const header = end.header(size - TAR_HEADER_SIZE);
  if (header.name !== SECTIONS.toc)
    throw frameFault(`last section is ${header.name}, not ${SECTIONS.toc}`, size - TAR_HEADER_SIZE);
  const count = header.size / tocEntry.size;
  if (!Number.isInteger(count) || count < 1 || count > MAX_ENTRIES) {
    throw frameFault(`table of contents has ${header.size} bytes`, size - TAR_HEADER_SIZE);
  }
  const offset = size - TAR_HEADER_SIZE - header.size;
  const bytes = end.slice(offset, size - TAR_HEADER_SIZE);
  return {
    entries: Array.from({ length: count }, (_, i) => tocEntry.read(bytes, i * tocEntry.size)),
    offset,
  };
}

/** Goes from header to header towards the start, and finds in each what the table says of it. */
function walkBack(
  window: Window,
  entries: ReadonlyMap<string, TocEntry>,
  tocOffset: number,
): ReadonlyMap<string, Section> {
  const found = new Map<string, Section>();
  let end = tocOffset;
  while (end > 0) {
    const headerOffset = end - TAR_HEADER_SIZE;
    const { name, size } = window.header(headerOffset);
    const start = headerOffset - size;
    const entry = entries.get(name);
    if (start < 0)
      throw frameFault(`section ${name} of ${size} bytes would start before the blob`, headerOffset);
    if (entry === undefined)
      throw frameFault(`section ${name} is not in the table of contents`, headerOffset);
    if (found.has(name)) throw frameFault(`section ${name} is there twice`, headerOffset);
    // The records of `blob.meta` and their header share one tar header, and have an entry each.
    const tail = name === SECTIONS.meta ? entries.get(SECTIONS.metaHeader) : undefined;
    if (name === SECTIONS.meta && tail === undefined)
      throw frameFault(`${SECTIONS.metaHeader} is not in the table of contents`, headerOffset);
    const told = entry.compressedSize + (tail?.compressedSize ?? 0);
    if (entry.offset !== start || told !== size) {
      throw frameFault(
        `section ${name} has ${size} bytes from ${start}, and the table tells ${told} from ${entry.offset}`,
        headerOffset,
      );
    }
    if (tail !== undefined) {
      const split = start + entry.compressedSize;
      if (tail.offset !== split)
        throw frameFault(
          `${SECTIONS.metaHeader} is at ${split}, and the table tells ${tail.offset}`,
          headerOffset,
        );
      found.set(SECTIONS.metaHeader, { entry: tail, stored: window.slice(split, headerOffset) });
    }
    const isData = name === SECTIONS.data;
    if (isData && entry.flags !== tocFlags.bits.NONE)
      throw frameFault(
        `${name} has flags 0x${entry.flags.toString(16)}, and chunks are compressed each on its own`,
        tocOffset,
      );
    if (isData && start !== 0)
      throw frameFault('chunk data does not start where the blob does', headerOffset);
    found.set(name, { entry, stored: isData ? undefined : window.slice(start, split(entry, start)) });
    end = start;
  }
  for (const name of entries.keys()) {
    if (!found.has(name))
      throw frameFault(`the table of contents lists ${name}, and there is no such section`, tocOffset);
  }
  return found;
}

function* structuresOf(
  window: Window,
  sections: ReadonlyMap<string, Section>,
  size: number,
  toc: Toc,
): Generator<FrameStructure> {
  const at = (struct: AnyStruct, offset: number): FrameStructure => ({
    struct,
    bytes: window.slice(offset, offset + struct.size),
    offset,
  });
  for (const [name, { entry }] of sections) {
    const end = entry.offset + entry.compressedSize;
    if (name === SECTIONS.metaHeader && entry.compressedSize === blobMetaHeader.size)
      yield at(blobMetaHeader, entry.offset);
    // The tar header of the chunk records stands behind their own header.
    if (name !== SECTIONS.meta) yield at(tarHeader, end);
  }
  for (let i = 0; i < toc.entries.length; i++) yield at(tocEntry, toc.offset + i * tocEntry.size);
  yield at(tarHeader, size - TAR_HEADER_SIZE);
}

function split(entry: TocEntry, start: number): number {
  return start + entry.compressedSize;
}
