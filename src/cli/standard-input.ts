/** Standard input, for commands that ask a person or read a secret from a pipe. Nothing is opened before it is read. */
import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';
import { InterruptedError, UsageError } from '../errors.js';
import { orAborted } from '../io/abort.js';
import type { Input, Output } from './context.js';

const END_OF_TEXT = '\x03'; // Ctrl-C
const END_OF_INPUT = '\x04'; // Ctrl-D
const ERASE_LINE = '\x15'; // Ctrl-U
const ERASE: ReadonlySet<string> = new Set(['\x7f', '\b']);

export class StandardInput implements Input {
  readonly #open: () => ReadStream & { readonly fd: 0 };
  /** Prompts go there, so that they are no part of the answer. */
  readonly #prompts: Output;
  #decoder = new StringDecoder('utf8');
  /** Typed or pasted beyond the line that was asked for. */
  #ahead = '';

  constructor(open: () => ReadStream & { readonly fd: 0 }, prompts: Output) {
    this.#open = open;
    this.#prompts = prompts;
  }

  get isTerminal(): boolean {
    return this.#open().isTTY;
  }

  async readAll(limit: number, signal: AbortSignal): Promise<Buffer> {
    const input = this.#open();
    const pieces: Buffer[] = [];
    let size = 0;
    const all = (async () => {
      for await (const piece of input) {
        pieces.push(piece as Buffer); // a stream without encoding
        size += (piece as Buffer).length;
        if (size > limit) throw new UsageError(`standard input has more than ${limit} bytes`);
      }
    })();
    await orAborted(all, signal);
    return Buffer.concat(pieces);
  }

  async ask(prompt: string, { hidden, signal }: { hidden: boolean; signal: AbortSignal }): Promise<string> {
    const input = this.#open();
    this.#prompts.write(prompt);
    if (hidden) input.setRawMode(true);
    try {
      return await this.#line(input, hidden, signal);
    } finally {
      input.pause();
      if (hidden) {
        input.setRawMode(false);
        this.#prompts.write('\n');
      }
    }
  }

  /** The terminal edits a line that it echoes; of a hidden one every key arrives here. */
  async #line(input: ReadStream, hidden: boolean, signal: AbortSignal): Promise<string> {
    let line = '';
    for (;;) {
      const keys = Array.from(this.#ahead);
      this.#ahead = '';
      for (const [i, key] of keys.entries()) {
        if (key === '\n' || key === '\r' || (key === END_OF_INPUT && line === '')) {
          this.#ahead = keys.slice(i + 1).join('');
          return line;
        }
        if (!hidden) line += key;
        else if (key === END_OF_TEXT) throw new InterruptedError('interrupted');
        else if (key === ERASE_LINE) line = '';
        else if (ERASE.has(key)) line = Array.from(line).slice(0, -1).join('');
        else line += key;
      }
      const more = await this.#read(input, signal);
      if (more === undefined) return line;
      this.#ahead = more;
    }
  }

  /** Undefined at the end of the input. */
  async #read(input: ReadStream, signal: AbortSignal): Promise<string | undefined> {
    const listening = new AbortController();
    const read = new Promise<string | undefined>((resolve, reject) => {
      const onData = (bytes: Buffer): void => {
        resolve(this.#decoder.write(bytes));
      };
      const onEnd = (): void => {
        resolve(undefined);
      };
      input.on('data', onData).on('end', onEnd).on('error', reject);
      listening.signal.addEventListener('abort', () => {
        input.off('data', onData).off('end', onEnd).off('error', reject);
      });
    });
    input.resume();
    try {
      return await orAborted(read, signal);
    } finally {
      listening.abort();
      input.pause();
    }
  }
}
