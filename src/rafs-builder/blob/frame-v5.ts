/**
 * Divides a v5 blob. It holds chunk data and the layer's bootstrap, both raw, with a header behind each and no table of
 * contents.
 */
import { createHash } from 'node:crypto';
import { SECTIONS, TAR_HEADER_SIZE, tocFlags } from '../layout/blob.js';
import { BlobEnd, MAX_TAIL, type ReadRange } from './end.js';
import type { BlobFrame } from './frame.js';
import type { Section } from './section.js';
import { frameFault, Window } from './window.js';

/**
 * Divides a v5 blob into data and bootstrap. Throws FormatError, with the offset in the blob, when they are not found.
 */
export async function readBlobFrameV5(size: number, read: ReadRange): Promise<BlobFrame> {
  const end = await BlobEnd.read(size, read);
  const { offset: boot, size: bootSize, last } = bootstrapV5(end.window, size);
  const dataSize = boot === 0 ? 0 : boot - TAR_HEADER_SIZE;
  if (dataSize < 0 || size - dataSize > MAX_TAIL)
    throw frameFault(
      `section ${SECTIONS.bootstrap} of ${bootSize} bytes leaves no room for the data before it`,
      last,
    );
  const tail = await end.from(dataSize);
  const window = new Window(tail, dataSize);
  const sections = new Map<string, Section>();
  if (boot > 0) {
    const data = window.header(dataSize);
    if (data.name !== SECTIONS.data || data.size !== dataSize)
      throw frameFault(
        `${dataSize} bytes of ${SECTIONS.data} are expected, but the header states ${data.size} of ${data.name}`,
        dataSize,
      );
    sections.set(SECTIONS.data, rawSection(SECTIONS.data, 0, dataSize, undefined));
  }
  sections.set(SECTIONS.bootstrap, rawSection(SECTIONS.bootstrap, boot, bootSize, window.slice(boot, last)));
  return { dataSize, tail, sections };
}

/** Returns the bootstrap's place according to the header at the end of a v5 blob; the offset may be negative. */
export function bootstrapV5(
  end: Window,
  blobSize: number,
): { readonly offset: number; readonly size: number; readonly last: number } {
  const last = blobSize - TAR_HEADER_SIZE;
  if (last < 0) throw frameFault(`a blob of ${blobSize} bytes has no sections`, 0);
  const { name, size } = end.header(last);
  if (name !== SECTIONS.bootstrap)
    throw frameFault(`last section is ${name}, not ${SECTIONS.bootstrap}`, last);
  return { offset: last - size, size, last };
}

/**
 * Makes a section in the form of a table of contents. The digest of the data is meaningless, because the data is not
 * read.
 */
export function rawSection(name: string, offset: number, size: number, stored: Buffer | undefined): Section {
  const digest = createHash('sha256')
    .update(stored ?? '')
    .digest();
  const sizes = { offset, compressedSize: size, uncompressedSize: size };
  return { entry: { flags: tocFlags.bits.NONE, name, digest, ...sizes }, stored };
}
