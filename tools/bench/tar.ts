/** Just enough of tar for generated layers: ustar headers of files and folders, sizes in base 256 where octal ends. */

const BLOCK = 512;
const MTIME = 1_700_000_000;
/** Eleven octal digits. */
const MAX_OCTAL = 8 ** 11 - 1;

export const END_OF_TAR = Buffer.alloc(2 * BLOCK);

export function fileHeader(name: string, size: number): Buffer {
  return header(name, size, 0o644, '0');
}

export function folderHeader(name: string): Buffer {
  return header(name, 0, 0o755, '5');
}

/** Zeros from the end of a file's data to the next block. */
export function padding(size: number): Buffer {
  return END_OF_TAR.subarray(0, (BLOCK - (size % BLOCK)) % BLOCK);
}

function header(name: string, size: number, mode: number, type: string): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void => {
    bytes.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  };
  bytes.write(name, 0, 100, 'latin1');
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  if (size <= MAX_OCTAL) {
    octal(size, 124, 11);
  } else {
    bytes[124] = 0x80;
    bytes.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(MTIME, 136, 11);
  bytes.fill(' ', 148, 156);
  bytes.write(type, 156, 'latin1');
  bytes.write('ustar\u000000', 257, 'latin1');
  octal(
    bytes.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  bytes[154] = 0;
  return bytes;
}
