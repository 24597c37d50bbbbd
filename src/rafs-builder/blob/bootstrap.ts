/** Reads only the bootstrap inside a blob. */
import { SECTIONS, TAR_HEADER_SIZE } from '../layout/blob.js';
import { BlobEnd, MAX_TAIL, type ReadRange } from './end.js';
import { bootstrapV5, rawSection } from './frame-v5.js';
import type { Section } from './section.js';
import { readToc } from './toc.js';
import { frameFault } from './window.js';

/**
 * Finds the bootstrap inside a blob of either version by the blob's last section, so that damage to other sections does
 * not matter. Throws FormatError when the blob has none.
 */
export async function readBootstrapSection(size: number, read: ReadRange): Promise<Section> {
  const end = await BlobEnd.read(size, read);
  const last = size - TAR_HEADER_SIZE;
  if (last >= 0 && end.window.header(last).name === SECTIONS.bootstrap) {
    const { offset, size: stored } = bootstrapV5(end.window, size);
    if (offset < 0 || stored > MAX_TAIL)
      throw frameFault(`${SECTIONS.bootstrap} of ${stored} bytes leaves the blob`, last);
    return rawSection(SECTIONS.bootstrap, offset, stored, await end.slice(offset, last));
  }
  const toc = readToc(end.window, size);
  const entry = toc.entries.find(({ name }) => name === SECTIONS.bootstrap);
  if (entry === undefined) throw frameFault(`the blob has no section ${SECTIONS.bootstrap}`, toc.offset);
  const sectionEnd = entry.offset + entry.compressedSize;
  if (sectionEnd > toc.offset || entry.compressedSize > MAX_TAIL)
    throw frameFault(`${SECTIONS.bootstrap} of ${entry.compressedSize} bytes leaves its place`, entry.offset);
  return { entry, stored: await end.slice(entry.offset, sectionEnd) };
}
