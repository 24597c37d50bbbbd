/**
 * Ends a connection whose answer is framing without end, such as the extensions of chunks (RFC 9112, 7.1.1), which HTTP's parser
 * skips. Neither the time for a piece of the body nor the bound of its length would notice: bytes come, and none of them counts.
 */
import type { Socket } from 'node:net';

/** Bytes of an answer that may be no content. */
const MIN_FRAMING = 1024 * 1024;
/** Bytes of framing for each byte of content: a chunk of one byte has five. */
const FRAMING_SHARE = 8;

/** Bytes of the answer that a socket brings at the moment. */
interface Meter {
  read: number;
  content: number;
}

/** The parser runs through what it has read before anything else can be read, so one meter is enough to note where content came from. */
let running: Meter | undefined;

/** Counts what the parser reads from the socket. */
export function meterFraming(socket: Socket): void {
  const meter: Meter = { read: 0, content: 0 };
  const read = socket.read.bind(socket);
  socket.read = (size?: number): unknown => {
    running = meter;
    if (meter.read > MIN_FRAMING + FRAMING_SHARE * meter.content) {
      socket.destroy(Object.assign(new Error('framing without content'), { code: 'ERR_FRAMING' }));
      return null;
    }
    const bytes: unknown = read(size);
    if (bytes instanceof Uint8Array) meter.read += bytes.length;
    return bytes;
  };
}

/** Notes that the parser has begun an answer. */
export function answerBegun(): void {
  if (running === undefined) return;
  running.read = 0;
  running.content = 0;
}

/** Notes content that the parser has found. */
export function contentCame(bytes: number): void {
  if (running !== undefined) running.content += bytes;
}
