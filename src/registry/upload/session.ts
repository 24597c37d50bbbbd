/**
 * An upload session of the registry: its URL, and how much of a blob the registry has. Distribution-spec, "Pushing a blob in
 * chunks". Every answer may move the session to another URL, also of another host; credentials stay with the registry's own.
 */
import { RegistryError } from '../../errors.js';
import { sleepFor } from '../../io/retry.js';
import { counted, type ReplayableContent } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import type { CallOptions } from '../../reporter.js';
import { ANSWERS, meaningOf } from '../answers.js';
import { repositoryScope } from '../auth/challenge.js';
import type { ApiRequest, RegistryClient } from '../distribution/client.js';
import type { HttpResponse } from '../http/transport.js';
import type { Ways } from './ways.js';

const OCTETS = 'application/octet-stream';
/** Milliseconds for which a session that is to be cancelled waits for the answer to its last part: half of what a run waits in all. */
export const LAST_ANSWER_MS = 500;

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
  /** The bytes that the registry says it has, if that is not what was sent. */
  #doubt: number | undefined;
  /** Offset of the last part. */
  #lastStart = 0;
  #wasQueried = false;
  #cancelled: Promise<void> | undefined;
  /** Settles when the last part is answered or has failed. */
  #underWay: Promise<unknown> = Promise.resolve();

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
      answers: ANSWERS.openUpload,
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

  /** Sends a part. The registry may acknowledge less than the part: see `isInDoubt`. */
  async patch(part: UploadPart, call: CallOptions): Promise<void> {
    const patching = this.#patch(part, call);
    this.#underWay = patching.catch(() => undefined); // the caller gets the failure
    await patching;
  }

  async #patch({ start, content }: UploadPart, call: CallOptions): Promise<void> {
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
        answers: ANSWERS.sendPart,
      },
      call,
    );
    await this.#moved(response);
    const end = start + sent;
    // An answer of success counts more than the count in it: some registries are wrong by one, or count the last part alone.
    this.#acknowledged = end;
    this.#lastStart = start;
    const said = acknowledgedBy(response) ?? 0;
    const isLess = said > 0 && said < end && !this.#context.ways.countsParts;
    this.#doubt = isLess || said > end + 1 ? said : undefined;
    this.#isSettled = true;
  }

  /** True when the registry has said that it took less than was sent, or more. */
  get isInDoubt(): boolean {
    return this.#doubt !== undefined;
  }

  /**
   * Asks again when the registry said that it took less than was sent, or more, as when it kept bytes of a request that it refused. If
   * it does not say twice that it has less, its answers to PATCH are not counts of the whole. Afterwards `acknowledged` may be more
   * than was sent: then the session is of no use.
   */
  async settleDoubt(call: CallOptions): Promise<void> {
    const said = this.#doubt;
    if (said === undefined) return;
    this.#doubt = undefined;
    const own = this.#acknowledged;
    const isKnown = await this.query(call).catch((error: unknown) => {
      if (error instanceof RegistryError) return false;
      throw error;
    });
    const has = isKnown ? this.#acknowledged : Math.max(said, own);
    // Less than a part's start cannot be, and nothing of a part that was answered with success would have no end.
    if (has > own + 1 || (has > this.#lastStart && has < own)) {
      this.#acknowledged = has;
      return;
    }
    this.#acknowledged = own;
    this.#context.ways.countsParts ||= said < own;
  }

  /** Sends the whole blob in the request that ends the session. True when the registry says that it has made the blob. */
  async putWhole(digest: Digest, content: ReplayableContent, call: CallOptions): Promise<boolean> {
    return this.#put(digest, content, call);
  }

  /** Ends the session, so that the bytes sent become the blob. True when the registry says that it has made the blob. */
  async close(digest: Digest, call: CallOptions): Promise<boolean> {
    return this.#put(digest, undefined, call);
  }

  /** Asks how much the registry has. False when it does not know the session, or not any more, or takes no such question. */
  async query(call: CallOptions): Promise<boolean> {
    const { client, scopes } = this.#context;
    const response = await client.optional({
      method: 'GET',
      url: this.#url,
      answers: ANSWERS.queryUpload,
      what: this.#what,
      scopes,
      once: true,
      ...call,
    });
    if (response === undefined) return false;
    await this.#moved(response);
    const acknowledged = acknowledgedBy(response);
    if (acknowledged === undefined) return false;
    this.#acknowledged = acknowledged;
    this.#isSettled = true;
    this.#wasQueried = true;
    return true;
  }

  /**
   * Lets the registry free its space. Idempotent; ignores failures, because not every registry can do so. distribution knows the
   * session only by the URL in the answer to the last part, so that is waited for.
   */
  async cancel(call: CallOptions): Promise<void> {
    this.#cancelled ??= this.#cancel(call);
    await this.#cancelled;
  }

  async #cancel(call: CallOptions): Promise<void> {
    const { client, repository, scopes, sessions } = this.#context;
    try {
      await this.#answered(call);
      const response = await client.optional({
        method: 'DELETE',
        url: this.#url,
        answers: ANSWERS.cancelUpload,
        what: this.#what,
        // Some registries want the right to delete. It is asked for separately, because it need not be granted, and a token with it may be good for nothing else.
        scopes: [...scopes, repositoryScope(repository, 'delete')],
        once: true,
        ...call,
      });
      await response?.discard();
    } catch {
      // The registry drops the session by itself, in time.
    } finally {
      sessions.delete(this);
    }
  }

  /** Waits for the answer to the last part, for a while. */
  async #answered({ signal }: CallOptions): Promise<void> {
    const known = new AbortController();
    const given = signal === undefined ? known.signal : AbortSignal.any([signal, known.signal]);
    const time = sleepFor(LAST_ANSWER_MS, given).catch(() => undefined);
    await Promise.race([this.#underWay, time]);
    known.abort();
  }

  async #put(digest: Digest, content: ReplayableContent | undefined, call: CallOptions): Promise<boolean> {
    this.#isSettled = false;
    const response = await this.#request(
      {
        method: 'PUT',
        url: finished(this.#url, digest),
        headers: { 'content-type': OCTETS, ...(content === undefined ? { 'content-length': '0' } : {}) },
        body: content,
        answers: ANSWERS.finishUpload,
      },
      call,
    );
    await response.discard();
    this.#context.sessions.delete(this);
    return meaningOf(ANSWERS.finishUpload, response.status) === 'made';
  }

  async #request(
    request: Pick<ApiRequest, 'method' | 'url' | 'headers' | 'body' | 'answers'>,
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
  const last = /^(?:bytes[= ])?0-(\d+)(?:\/(?:\d+|\*))?$/.exec(response.headers['range'] ?? '')?.[1];
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
  const state = url.search
    .slice(1)
    .split('&')
    .filter((part) => part !== '' && !part.startsWith('digest='));
  url.search = [...state, `digest=${encodeURIComponent(digest)}`].join('&');
  return url;
}
