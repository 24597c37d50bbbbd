/**
 * The 512-byte headers of a tar. POSIX.1-2017 pax, "ustar Interchange Format". Archives are read in place and are too large to be
 * read through, so their headers are decoded here; tar-stream, which `stream.ts` uses, keeps its own decoder to itself.
 */
export const BLOCK = 512;

/** The sum of all bytes of a header, in which this field itself counts as blanks. */
const CHECKSUM = { start: 148, end: 156 };
/** Eleven octal digits hold less than this; from here on GNU's base 256 is used. */
const OCTAL_LIMIT = 8 ** 11;

export interface TarHeader {
  /** The type flag: `0` a file, `1` a hard link, `2` a symbolic link, `5` a folder, `x` a pax header … */
  readonly type: string;
  readonly name: string;
  /** Bytes of content; NaN when the field makes no sense. */
  readonly size: number;
  /** The target of a link. */
  readonly link: string;
}

/** True for a block of zeros, two of which end an archive. */
export function isEndBlock(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

/** Undefined when the checksum is wrong, so that this is no header. */
export function readHeader(block: Buffer): TarHeader | undefined {
  if (sumOf(block) !== readNumber(block.subarray(CHECKSUM.start, CHECKSUM.end))) return undefined;
  const type = block.toString('latin1', 156, 157);
  return {
    type: type === '\0' ? '0' : type,
    name: nameOf(block),
    size: readNumber(block.subarray(124, 136)),
    link: cString(block.subarray(157, 257)),
  };
}

/** A file with owner 0:0, mode 0644 and time 0, so that nothing of this machine gets in. `name`: at most 100 bytes of ASCII. */
export function writeHeader(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100, 'ascii');
  block.write('0000644\0', 100, 'ascii');
  block.write('0000000\0', 108, 'ascii');
  block.write('0000000\0', 116, 'ascii');
  if (size < OCTAL_LIMIT) {
    block.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'ascii');
  } else {
    block.writeUInt8(0x80, 124);
    block.writeBigUInt64BE(BigInt(size), 128);
  }
  block.write('00000000000\0', 136, 'ascii');
  block.write('0', 156, 'ascii');
  block.write('ustar\x0000', 257, 'ascii');
  block.write(`${sumOf(block).toString(8).padStart(6, '0')}\0 `, CHECKSUM.start, 'ascii');
  return block;
}

/** The text up to the first NUL. */
export function cString(bytes: Buffer): string {
  const nul = bytes.indexOf(0);
  return bytes.subarray(0, nul < 0 ? bytes.length : nul).toString('utf8');
}

function sumOf(block: Buffer): number {
  let sum = 0;
  for (const [i, byte] of block.entries()) sum += i >= CHECKSUM.start && i < CHECKSUM.end ? 0x20 : byte;
  return sum;
}

/** Octal text, or GNU's base 256 when the first bit is set. */
function readNumber(field: Buffer): number {
  const first = field[0] ?? 0;
  if (first >= 0x80) {
    let value = first & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return value;
  }
  const text = cString(field).trim();
  return text === '' ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

function nameOf(block: Buffer): string {
  const name = cString(block.subarray(0, 100));
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? cString(block.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}
