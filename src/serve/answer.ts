/** Sends answers: bytes no faster than the client takes them, and sentences. */
import type { ServerResponse } from 'node:http';
import type { ByteStream } from '../io/streams.js';
import type { Refusal } from './refusal.js';

/** What an image holds may be a page with scripts: it is shown as a document that can neither act nor load. */
const FILE_POLICY =
  "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self'; form-action 'none'; sandbox";

/** No type is guessed, no other site embeds what is here, and no address of here is told to others. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'content-security-policy': FILE_POLICY,
} as const;

export function setCommonHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
}

export function sendRefusal(response: ServerResponse, { status, message, headers }: Refusal): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const body = Buffer.from(`${message}\n`);
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': body.length });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** Settles when all has been handed over, or the client has gone. */
export async function sendStream(response: ServerResponse, stream: ByteStream): Promise<void> {
  for await (const bytes of stream) {
    if (response.destroyed) return;
    if (!response.write(bytes)) await roomIn(response);
  }
}

async function roomIn(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
