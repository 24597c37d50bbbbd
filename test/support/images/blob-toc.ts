/** The table of contents of a blob in memory. */
import type { TocEntry } from '../../../src/rafs-builder/layout/blob.js';
import { readToc } from '../../../src/rafs-builder/blob/toc.js';
import { Window } from '../../../src/rafs-builder/blob/window.js';

export function tocOf(blob: Buffer): readonly TocEntry[] {
  return readToc(new Window(blob, 0), blob.length).entries;
}
