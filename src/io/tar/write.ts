/** A tar of plain files, for archives of images: same members, same bytes. */
import type { ByteStream } from '../streams.js';

export interface TarFile {
  /** At most 100 bytes of ASCII, as all paths of an OCI layout are. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  open(): ByteStream;
}

const BLOCK = 512;
/** Two blocks of zeros end an archive. */
const END = Buffer.alloc(2 * BLOCK);
/** What eleven octal digits hold; from there on GNU's base-256. */
const MAX_OCTAL = 8 ** 11;

/** Owner 0:0, mode 0644, time 0: nothing of this machine gets in. */
export async function* writeTar(files: Iterable<TarFile>): ByteStream {
  for (const file of files) {
    yield header(file);
    yield* file.open();
    const over = file.size % BLOCK;
    if (over > 0) yield Buffer.alloc(BLOCK - over);
  }
  yield END;
}

function header(file: TarFile): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(file.name, 0, 100, 'ascii');
  block.write('0000644\0', 100, 'ascii');
  block.write('0000000\0', 108, 'ascii');
  block.write('0000000\0', 116, 'ascii');
  if (file.size < MAX_OCTAL) {
    block.write(`${file.size.toString(8).padStart(11, '0')}\0`, 124, 'ascii');
  } else {
    block.writeUInt8(0x80, 124);
    block.writeBigUInt64BE(BigInt(file.size), 128);
  }
  block.write('00000000000\0', 136, 'ascii');
  block.write('        ', 148, 'ascii');
  block.write('0', 156, 'ascii');
  block.write('ustar\x0000', 257, 'ascii');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return block;
}
