/**
 * Lists the manifests that refer to a manifest, by the registry's referrers API, or by the index that clients keep under the tag
 * `sha256-…` where there is no such API. Distribution-spec, "Listing Referrers" and "Referrers Tag Schema".
 */
import { AuthError, FormatError, NydusError, RegistryError } from '../../errors.js';
import { collect } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import { type Index, MAX_DOCUMENT_SIZE, indexSteps } from '../../oci/manifest.js';
import { MEDIA } from '../../oci/media-types.js';
import type { CallOptions } from '../../reporter.js';
import { inTurns } from '../../turns.js';
import { ANSWERS, meaningOf } from '../answers.js';
import { repositoryScope } from '../auth/challenge.js';
import { MANIFEST_ACCEPT, manifestPath, type Pointer } from './manifests.js';
import type { HttpResponse } from '../http/transport.js';

/** Pages of a list at most, because a faulty registry may give a next page for ever. */
const MAX_PAGES = 200;
const MAX_REFERRERS = 100_000;
/** Pages without an entry: registries that filter give some. */
const MAX_EMPTY_PAGES = 10;
/** Milliseconds for all pages of a list. */
const MAX_LIST_MS = 300_000;

export interface ReferrerOptions extends CallOptions {
  /** Only those of this type; all by default. */
  readonly artifactType?: string | undefined;
}

/** The manifests that name one manifest as their `subject`: signatures, attestations, Nydus images made from it. */
export interface ReferrerList {
  /**
   * The source of the list: the registry's referrers API; the index under the tag `sha256-…`, which clients keep where there is no
   * such API; or a scan of the store's own documents.
   */
  readonly way: 'api' | 'tag' | 'scan';
  /** In the order of that source, which matters because some readers take the first one alone. */
  readonly referrers: readonly Descriptor[];
}

/** The tag under which clients list a manifest's referrers where the registry does not. */
export function referrersTag(subject: Digest): string {
  return subject.replace(':', '-');
}

export async function remoteReferrers(
  pointer: Pointer,
  subject: Digest,
  options: ReferrerOptions,
): Promise<ReferrerList> {
  let refused: unknown;
  try {
    const ofApi = await fromApi(pointer, subject, options);
    if (ofApi !== undefined) return { way: 'api', referrers: matching(ofApi, options) };
  } catch (error) {
    if (!isRefused(error)) throw error;
    refused = error;
  }
  const listed = await fetchReferrersTag(pointer, subject, options);
  // Without the list, the refusal may hide what refers to the manifest.
  if (refused instanceof NydusError && listed === undefined) throw refused;
  return { way: 'tag', referrers: matching(listed?.index.manifests ?? [], options) };
}

/** True when the registry has answered, but not with a list. */
function isRefused(error: unknown): boolean {
  return error instanceof AuthError || (error instanceof RegistryError && error.status !== undefined);
}

/** Filters the list, because registries need not do so. */
export function matching(
  referrers: readonly Descriptor[],
  { artifactType }: ReferrerOptions,
): readonly Descriptor[] {
  return referrers
    .filter((referrer) => artifactType === undefined || referrer.artifactType === artifactType)
    .map(({ mediaType, digest, size, platform, annotations, artifactType: type }) => ({
      mediaType,
      digest,
      size,
      ...(platform === undefined ? {} : { platform }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(type === undefined ? {} : { artifactType: type }),
    }));
}

/** Undefined when the registry has no such API. */
async function fromApi(
  pointer: Pointer,
  subject: Digest,
  options: ReferrerOptions,
): Promise<readonly Descriptor[] | undefined> {
  const { reference, location } = pointer;
  const query =
    options.artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(options.artifactType)}`;
  let url: URL | string = `/v2/${reference.repository}/referrers/${subject}${query}`;
  const what = `cannot list what refers to ${subject} in ${location}`;
  const found: Descriptor[] = [];
  const seen = new Set<string>();
  const started = performance.now();
  let empty = 0;
  for (let page = 0; ; page++) {
    const isLate = page > 0 && performance.now() - started > MAX_LIST_MS;
    if (page >= MAX_PAGES || found.length > MAX_REFERRERS || empty > MAX_EMPTY_PAGES || isLate)
      throw new RegistryError(`${what}: the list does not end`);
    const response = await pointer.client.request({
      method: 'GET',
      url,
      headers: { accept: MEDIA.ociIndex },
      answers: page === 0 ? ANSWERS.listReferrers : ANSWERS.nextReferrers,
      what,
      scopes: [repositoryScope(reference.repository, pointer.access)],
      signal: options.signal,
      reporter: options.reporter,
    });
    // Some registries answer 200 with a web page to any unknown path.
    const isListed = meaningOf(ANSWERS.listReferrers, response.status) === 'listed';
    if (!isListed || mediaTypeOf(response) !== MEDIA.ociIndex) {
      await response.discard();
      if (page === 0) return undefined;
      throw new RegistryError(`${what}: page ${page + 1} is no index`, { status: response.status });
    }
    const bytes = await collect(response.body, MAX_DOCUMENT_SIZE, `list of what refers to ${subject}`);
    const { manifests } = await inTurns(indexSteps(bytes, MEDIA.ociIndex), options.signal);
    for (const entry of manifests) found.push(entry);
    if (manifests.length === 0) empty++;
    const next = nextPage(response);
    if (next === undefined) return found;
    if (next.origin !== response.url.origin)
      throw new RegistryError(`${what}: its next page is on another host, ${next.host}`);
    if (seen.has(next.href)) throw new RegistryError(`${what}: the list goes round in a circle`);
    seen.add(next.href);
    url = next;
  }
}

/** The list that clients keep; undefined when there is none. `etag` is for a conditional update. */
export async function fetchReferrersTag(
  { client, reference, access, location }: Pointer,
  subject: Digest,
  call: CallOptions,
): Promise<{ readonly index: Index; readonly bytes: Uint8Array; readonly etag?: string } | undefined> {
  const tag = referrersTag(subject);
  const response = await client.request({
    method: 'GET',
    url: manifestPath(reference, tag),
    headers: { accept: MANIFEST_ACCEPT },
    answers: ANSWERS.readReferrersTag,
    what: `cannot read the list of referrers ${tag} of ${location}`,
    scopes: [repositoryScope(reference.repository, access)],
    signal: call.signal,
    reporter: call.reporter,
  });
  if (meaningOf(ANSWERS.readReferrersTag, response.status) === 'absent') {
    await response.discard();
    return undefined;
  }
  const what = `list of referrers ${tag} of ${location}`;
  const bytes = await collect(response.body, MAX_DOCUMENT_SIZE, what);
  const { etag } = response.headers;
  try {
    const index = await inTurns(indexSteps(bytes, mediaTypeOf(response)), call.signal);
    return { index, bytes, ...(etag === undefined ? {} : { etag }) };
  } catch (cause) {
    if (!(cause instanceof NydusError)) throw cause;
    throw new FormatError(`${what}: ${cause.message}`, {
      cause,
      hint: `something else has taken this tag; remove it from ${reference.repository}`,
    });
  }
}

function mediaTypeOf({ headers }: HttpResponse): string | undefined {
  return headers['content-type']?.split(';', 1)[0]?.trim();
}

/** `Link: <…>; rel="next"`, RFC 8288, as far as registries use it. */
export function nextPage({ headers, url }: Pick<HttpResponse, 'headers' | 'url'>): URL | undefined {
  for (const match of (headers['link'] ?? '').matchAll(
    /<([^>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^\s;,"]+))*)/g,
  )) {
    const [, target = '', parameters = ''] = match;
    const relation = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters);
    if (!(relation?.[1] ?? relation?.[2] ?? '').split(/\s+/).includes('next')) continue;
    try {
      return new URL(target, url);
    } catch (cause) {
      throw new RegistryError('the link to the next page is no URL', { cause });
    }
  }
  return undefined;
}
