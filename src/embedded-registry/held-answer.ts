/** Holds an answer back until it is complete, so that something else can be sent in its place. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

export interface HeldAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<OutgoingHttpHeaders>;
  readonly body: Buffer;
}

/** A complete answer that has not been sent. */
export interface Line {
  /** Sends an answer completely. */
  send(answer: HeldAnswer): void;
  /** Sends the head as it is and `bytes` as the body, whatever length the head says; then calls `after`. */
  sendPart(answer: HeldAnswer, bytes: Uint8Array, after: 'reset' | 'end' | 'wait'): void;
  /** Resets the connection; bytes that were not sent yet are lost. */
  reset(): void;
}

/** From now on, answers to `response` fill a buffer; `release` gets the complete answer and decides what is sent. */
export function holdAnswer(
  response: ServerResponse,
  release: (answer: HeldAnswer, line: Line) => void,
): void {
  const own = {
    writeHead: response.writeHead.bind(response),
    write: response.write.bind(response),
    end: response.end.bind(response),
  };
  let status = 200;
  let headers: OutgoingHttpHeaders = {};
  const pieces: Uint8Array[] = [];
  const keep = (piece: unknown): void => {
    if (typeof piece === 'string' || piece instanceof Uint8Array) pieces.push(Buffer.from(piece));
  };
  const restore = (): void => {
    Object.assign(response, own);
  };
  const line: Line = {
    send: (answer) => {
      own.writeHead(answer.status, answer.headers);
      own.end(answer.body);
    },
    sendPart: (answer, bytes, after) => {
      own.writeHead(answer.status, answer.headers);
      response.flushHeaders();
      const then = (): void => {
        if (after === 'reset') response.socket?.resetAndDestroy();
        else if (after === 'end') response.socket?.end();
      };
      if (bytes.length === 0) then();
      else own.write(bytes, then);
    },
    reset: () => {
      response.socket?.resetAndDestroy();
    },
  };
  Object.assign(response, {
    writeHead: (code: number, given: OutgoingHttpHeaders = {}) => {
      status = code;
      headers = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
      return response;
    },
    write: (piece: unknown, ...rest: readonly unknown[]) => {
      keep(piece);
      call(rest);
      return true;
    },
    end: (piece: unknown, ...rest: readonly unknown[]) => {
      keep(piece);
      restore();
      release({ status, headers, body: Buffer.concat(pieces) }, line);
      call([piece, ...rest]);
      return response;
    },
  });
}

/** The callback among the arguments of `write` and `end`. */
function call(args: readonly unknown[]): void {
  const last = args.at(-1);
  if (typeof last === 'function') (last as () => void)(); // its only argument would be an error
}

/** Passes the body of a request through `change` before its reader iterates over it. */
export function changeBody(
  request: IncomingMessage,
  change: (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): void {
  const read = request[Symbol.asyncIterator].bind(request);
  const body: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: read };
  Object.assign(request, { [Symbol.asyncIterator]: () => change(body)[Symbol.asyncIterator]() });
}
