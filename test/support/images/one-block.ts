/** Gzip of a single deflate block, however long the data is: some encoders write such, and no context begins inside of one. */
import { crc32 } from 'node:zlib';

/** The longest repetition of deflate, and its code among those of fixed codes: 285, with no further bits. */
const LONGEST = 258;
const LONGEST_CODE = 0b11000101;

/** Bits of a deflate stream, from the lowest bit of each byte on. */
class Bits {
  readonly #bytes: number[] = [];
  #open = 0;
  #count = 0;

  /** Adds a number, lowest bit first. */
  number(value: number, count: number): void {
    this.#open |= value << this.#count;
    this.#count += count;
    while (this.#count >= 8) {
      this.#bytes.push(this.#open & 0xff);
      this.#open >>>= 8;
      this.#count -= 8;
    }
  }

  /** Adds a Huffman code, highest bit first. */
  code(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) this.number((value >>> bit) & 1, 1);
  }

  end(): Buffer {
    return Buffer.from(this.#count === 0 ? this.#bytes : [...this.#bytes, this.#open]);
  }
}

/** Only runs of equal bytes are compressed. */
export function inOneBlock(data: Uint8Array): Buffer {
  const bits = new Bits();
  bits.number(1, 1); // the last block
  bits.number(1, 2); // of fixed codes
  let at = 0;
  while (at < data.length) {
    const byte = data[at] ?? 0;
    const isRun = at > 0 && data.subarray(at - 1, at + LONGEST).every((one) => one === byte);
    if (isRun && at + LONGEST <= data.length) {
      bits.code(LONGEST_CODE, 8);
      bits.code(0, 5); // the distance 1
      at += LONGEST;
    } else {
      if (byte < 144) bits.code(0b00110000 + byte, 8);
      else bits.code(0b110010000 + byte - 144, 9);
      at += 1;
    }
  }
  bits.code(0, 7);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(data.length % 2 ** 32, 4);
  return Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]), bits.end(), trailer]);
}
