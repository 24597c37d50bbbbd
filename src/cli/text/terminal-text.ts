/** The content of a file for a terminal: text as it is, and everything that would act on the terminal as an escape. */
import { StringDecoder } from 'node:string_decoder';
import { replaceUnseen } from '../../oci/unseen.js';
import { escapedCharacter } from './printable.js';

/** Takes a file piece by piece. Line breaks (CR LF too) and tabs stay; bytes that are no UTF-8 become U+FFFD. */
export class TerminalText {
  readonly #decoder = new StringDecoder('utf8');
  /** A CR at the end of a piece, which only the next piece explains. */
  #held = '';

  next(bytes: Uint8Array): string {
    const text = this.#held + this.#decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    this.#held = text.endsWith('\r') ? '\r' : '';
    return shown(text.slice(0, text.length - this.#held.length));
  }

  end(): string {
    return shown(this.#held + this.#decoder.end());
  }
}

function shown(text: string): string {
  return text
    .split(/(\r?\n|\t)/)
    .map((part, i) => (i % 2 === 1 ? part : replaceUnseen(part, escapedCharacter)))
    .join('');
}
