/** Names for each byte of a bootstrap and of the end of a blob: the field of a structure, or a named run of bytes. */
import {
  blobMetaHeader,
  chunkMeta,
  SECTIONS,
  TAR_HEADER_SIZE,
  tarHeader,
  tocEntry,
} from '../../../src/rafs-builder/layout/blob.js';
import type { RafsImage } from '../../../src/rafs-builder/index.js';
import type { AnyStruct } from '../../../src/rafs-builder/layout/struct.js';
import { decodeTarHeader } from '../../../src/rafs-builder/blob/section-header.js';
import { tocOf } from '../images/blob-toc.js';
import { viewOf } from '../../../src/rafs-builder/versions.js';

/** By offset. */
export type NameOf = (offset: number) => string;

function fieldName(struct: AnyStruct, offset: number): string {
  const field = struct.fields.find((one) => offset < one.offset + one.size);
  return `${struct.name}.${field?.name ?? '?'}`;
}

/** Names the bytes of a bootstrap; bytes of no structure are `unused`. */
export function structNames(image: RafsImage): NameOf {
  const names: string[] = [];
  for (const region of viewOf(image).regions()) {
    for (const { struct, name, offset, size } of region.structs()) {
      // The value of an xattr: what it is, not whose.
      const plain = name.replace(/ of xattr .*$/, ' of xattr').replace(/^name .*(?<!xattr)$/, 'name');
      for (let i = 0; i < size; i++) names[offset + i] = struct === undefined ? plain : fieldName(struct, i);
    }
  }
  return (offset) => names[offset] ?? 'unused';
}

/** Sections of a v6 blob by its table of contents, each with the tar header behind it. */
export function sectionNames(bytes: Buffer): NameOf {
  const names: string[] = [];
  const set = (offset: number, size: number, nameOf: (i: number) => string): void => {
    for (let i = 0; i < size; i++) names[offset + i] = nameOf(i);
  };
  const toc = tocOf(bytes);
  for (const { name, offset, compressedSize, flags } of toc) {
    const struct =
      name === SECTIONS.metaHeader
        ? blobMetaHeader
        : name === SECTIONS.meta && flags === 1
          ? chunkMeta
          : undefined;
    set(offset, compressedSize, (i) => (struct === undefined ? name : fieldName(struct, i % struct.size)));
    if (name !== SECTIONS.meta) set(offset + compressedSize, tarHeader.size, (i) => fieldName(tarHeader, i));
  }
  const end = bytes.length - tarHeader.size;
  set(end, tarHeader.size, (i) => fieldName(tarHeader, i));
  const start = end - toc.length * tocEntry.size;
  set(start, toc.length * tocEntry.size, (i) => fieldName(tocEntry, i % tocEntry.size));
  return (offset) => names[offset] ?? 'unused';
}

/** Data and bootstrap of a v5 blob, each with the tar header behind it; `data`: bytes of the first. */
export function sectionNamesV5(bytes: Buffer, data: number): NameOf {
  const last = bytes.length - TAR_HEADER_SIZE;
  const boot = last - decodeTarHeader(bytes, last).size;
  return (offset) => {
    if (offset >= last) return fieldName(tarHeader, offset - last);
    return offset >= boot ? `${SECTIONS.bootstrap} of a v5 blob` : fieldName(tarHeader, offset - data);
  };
}
