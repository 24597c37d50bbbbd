/**
 * An upload session of the registry: its URL, and how much of a blob the registry has. Distribution-spec, "Pushing a blob in
 * chunks". Every answer may move the session to another URL, also of another host; credentials stay with the registry's own.
 */
import { counted, type ReplayableContent } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import type { CallOptions } from '../../reporter.js';
import { repositoryScope } from '../auth/challenge.js';
import type { ApiRequest, RegistryClient } from '../distribution/client.js';
import type { HttpResponse } from '../http/transport.js';
import type { Ways } from './ways.js';

const OCTETS = 'application/octet-stream';

/** Shared by all uploads into one repository. */
export interface UploadContext {
  readonly client: RegistryClient;
  readonly repository: string;
  /** The target's name, for messages. */
  readonly location: string;
  readonly scopes: readonly string[];
  /** Bytes of a chunk; 0 sends blobs whole. */
  readonly chunkSize: number;
  /** Asks the registry whether it has a blob. */
  readonly exists: (descriptor: Descriptor, call: CallOptions) => Promise<boolean>;
  readonly ways: Ways;
  /** Sessions that are open at the registry: a run that is given up cancels them. */
  readonly sessions: Set<UploadSession>;
}

/** A part of a blob. */
export interface UploadPart {
  /** Offset of the part within the blob. */
  readonly start: number;
  /** A size of Infinity means that the end is not known yet: then the bytes are sent as they come. */
  readonly content: ReplayableContent;
}

export class UploadSession {
  readonly #context: UploadContext;
  /** The name of the blob, for messages. */
  #blob: string;
  #url: URL;
  #minChunk: number;
  #acknowledged = 0;
  #isSettled = true;
  #wasQueried = false;
  #cancelled: Promise<void> | undefined;

  private constructor(context: UploadContext, blob: string, url: URL, minChunk: number) {
    this.#context = context;
    this.#blob = blob;
    this.#url = url;
    this.#minChunk = minChunk;
  }

  /** Asks the registry for a new session. */
  static async open(context: UploadContext, blob: string, call: CallOptions): Promise<UploadSession> {
    const { client, repository, scopes } = context;
    const response = await client.request({
      method: 'POST',
      url: `/v2/${repository}/blobs/uploads/`,
      headers: { 'content-length': '0' },
      accept: [202],
      what: purpose(context, blob),
      scopes,
      once: true,
      ...call,
    });
    return UploadSession.from(context, blob, response);
  }

  /** The session that an answer, 202 with a `Location`, has opened. */
  static async from(context: UploadContext, blob: string, response: HttpResponse): Promise<UploadSession> {
    await response.discard();
    const url = context.client.resolveLocation(response, purpose(context, blob));
    const session = new UploadSession(context, blob, url, minChunkOf(response));
    context.sessions.add(session);
    return session;
  }

  /** The registry is known to have this many bytes from the start of the blob. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** False after a request that failed: only a query shows how much the registry has. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** True when `acknowledged` is the answer to a query, so that the bytes need not be those that this process sent. */
  get wasQueried(): boolean {
    return this.#wasQueried;
  }

  /** Names the blob, when its digest has become known. */
  rename(blob: string): void {
    this.#blob = blob;
  }

  /** A chunk must have this many bytes, unless it is the last one. `OCI-Chunk-Min-Length`. */
  get minChunk(): number {
    return this.#minChunk;
  }

  /** Sends a part. The registry may acknowledge less than the part: see `acknowledged`. */
  async patch({ start, content }: UploadPart, call: CallOptions): Promise<void> {
    let sent = 0;
    this.#isSettled = false;
    const response = await this.#request(
      {
        method: 'PATCH',
        url: this.#url,
        headers: {
          'content-type': OCTETS,
          // A stream without a known end has no range. Docker, too, sends one that begins at 0 without.
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

  /** Sends the whole blob in the request that ends the session. True when the registry says that it has made the blob. */
  async putWhole(digest: Digest, content: ReplayableContent, call: CallOptions): Promise<boolean> {
    return this.#put(digest, content, call);
  }

  /** Ends the session, so that the bytes sent become the blob. True when the registry says that it has made the blob. */
  async close(digest: Digest, call: CallOptions): Promise<boolean> {
    return this.#put(digest, undefined, call);
  }

  /** Asks how much the registry has. False when it does not know the session, or not any more. */
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

  /** Lets the registry free its space. Idempotent; ignores failures, because not every registry can do so. */
  async cancel(call: CallOptions): Promise<void> {
    this.#cancelled ??= this.#cancel(call);
    await this.#cancelled;
  }

  async #cancel(call: CallOptions): Promise<void> {
    const { client, repository, scopes, sessions } = this.#context;
    try {
      const response = await client.request({
        method: 'DELETE',
        url: this.#url,
        accept: [200, 202, 204],
        what: this.#what,
        // Some registries want the right to delete. It is asked for separately, because it need not be granted, and a token with it may be good for nothing else.
        scopes: [...scopes, repositoryScope(repository, 'delete')],
        once: true,
        ...call,
      });
      await response.discard();
    } catch {
      // The registry drops the session by itself, in time.
    } finally {
      sessions.delete(this);
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
    const { client, scopes } = this.#context;
    // Once: `Upload` decides whether, and from where, a failed upload goes on.
    return client.request({ ...request, what: this.#what, scopes, once: true, ...call });
  }

  get #what(): string {
    return purpose(this.#context, this.#blob);
  }

  /** The answer says where the session goes on; without a `Location` it stays where it was. */
  async #moved(response: HttpResponse): Promise<void> {
    await response.discard();
    const { client } = this.#context;
    if (response.headers['location'] !== undefined) this.#url = client.resolveLocation(response, this.#what);
    this.#minChunk = Math.max(this.#minChunk, minChunkOf(response));
  }
}

/** The purpose of an upload's requests, with which their error messages begin. */
export function purpose({ location }: UploadContext, blob: string): string {
  return `cannot push ${blob} to ${location}`;
}

/**
 * `Range: 0-N`, both inclusive. `0-0` means one byte, but registries also say it when they have nothing: it is taken for nothing,
 * because one byte is soon sent again. Undefined when the answer has no range.
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

/** The session's URL with the digest that ends it. The rest of its query is the registry's, and is kept. */
function finished(session: URL, digest: Digest): URL {
  const url = new URL(session);
  // Appended as text, because URLSearchParams would encode the registry's own state anew.
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return url;
}
