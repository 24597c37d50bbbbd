/**
 * One upload under way: where it goes on, and how much of it the registry has. Distribution-spec, "Pushing a blob in chunks".
 * Every answer may move the upload to another URL, also of another host; credentials stay with the registry's own.
 */
import { RegistryError } from '../../errors.js';
import { counted, type ReplayableContent } from '../../io/streams.js';
import type { Digest } from '../../oci/digest.js';
import type { CallOptions } from '../../reporter.js';
import { repositoryScope } from '../auth/challenge.js';
import type { ApiRequest, RegistryClient } from '../http/client.js';
import type { HttpResponse } from '../http/transport.js';

const OCTETS = 'application/octet-stream';

/** What all requests of an upload share. */
export interface UploadContext {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly scopes: readonly string[];
  /** What is being tried, for messages. */
  readonly what: string;
  /** Those that the registry has opened for us and that have not been ended: whoever gives up cancels them. */
  readonly sessions: Set<UploadSession>;
}

/** A part of a blob. */
export interface UploadPart {
  /** Of the first byte within the blob. */
  readonly start: number;
  /** Its size is Infinity when the end is not known yet: then it is sent as it comes. */
  readonly content: ReplayableContent;
}

export class UploadSession {
  #context: UploadContext;
  #url: URL;
  #minChunk: number;
  #acknowledged = 0;
  #isSettled = true;
  #wasQueried = false;
  #cancelled: Promise<void> | undefined;

  private constructor(context: UploadContext, url: URL, minChunk: number) {
    this.#context = context;
    this.#url = url;
    this.#minChunk = minChunk;
  }

  /** Asks the registry for a new session. */
  static async open(context: UploadContext, call: CallOptions): Promise<UploadSession> {
    const { client, repository, scopes, what } = context;
    const response = await client.request({
      method: 'POST',
      url: `/v2/${repository}/blobs/uploads/`,
      headers: { 'content-length': '0' },
      accept: [202],
      what,
      scopes,
      once: true,
      ...call,
    });
    return UploadSession.from(context, response);
  }

  /** The session that an answer, 202 with a `Location`, has opened. */
  static async from(context: UploadContext, response: HttpResponse): Promise<UploadSession> {
    await response.discard();
    const url = context.client.resolveLocation(response, context.what);
    const session = new UploadSession(context, url, minChunkOf(response));
    context.sessions.add(session);
    return session;
  }

  /** Bytes that the registry is known to have, from the start. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** False after a request that failed: what the registry has of it, only a query can tell. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** True when what the registry has rests on its own word, not on what was sent and acknowledged. */
  get wasQueried(): boolean {
    return this.#wasQueried;
  }

  /** From now on it is a part of this, for messages. */
  adopt(context: UploadContext): void {
    this.#context = context;
  }

  /** Bytes: a chunk that is not the last must have this many. `OCI-Chunk-Min-Length`. */
  get minChunk(): number {
    return this.#minChunk;
  }

  /** Sends a part. Returns when the registry has acknowledged it, which it may do in part only: see `acknowledged`. */
  async patch({ start, content }: UploadPart, call: CallOptions): Promise<void> {
    let sent = 0;
    this.#isSettled = false;
    const response = await this.#request(
      {
        method: 'PATCH',
        url: this.#url,
        headers: {
          'content-type': OCTETS,
          // Of a stream without a known end nothing could be said, nor does Docker of any that begins at 0.
          ...(Number.isFinite(content.size)
            ? { 'content-range': `${start}-${start + content.size - 1}` }
            : {}),
        },
        body: {
          size: content.size,
          open: () =>
            counted(content.open(), (total) => {
              sent = total;
            }),
        },
        accept: [200, 201, 202, 204],
      },
      call,
    );
    await this.#moved(response);
    const end = start + sent;
    // `0-0` stands for one byte as well as for none.
    this.#acknowledged = end === 1 ? 1 : (acknowledgedBy(response) ?? end);
    this.#isSettled = true;
  }

  /** Sends all of the blob in the request that ends the session. True when the registry says that it has made the blob. */
  async putWhole(digest: Digest, content: ReplayableContent, call: CallOptions): Promise<boolean> {
    return this.#put(digest, content, call);
  }

  /** Ends the session: what was sent becomes the blob. True as for `putWhole`. */
  async close(digest: Digest, call: CallOptions): Promise<boolean> {
    return this.#put(digest, undefined, call);
  }

  /** Asks how much is there. False when the registry does not know, or no longer knows, the session. */
  async query(call: CallOptions): Promise<boolean> {
    const response = await this.#request(
      { method: 'GET', url: this.#url, accept: [200, 202, 204, 400, 404, 405, 410, 416] },
      call,
    );
    if (response.status >= 400) {
      await response.discard();
      return false;
    }
    await this.#moved(response);
    const acknowledged = acknowledgedBy(response);
    if (acknowledged === undefined) return false;
    this.#acknowledged = acknowledged;
    this.#isSettled = true;
    this.#wasQueried = true;
    return true;
  }

  /** Gives the registry its space back, once. It need not be able to: nothing comes of a failure. */
  async cancel(call: CallOptions): Promise<void> {
    this.#cancelled ??= this.#cancel(call);
    await this.#cancelled;
  }

  async #cancel(call: CallOptions): Promise<void> {
    const { client, repository, scopes, what } = this.#context;
    try {
      const response = await client.request({
        method: 'DELETE',
        url: this.#url,
        accept: [200, 202, 204],
        what,
        // Some ask for the right to delete; asked for apart, since it need not be granted, nor a token with it be good for more.
        scopes: [...scopes, repositoryScope(repository, 'delete')],
        once: true,
        ...call,
      });
      await response.discard();
    } catch {
      // It is dropped in time by the registry itself.
    } finally {
      this.#context.sessions.delete(this);
    }
  }

  async #put(digest: Digest, content: ReplayableContent | undefined, call: CallOptions): Promise<boolean> {
    this.#isSettled = false;
    const response = await this.#request(
      {
        method: 'PUT',
        url: finished(this.#url, digest),
        headers: { 'content-type': OCTETS, ...(content === undefined ? { 'content-length': '0' } : {}) },
        body: content,
        accept: [200, 201, 204],
      },
      call,
    );
    await response.discard();
    this.#context.sessions.delete(this);
    return response.status === 201;
  }

  async #request(
    request: Pick<ApiRequest, 'method' | 'url' | 'headers' | 'body' | 'accept'>,
    call: CallOptions,
  ): Promise<HttpResponse> {
    const { client, what, scopes } = this.#context;
    // Once: whether, and from where, it goes on is for the whole upload to decide.
    return client.request({ ...request, what, scopes, once: true, ...call });
  }

  /** The answer says where the upload goes on; without a `Location` it goes on where it was. */
  async #moved(response: HttpResponse): Promise<void> {
    await response.discard();
    const { client, what } = this.#context;
    if (response.headers['location'] !== undefined) this.#url = client.resolveLocation(response, what);
    this.#minChunk = Math.max(this.#minChunk, minChunkOf(response));
  }
}

/** True when a failed request of a session tells that the registry has lost it, or that another host takes it no longer. */
export function isLostSession(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return false;
  // A denial that may pass is another host's: see `refusalError`.
  const isClosed = error.retryable && (error.status === 401 || error.status === 403);
  return isClosed || error.registryCodes.includes('BLOB_UPLOAD_UNKNOWN');
}

/**
 * `Range: 0-N`, both inclusive. Registries say `0-0` when they have nothing, where one byte would be meant: taken for nothing,
 * since a byte is soon sent again. Undefined when nothing is said.
 */
function acknowledgedBy(response: HttpResponse): number | undefined {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(response.headers['range'] ?? '')?.[1];
  if (last === undefined) return undefined;
  return last === '0' ? 0 : Number(last) + 1;
}

function minChunkOf(response: HttpResponse): number {
  const text = response.headers['oci-chunk-min-length'] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

/** The session's URL with the digest that ends it; what else stands in its query is the registry's, and kept. */
function finished(session: URL, digest: Digest): URL {
  const url = new URL(session);
  // Appended by hand: URLSearchParams would encode the registry's own state anew.
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return url;
}
