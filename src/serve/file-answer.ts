/** The answer to GET and HEAD of a file: whole, a range of it, or several. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ByteRange, ByteStream } from '../io/streams.js';
import type { FileInode } from '../look/filesystem.js';
import type { RawPath } from '../oci/raw-name.js';
import { sendStream } from './answer.js';
import { conditionStatus, isRangeMeant } from './conditions.js';
import type { Entity } from './entity.js';
import { contentRange, partsOf, rangesOf } from './ranges.js';
import type { SharedReader } from './shared-reader.js';

export interface FileAnswer {
  readonly file: FileInode;
  readonly path: RawPath;
  readonly entity: Entity;
  readonly reader: SharedReader;
}

/** Throws Refusal, and what reading throws before the first byte. A failure after that cuts the connection. */
export async function sendFile(
  { headers, method }: IncomingMessage,
  response: ServerResponse,
  { file, path, entity, reader }: FileAnswer,
): Promise<void> {
  const { size, type, etag, lastModified } = entity;
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('etag', etag);
  response.setHeader('cache-control', 'no-cache');
  if (lastModified !== undefined) response.setHeader('last-modified', lastModified);
  const status = conditionStatus(headers, entity);
  if (status !== undefined) {
    response.writeHead(status).end();
    return;
  }
  // A range of HEAD has no meaning.
  const isRanged = method === 'GET' && isRangeMeant(headers, entity);
  const ranges = isRanged ? rangesOf(headers.range, size) : undefined;
  const read = (range: ByteRange): ByteStream => reader.read(file, path, range);
  const [range, ...more] = ranges ?? [];
  if (range === undefined) {
    await send(response, 200, { 'content-type': type, 'content-length': size }, () =>
      read({ start: 0, end: size }),
    );
  } else if (more.length === 0) {
    const length = range.end - range.start;
    const own = {
      'content-type': type,
      'content-length': length,
      'content-range': contentRange(range, size),
    };
    await send(response, 206, own, () => read(range));
  } else {
    const boundary = randomBytes(16).toString('hex');
    const { parts, tail, length } = partsOf([range, ...more], entity, boundary);
    const own = { 'content-type': `multipart/byteranges; boundary=${boundary}`, 'content-length': length };
    await send(response, 206, own, async function* () {
      for (const part of parts) {
        yield part.head;
        yield* read(part.range);
      }
      yield tail;
    });
  }
}

async function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | number>>,
  stream: () => ByteStream,
): Promise<void> {
  if (response.req.method === 'HEAD') {
    response.writeHead(status, headers).end();
    return;
  }
  const pieces = stream()[Symbol.asyncIterator]();
  try {
    // The status is said when the first bytes are there, and verified.
    const first = await pieces.next();
    response.writeHead(status, headers);
    if (first.done !== true) await sendStream(response, resumed(first.value, pieces));
    response.end();
  } finally {
    await pieces.return?.();
  }
}

async function* resumed(first: Uint8Array, rest: AsyncIterator<Uint8Array>): ByteStream {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
