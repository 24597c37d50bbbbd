/** Manifests, tags and referrers. OCI distribution-spec, "Pushing manifests", "Content discovery". */
import { readFile } from 'node:fs/promises';
import { FormatError } from '../errors.js';
import { collect } from '../io/streams.js';
import { MAX_DOCUMENT_SIZE } from '../oci/manifest.js';
import { MEDIA } from '../oci/media-types.js';
import { isTag } from '../oci/reference.js';
import { algorithmOf, contentDigest, type ContentDigest, isContentDigest } from './content-digest.js';
import { allow, answer, answerJson, digestOf, type Exchange, Refused } from './protocol.js';
import { type PushedManifest, readPushed } from './pushed-manifest.js';
import type { Storage } from './storage.js';

export async function serveManifest(exchange: Exchange, name: string, reference: string): Promise<void> {
  const { request, response, storage } = exchange;
  if (request.method === 'PUT') {
    await putManifest(exchange, name, reference);
    return;
  }
  const digest = isContentDigest(reference) ? reference : await storage.tagged(name, reference);
  if (request.method === 'DELETE') {
    const gone = isContentDigest(reference)
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

/** A manifest is refused while its parts are missing, as in Docker's registry. */
async function putManifest(
  { request, response, storage }: Exchange,
  name: string,
  reference: string,
): Promise<void> {
  if (!isContentDigest(reference) && !isTag(reference))
    throw new Refused(400, 'MANIFEST_INVALID', 'neither a tag nor a digest');
  if (Number(request.headers['content-length'] ?? 0) > MAX_DOCUMENT_SIZE) {
    throw new Refused(413, 'SIZE_INVALID', `a manifest has at most ${MAX_DOCUMENT_SIZE} bytes`);
  }
  const bytes = await collect(request, MAX_DOCUMENT_SIZE, 'manifest').catch((error: unknown) => {
    throw error instanceof FormatError ? new Refused(413, 'SIZE_INVALID', error.message) : error;
  });
  const asked = isContentDigest(reference) ? reference : undefined;
  const digest = contentDigest(bytes, asked === undefined ? 'sha256' : algorithmOf(asked));
  if (asked !== undefined && asked !== digest) {
    throw new Refused(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  }
  const declared = request.headers['content-type']?.split(';', 1)[0]?.trim() ?? MEDIA.ociManifest;
  const document = readPushed(bytes, declared);
  await checkParts(storage, name, document);
  await storage.putManifest(name, digest, declared, bytes);
  if (asked === undefined) await storage.tag(name, reference, digest);
  answer(response, 201, {
    location: `/v2/${name}/manifests/${digest}`,
    'docker-content-digest': digest,
    ...(document.subject === undefined ? {} : { 'oci-subject': document.subject }),
  });
}

async function checkParts(storage: Storage, name: string, document: PushedManifest): Promise<void> {
  const missing: ContentDigest[] = [];
  for (const digest of document.manifests) {
    if ((await storage.manifestType(name, digest)) === undefined) missing.push(digest);
  }
  for (const digest of document.blobs) {
    if (!(await storage.holds(name, digest))) missing.push(digest);
  }
  if (missing.length > 0)
    throw new Refused(404, 'MANIFEST_BLOB_UNKNOWN', `unknown to registry: ${missing.join(', ')}`);
}

export async function serveTags(exchange: Exchange, name: string): Promise<void> {
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

export async function serveReferrers(exchange: Exchange, name: string, text: string): Promise<void> {
  const { request, response, storage, url } = exchange;
  allow(request, 'GET');
  const subject = digestOf(text);
  const wanted = url.searchParams.get('artifactType');
  const manifests: Record<string, unknown>[] = [];
  for (const digest of await storage.manifests(name)) {
    const mediaType = (await storage.manifestType(name, digest)) ?? MEDIA.ociManifest;
    const bytes = await readFile(storage.blobPath(digest));
    const document = readPushed(bytes, mediaType);
    if (document.subject !== subject) continue;
    const { artifactType, annotations } = document;
    if (wanted !== null && artifactType !== wanted) continue;
    manifests.push({ mediaType, digest, size: bytes.length, artifactType, annotations });
  }
  answerJson(
    request,
    response,
    200,
    { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests },
    { 'content-type': MEDIA.ociIndex, ...(wanted === null ? {} : { 'oci-filters-applied': 'artifactType' }) },
  );
}
