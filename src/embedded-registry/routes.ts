/** What each request means: path and method to one function each. OCI distribution-spec, "Endpoints". */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { FormatError, NydusError } from '../errors.js';
import { collect } from '../io/streams.js';
import { type Digest, isDigest, sha256 } from '../oci/digest.js';
import {
  type Index,
  isManifestType,
  type Manifest,
  MAX_DOCUMENT_SIZE,
  parseDocument,
} from '../oci/manifest.js';
import { MEDIA } from '../oci/media-types.js';
import { isTag } from '../oci/reference.js';
import { answer, answerJson, parseRange, Refused } from './protocol.js';
import { type Storage } from './storage.js';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly storage: Storage;
  readonly url: URL;
}

/** The grammar of repository names in the specification. */
const NAME = /[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*/.source;
const ROUTES: readonly {
  readonly path: RegExp;
  readonly serve: (exchange: Exchange, name: string, rest: string) => Promise<void>;
}[] = [
  { path: new RegExp(`^/v2/(${NAME})/blobs/uploads/(.*)$`), serve: serveUpload },
  { path: new RegExp(`^/v2/(${NAME})/blobs/([^/]+)$`), serve: serveBlob },
  { path: new RegExp(`^/v2/(${NAME})/manifests/([^/]+)$`), serve: serveManifest },
  { path: new RegExp(`^/v2/(${NAME})/tags/(list)$`), serve: serveTags },
  { path: new RegExp(`^/v2/(${NAME})/referrers/([^/]+)$`), serve: serveReferrers },
];

/** Answers the request; throws Refused for what the specification has an error for. */
export async function serve(exchange: Exchange): Promise<void> {
  const { request, response, url } = exchange;
  if (url.pathname === '/v2/' || url.pathname === '/v2') {
    answerJson(request, response, 200, {}, { 'docker-distribution-api-version': 'registry/2.0' });
    return;
  }
  for (const route of ROUTES) {
    const match = route.path.exec(url.pathname);
    if (match !== null) {
      await route.serve(exchange, match[1] ?? '', decodeURIComponent(match[2] ?? ''));
      return;
    }
  }
  throw new Refused(
    404,
    url.pathname.startsWith('/v2/') ? 'NAME_INVALID' : 'UNSUPPORTED',
    'no such endpoint',
  );
}

async function serveBlob(exchange: Exchange, name: string, text: string): Promise<void> {
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

async function serveUpload(exchange: Exchange, name: string, id: string): Promise<void> {
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
  if (mount !== null && from !== null && isDigest(mount) && (await storage.holds(from, mount))) {
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

async function finishUpload({ response, storage, url }: Exchange, name: string, id: string): Promise<void> {
  const digest = digestOf(url.searchParams.get('digest') ?? '');
  if (!(await storage.finishUpload(name, id, digest))) {
    throw new Refused(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  }
  answer(response, 201, blobHeaders(name, digest));
}

async function serveManifest(exchange: Exchange, name: string, reference: string): Promise<void> {
  const { request, response, storage } = exchange;
  if (request.method === 'PUT') {
    await putManifest(exchange, name, reference);
    return;
  }
  const digest = isDigest(reference) ? reference : await storage.tagged(name, reference);
  if (request.method === 'DELETE') {
    const gone = isDigest(reference)
      ? await storage.removeManifest(name, reference)
      : await storage.removeTag(name, reference);
    if (!gone) throw new Refused(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
    answer(response, 202);
    return;
  }
  allow(request, 'GET', 'HEAD', 'PUT', 'DELETE');
  const mediaType = digest === undefined ? undefined : await storage.manifestType(name, digest);
  if (digest === undefined || mediaType === undefined) {
    if (!(await storage.exists(name)))
      throw new Refused(404, 'NAME_UNKNOWN', 'repository name not known to registry');
    throw new Refused(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
  }
  const bytes = await readFile(storage.blobPath(digest));
  response.writeHead(200, {
    'content-type': mediaType,
    'content-length': bytes.length,
    'docker-content-digest': digest,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** Parts must be there before what names them, as in Docker's registry. */
async function putManifest(
  { request, response, storage }: Exchange,
  name: string,
  reference: string,
): Promise<void> {
  if (!isDigest(reference) && !isTag(reference))
    throw new Refused(400, 'MANIFEST_INVALID', 'neither a tag nor a sha256 digest');
  if (Number(request.headers['content-length'] ?? 0) > MAX_DOCUMENT_SIZE) {
    throw new Refused(413, 'SIZE_INVALID', `a manifest has at most ${MAX_DOCUMENT_SIZE} bytes`);
  }
  const bytes = await collect(request, MAX_DOCUMENT_SIZE, 'manifest').catch((error: unknown) => {
    throw error instanceof FormatError ? new Refused(413, 'SIZE_INVALID', error.message) : error;
  });
  const digest = sha256(bytes);
  if (isDigest(reference) && reference !== digest) {
    throw new Refused(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  }
  const declared = request.headers['content-type']?.split(';', 1)[0]?.trim() ?? MEDIA.ociManifest;
  const document = parsePushed(bytes, declared);
  if (document.mediaType !== declared) {
    throw new Refused(
      400,
      'MANIFEST_INVALID',
      `Content-Type is ${declared}, the manifest's own type ${document.mediaType}`,
    );
  }
  await checkParts(storage, name, document);
  await storage.putManifest(name, digest, declared, bytes);
  if (!isDigest(reference)) await storage.tag(name, reference, digest);
  answer(response, 201, {
    location: `/v2/${name}/manifests/${digest}`,
    'docker-content-digest': digest,
    ...(document.subject === undefined ? {} : { 'oci-subject': document.subject.digest }),
  });
}

function parsePushed(bytes: Uint8Array, mediaType: string): Manifest | Index {
  try {
    return parseDocument(bytes, mediaType);
  } catch (error) {
    if (error instanceof NydusError) throw new Refused(400, 'MANIFEST_INVALID', error.message);
    throw error;
  }
}

async function checkParts(storage: Storage, name: string, document: Manifest | Index): Promise<void> {
  const missing: Digest[] = [];
  if (document.kind === 'index') {
    for (const { digest } of document.manifests) {
      if ((await storage.manifestType(name, digest)) === undefined) missing.push(digest);
    }
  } else {
    for (const { digest, mediaType } of [document.config, ...document.layers]) {
      if (mediaType === MEDIA.dockerForeignLayer) continue; // lies elsewhere by design
      if (!(await storage.holds(name, digest))) missing.push(digest);
    }
  }
  if (missing.length > 0)
    throw new Refused(404, 'MANIFEST_BLOB_UNKNOWN', `unknown to registry: ${missing.join(', ')}`);
}

async function serveTags(exchange: Exchange, name: string): Promise<void> {
  const { request, response, storage, url } = exchange;
  allow(request, 'GET');
  if (!(await storage.exists(name)))
    throw new Refused(404, 'NAME_UNKNOWN', 'repository name not known to registry');
  const last = url.searchParams.get('last') ?? '';
  const all = (await storage.tags(name)).filter((tag) => tag > last);
  const wanted = url.searchParams.get('n');
  const count = wanted !== null && /^\d+$/.test(wanted) ? Number(wanted) : all.length;
  const tags = all.slice(0, count);
  const end = tags.at(-1);
  const more = tags.length < all.length && end !== undefined;
  const next = `/v2/${name}/tags/list?n=${count}&last=${end ?? ''}`;
  answerJson(request, response, 200, { name, tags }, more ? { link: `<${next}>; rel="next"` } : {});
}

async function serveReferrers(exchange: Exchange, name: string, text: string): Promise<void> {
  const { request, response, storage, url } = exchange;
  allow(request, 'GET');
  const subject = digestOf(text);
  const wanted = url.searchParams.get('artifactType');
  const manifests: Record<string, unknown>[] = [];
  for (const digest of await storage.manifests(name)) {
    const mediaType = (await storage.manifestType(name, digest)) ?? MEDIA.ociManifest;
    const bytes = await readFile(storage.blobPath(digest));
    const document = parseDocument(bytes, mediaType);
    if (document.subject?.digest !== subject) continue;
    const artifactType =
      document.artifactType ??
      (document.kind === 'manifest' && isManifestType(mediaType) ? document.config.mediaType : undefined);
    if (wanted !== null && artifactType !== wanted) continue;
    manifests.push({
      mediaType,
      digest,
      size: bytes.length,
      artifactType,
      annotations: document.annotations,
    });
  }
  answerJson(
    request,
    response,
    200,
    { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests },
    { 'content-type': MEDIA.ociIndex, ...(wanted === null ? {} : { 'oci-filters-applied': 'artifactType' }) },
  );
}

function blobHeaders(name: string, digest: Digest): Record<string, string> {
  return { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest };
}

/** `Range` counts inclusively; with nothing received it says `0-0`, as distribution does, or nothing could be said. */
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

function digestOf(text: string): Digest {
  if (!isDigest(text)) throw new Refused(400, 'DIGEST_INVALID', 'no sha256 digest');
  return text;
}

function allow(request: IncomingMessage, ...methods: readonly string[]): void {
  if (!methods.includes(request.method ?? '')) {
    throw new Refused(405, 'UNSUPPORTED', `${request.method ?? ''} is not possible here`, {
      allow: methods.join(', '),
    });
  }
}
