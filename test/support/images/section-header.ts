/** Writes the header behind a section of a RAFS blob. */
import { headerChecksum } from '../../../src/rafs-builder/blob/section-header.js';
import { GNU_MAGIC, REGULAR, TAR_HEADER_SIZE, tarHeader } from '../../../src/rafs-builder/layout/blob.js';

/** Eleven octal digits hold less than this; bigger sizes are binary, big-endian, with the top bit of the field set. */
const OCTAL_LIMIT = 8 ** 11;

/** The header that follows a section of `size` bytes. */
export function encodeTarHeader(name: string, size: number): Buffer {
  const header = Buffer.alloc(TAR_HEADER_SIZE);
  const values = { name, size: encodeSize(size), mtime: '0'.repeat(11), type: REGULAR, magic: GNU_MAGIC };
  tarHeader.write(header, 0, { ...values, checksum: ' '.repeat(8) });
  tarHeader.write(header, 0, { ...values, checksum: headerChecksum(header) });
  header[tarHeader.offset.type - 1] = 0; // the eighth byte of the checksum field, a blank until now
  return header;
}

function encodeSize(size: number): Buffer {
  const field = Buffer.alloc(12);
  if (size < OCTAL_LIMIT) {
    field.write(size.toString(8).padStart(11, '0'), 'latin1');
  } else {
    field.writeBigUInt64BE(BigInt(size), 4);
    field[0] = 0x80;
  }
  return field;
}
