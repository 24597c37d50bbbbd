/** Blobs and their uploads. OCI distribution-spec, "Pulling blobs", "Pushing blobs", "Deleting blobs". */
import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type ContentDigest, isContentDigest } from './content-digest.js';
import { allow, answer, digestOf, type Exchange, parseRange, Refused } from './protocol.js';
import type { Storage } from './storage.js';

export async function serveBlob(exchange: Exchange, name: string, text: string): Promise<void> {
  const { request, response, storage } = exchange;
  const digest = digestOf(text);
  if (request.method === 'DELETE') {
    if (!(await storage.removeBlob(name, digest)))
      throw new Refused(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
    answer(response, 202);
    return;
  }
  allow(request, 'GET', 'HEAD');
  const size = await storage.blobSize(name, digest);
  if (size === undefined) throw new Refused(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  const range = parseRange(request.headers.range, size);
  if (range === 'invalid')
    throw new Refused(416, 'SIZE_INVALID', 'no such range', { 'content-range': `bytes */${size}` });
  const { start, end } = range ?? { start: 0, end: size };
  response.writeHead(range === undefined ? 200 : 206, {
    'accept-ranges': 'bytes',
    'content-length': end - start,
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${size}` }),
  });
  if (request.method === 'HEAD' || end === start) {
    response.end();
    return;
  }
  await pipeline(createReadStream(storage.blobPath(digest), { start, end: end - 1 }), response);
}

export async function serveUpload(exchange: Exchange, name: string, id: string): Promise<void> {
  const { request, response, storage } = exchange;
  if (id === '') {
    allow(request, 'POST');
    await startUpload(exchange, name);
    return;
  }
  const upload = await storage.upload(id);
  if (upload === undefined) throw new Refused(404, 'BLOB_UPLOAD_UNKNOWN', 'upload unknown to registry');
  const method: string = request.method ?? '';
  switch (method) {
    case 'GET':
      answer(response, 204, uploadHeaders(name, id, upload.size));
      return;
    case 'PATCH':
      checkContentRange(request, upload.size, name, id);
      answer(response, 202, uploadHeaders(name, id, await storage.append(id, request)));
      return;
    case 'PUT':
      checkContentRange(request, upload.size, name, id);
      await storage.append(id, request);
      await finishUpload(exchange, name, id);
      return;
    case 'DELETE':
      await storage.cancelUpload(id);
      answer(response, 204);
      return;
    default:
      allow(request, 'GET', 'PATCH', 'PUT', 'DELETE');
  }
}

async function startUpload(exchange: Exchange, name: string): Promise<void> {
  const { request, response, storage, url } = exchange;
  const mount = url.searchParams.get('mount');
  const from = url.searchParams.get('from');
  if (mount !== null && isContentDigest(mount) && (await isMountable(storage, mount, from))) {
    await storage.link(name, mount);
    answer(response, 201, blobHeaders(name, mount));
    return;
  }
  const { id } = await storage.startUpload();
  if (url.searchParams.get('digest') !== null && mount === null) {
    await storage.append(id, request); // the whole blob in the first request: "POST then nothing"
    await finishUpload(exchange, name, id);
    return;
  }
  answer(response, 202, uploadHeaders(name, id, 0));
}

/** Without `from` any repository will do, because this registry has no access rights. */
async function isMountable(storage: Storage, digest: ContentDigest, from: string | null): Promise<boolean> {
  return from === null ? storage.keeps(digest) : storage.holds(from, digest);
}

async function finishUpload({ response, storage, url }: Exchange, name: string, id: string): Promise<void> {
  const digest = digestOf(url.searchParams.get('digest') ?? '');
  if (!(await storage.finishUpload(name, id, digest))) {
    throw new Refused(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  }
  answer(response, 201, blobHeaders(name, digest));
}

function blobHeaders(name: string, digest: ContentDigest): Record<string, string> {
  return { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest };
}

/** `Range` is inclusive and cannot say that nothing was received; then it is `0-0`, as in distribution. */
function uploadHeaders(name: string, id: string, size: number): Record<string, string> {
  return {
    location: `/v2/${name}/blobs/uploads/${id}`,
    range: `0-${Math.max(0, size - 1)}`,
    'docker-upload-uuid': id,
  };
}

function checkContentRange(request: IncomingMessage, size: number, name: string, id: string): void {
  const header = request.headers['content-range'];
  if (header === undefined) return;
  const start = /^(\d+)-\d+$/.exec(header)?.[1];
  if (start === undefined || Number(start) !== size) {
    throw new Refused(
      416,
      'BLOB_UPLOAD_INVALID',
      `the upload goes on at ${size}`,
      uploadHeaders(name, id, size),
    );
  }
}
