/**
 * The 512 bytes behind each section of a RAFS blob have the form of a tar header. Unlike in a tar, they follow their
 * payload, which is not padded, because a blob is read from its end. (Nydus builder/src/core/blob.rs,
 * write_tar_header.)
 */
import { FormatError } from '../../errors.js';
import { GNU_MAGIC, REGULAR, TAR_HEADER_SIZE, tarHeader } from '../layout/blob.js';

const CHECKSUM = tarHeader.offset.checksum;
const CHECKSUM_END = tarHeader.offset.type;

/** Returns the digits of the checksum field for a header whose checksum is blank. */
export function headerChecksum(header: Buffer): string {
  let sum = 0;
  for (const byte of header) sum += byte;
  return sum.toString(8).padStart(7, '0');
}

/** The name and size of the section before a header. */
export interface SectionHeader {
  readonly name: string;
  /** The size of the section in bytes. */
  readonly size: number;
}

/** Reads the header at `offset`. Throws FormatError unless its type is regular, its magic GNU's and its checksum right. */
export function decodeTarHeader(buffer: Buffer, offset: number): SectionHeader {
  const values = tarHeader.read(buffer, offset);
  if (values.magic !== GNU_MAGIC || values.type !== REGULAR) {
    throw new FormatError(`TarHeader at offset ${offset}: this is not the header of a RAFS blob section`, {
      offset,
    });
  }
  const copy = Buffer.from(buffer.subarray(offset, offset + TAR_HEADER_SIZE)).fill(
    ' ',
    CHECKSUM,
    CHECKSUM_END,
  );
  if (values.checksum !== headerChecksum(copy))
    throw tarHeader.fault('checksum', offset, `it is ${values.checksum}, not ${headerChecksum(copy)}`);
  return { name: values.name, size: decodeSize(Buffer.from(values.size), offset) };
}

/** True when `end` looks like the end of a RAFS blob: its last 512 bytes have the magic of a section header. */
export function endsWithTarHeader(end: Uint8Array): boolean {
  const magic = end
    .subarray(end.length - TAR_HEADER_SIZE + tarHeader.offset.magic)
    .subarray(0, GNU_MAGIC.length);
  return end.length >= TAR_HEADER_SIZE && Buffer.from(magic).toString('latin1') === GNU_MAGIC;
}

function decodeSize(field: Buffer, offset: number): number {
  if ((field[0] ?? 0) >= 0x80) {
    const size = field.readBigUInt64BE(4);
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw tarHeader.fault('size', offset, `${size} bytes`);
    return Number(size);
  }
  const digits = field.toString('latin1', 0, 11);
  if (!/^[0-7]{11}$/.test(digits)) throw tarHeader.fault('size', offset, 'it is no octal number');
  return Number.parseInt(digits, 8);
}
