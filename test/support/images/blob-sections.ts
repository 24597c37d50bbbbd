/** Blobs put together section by section, for tests that choose how each is stored. */
import { createHash } from 'node:crypto';
import { encodeTarHeader } from './section-header.js';
import { tocEntry, tocFlags } from '../../../src/rafs-builder/layout/blob.js';

export interface MadeSection {
  readonly name: string;
  readonly content: Buffer;
  /** The content by default. */
  readonly stored?: Buffer;
  /** A TocFlag; raw by default. */
  readonly flags?: number;
  /** The digest in the table of contents; by default that of the content. */
  readonly digest?: Buffer;
}

/** A v6 blob of these sections in their order, each with its header, and a table of contents that lists them. */
export function blobOfSections(sections: readonly MadeSection[]): Buffer {
  const parts: Buffer[] = [];
  const toc = Buffer.alloc(sections.length * tocEntry.size);
  let offset = 0;
  sections.forEach(({ name, content, stored = content, flags = tocFlags.bits.NONE, digest }, i) => {
    tocEntry.write(toc, i * tocEntry.size, {
      flags,
      name,
      digest: digest ?? createHash('sha256').update(content).digest(),
      offset,
      compressedSize: stored.length,
      uncompressedSize: content.length,
    });
    const header = encodeTarHeader(name, stored.length);
    parts.push(stored, header);
    offset += stored.length + header.length;
  });
  return Buffer.concat([...parts, toc, encodeTarHeader('rafs.blob.toc', toc.length)]);
}
