/** This module reads sections of a blob from a store; the addon decompresses them. */
import { collect } from '../io/streams.js';
import { decompress } from '../native/index.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { ReadRange } from '../rafs-builder/blob/end.js';
import { type Section, sectionContent } from '../rafs-builder/blob/section.js';
import { frameFault } from '../rafs-builder/blob/window.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

/**
 * Returns a function that reads ranges of a blob. It throws FormatError when the store sends fewer bytes than it asked
 * for.
 */
export function rangesOf(store: ContentSource, blob: Descriptor, call: CallOptions): ReadRange {
  return async (start, end) => {
    const size = end - start;
    const range = { start, end };
    const bytes = await collect(store.fetch(blob, { ...call, range }), size, 'range of a blob');
    if (bytes.length !== size) throw frameFault(`registry sent ${bytes.length} of ${size} bytes`, start);
    return bytes;
  };
}

/** Decompresses a section and verifies its digest. Throws FormatError. */
export function contentOfSection(section: Section): Promise<Buffer> {
  return sectionContent(section, decompress);
}
