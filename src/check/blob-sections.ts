/** Sections of blobs in a store, decompressed by the addon. */
import { collect } from '../io/streams.js';
import { decompress } from '../native/index.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { ReadRange } from '../rafs-builder/blob/end.js';
import { type Section, sectionContent } from '../rafs-builder/blob/section.js';
import { frameFault } from '../rafs-builder/blob/window.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

/** Reads ranges of a blob. Fails with a FormatError when fewer bytes come than were asked for. */
export function rangesOf(store: ContentSource, blob: Descriptor, call: CallOptions): ReadRange {
  return async (start, end) => {
    const size = end - start;
    const range = { start, end };
    const bytes = await collect(store.fetch(blob, { ...call, range }), size, 'range of a blob');
    if (bytes.length !== size) throw frameFault(`registry sent ${bytes.length} of ${size} bytes`, start);
    return bytes;
  };
}

/** The content of a section, decompressed and of the right digest. Throws FormatError. */
export function contentOfSection(section: Section): Promise<Buffer> {
  return sectionContent(section, decompress);
}
