/**
 * Bounds the shape of a JSON document before anything is built from it. A few bytes of text become a much larger tree, which is
 * walked again and again, and every level of nesting takes a frame of the stack and a step of the indentation.
 */
import { FormatError } from '../../errors.js';

/** Levels at most; those of real documents are fewer than ten. */
export const MAX_JSON_DEPTH = 64;
/** Values at most, keys not counted: room for an index of 16,000 entries, which is hundreds of times the largest that has been seen. */
export const MAX_JSON_VALUES = 128 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/** Returns the number of values. Throws FormatError for a document beyond the bounds. Text that is not JSON is left to the parser. */
export function boundShape(bytes: Uint8Array, what: string, maxValues = MAX_JSON_VALUES): number {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at] ?? 0) {
      case QUOTE:
        at = endOfString(bytes, at);
        break;
      case COMMA:
        values++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        values++;
        if (++depth > MAX_JSON_DEPTH)
          throw new FormatError(`${what} is nested more than ${MAX_JSON_DEPTH} levels deep`);
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      default: // blanks, colons, numbers and words
    }
    if (values > maxValues) throw new FormatError(`${what} holds more than ${maxValues} values`);
  }
  return values;
}

/** Offset of the quote that ends the string at `start`; the end of the text if there is none. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  for (;;) {
    at = bytes.indexOf(QUOTE, at);
    if (at < 0) return bytes.length;
    let slashes = 0;
    while (bytes[at - 1 - slashes] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at;
    at++;
  }
}
