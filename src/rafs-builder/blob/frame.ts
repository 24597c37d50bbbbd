/**
 * Divides a v6 blob into sections by the headers behind them and by the table of contents, which must agree. It reads
 * the blob from its end, and never its chunk data, which may be of any size.
 */
import { SECTIONS, TAR_HEADER_SIZE, type TocEntry, tocFlags } from '../layout/blob.js';
import { BlobEnd, MAX_TAIL, type ReadRange } from './end.js';
import type { Section } from './section.js';
import { readToc } from './toc.js';
import { frameFault, Window } from './window.js';

export interface BlobFrame {
  /** Bytes of chunk data, which starts the blob; 0 when there is none. */
  readonly dataSize: number;
  /** All bytes behind the data. */
  readonly tail: Buffer;
  /** Sections by name, in a v6 blob from the last to the first, in a v5 blob from the first to the last. */
  readonly sections: ReadonlyMap<string, Section>;
}

/** Throws FormatError, with the offset in the blob, when sections are missing or when headers and table differ. */
export async function readBlobFrame(size: number, read: ReadRange): Promise<BlobFrame> {
  const end = await BlobEnd.read(size, read);
  const toc = readToc(end.window, size);
  const entries = new Map(toc.entries.map((entry) => [entry.name, entry]));
  if (entries.size !== toc.entries.length) throw frameFault('a section is listed twice', toc.offset);
  const dataSize = entries.get(SECTIONS.data)?.compressedSize ?? 0;
  const tailSize = size - dataSize;
  if (tailSize < size - toc.offset || tailSize > MAX_TAIL) {
    throw frameFault(`${dataSize} bytes of chunk data do not leave room for the other sections`, toc.offset);
  }
  const tail = await end.from(dataSize);
  const window = new Window(tail, dataSize);
  return { dataSize, tail, sections: walkBack(window, entries, toc.offset) };
}

/** Walks from header to header towards the start, and compares each with the section's entry in the table. */
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
    // The records of `blob.meta` and their header have one section header, but two entries.
    const second = name === SECTIONS.meta ? entries.get(SECTIONS.metaHeader) : undefined;
    if (name === SECTIONS.meta && second === undefined)
      throw frameFault(`${SECTIONS.metaHeader} is not in the table of contents`, headerOffset);
    const listed = entry.compressedSize + (second?.compressedSize ?? 0);
    if (entry.offset !== start || listed !== size) {
      throw frameFault(
        `section ${name} has ${size} bytes from ${start}, but the table of contents states ${listed} from ${entry.offset}`,
        headerOffset,
      );
    }
    const split = start + entry.compressedSize;
    if (second !== undefined) {
      if (second.offset !== split)
        throw frameFault(
          `${SECTIONS.metaHeader} is at ${split}, but the table of contents states ${second.offset}`,
          headerOffset,
        );
      found.set(SECTIONS.metaHeader, { entry: second, stored: window.slice(split, headerOffset) });
    }
    const isData = name === SECTIONS.data;
    if (isData && entry.flags !== tocFlags.bits.NONE)
      throw frameFault(
        `${name} has flags 0x${entry.flags.toString(16)}, and chunks are compressed each on its own`,
        tocOffset,
      );
    if (isData && start !== 0)
      throw frameFault('chunk data does not start where the blob does', headerOffset);
    found.set(name, { entry, stored: isData ? undefined : window.slice(start, split) });
    end = start;
  }
  for (const name of entries.keys()) {
    if (!found.has(name))
      throw frameFault(`the table of contents lists ${name}, and there is no such section`, tocOffset);
  }
  return found;
}
