/**
 * Blobs into a repository: session, bytes, digest. Distribution-spec, "Pushing blobs". One PUT with the whole body is tried
 * first; a registry that does not take it gets one streamed PATCH from then on. With a chunk size, every blob goes in chunks.
 * What breaks off goes on from where the registry says it is.
 */
import { AuthError, RegistryError } from '../../errors.js';
import type { GrowingContent } from '../../io/growing-file.js';
import { ContentParts } from '../../io/parts.js';
import type { ReplayableContent } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { CallOptions } from '../../reporter.js';
import { repositoryScope } from '../auth/challenge.js';
import type { ApiRequest, RegistryClient } from '../http/client.js';
import type { HttpResponse } from '../http/transport.js';
import { EarlyUpload } from './growing.js';
import { isLostSession, type UploadContext, UploadSession } from './session.js';

/** Answers to a monolithic PUT by which registries say that they want it in another way. */
const WANTS_PATCH = new Set([400, 404, 405, 411, 415, 416, 501]);
/** Bytes: an attempt that brought less has brought the upload no further. */
const MIN_PROGRESS = 64 * 1024;
/** Whoever stops the command waits for this: registries drop what is left of uploads by themselves, only later. */
const CANCEL_MS = 1000;

export interface UploaderOptions {
  readonly client: RegistryClient;
  readonly repository: string;
  /** Of the target, for messages. */
  readonly location: string;
  /** Bytes of a chunk; 0, the default, sends blobs whole. */
  readonly chunkSize?: number | undefined;
  /** Whether the repository holds the blob: asked again before another attempt, since an answer may have been lost. */
  readonly exists: (descriptor: Descriptor, call: CallOptions) => Promise<boolean>;
}

export class Uploader implements AsyncDisposable {
  readonly #options: UploaderOptions;
  /** Not ended yet. */
  readonly #sessions = new Set<UploadSession>();
  /** Sessions that mount requests opened because there was nothing to mount. */
  readonly #opened = new Map<string, UploadSession>();
  #style: 'put' | 'patch' = 'put';
  #refusesEarly = false;

  constructor(options: UploaderOptions) {
    this.#options = options;
  }

  /** True when the blob was there in repository `from` and is now in ours too. A registry that cannot do it says no. */
  async mount(descriptor: Descriptor, from: string, call: CallOptions): Promise<boolean> {
    const { repository, location } = this.#options;
    const query = new URLSearchParams({ mount: descriptor.digest, from });
    const what = `cannot mount ${descriptor.digest} from ${from} into ${location}`;
    const response = await this.#mountRequest({
      method: 'POST',
      url: `/v2/${repository}/blobs/uploads/?${query.toString()}`,
      headers: { 'content-length': '0' },
      // Who may not read the other repository is told 401 or 403; all of these mean: send it yourself.
      accept: [201, 202, 400, 401, 403, 404, 405],
      what,
      scopes: [repositoryScope(from, 'pull'), repositoryScope(repository, 'pull,push')],
      ...call,
    });
    if (response === undefined) return false;
    if (response.status === 202 && response.headers['location'] !== undefined) {
      this.#opened.set(
        descriptor.digest,
        await UploadSession.from(this.#context(descriptor.digest), response),
      );
      return false;
    }
    await response.discard();
    return response.status === 201;
  }

  /** Undefined when the token server gives no access to the other repository. */
  async #mountRequest(request: ApiRequest): Promise<HttpResponse | undefined> {
    try {
      return await this.#options.client.request(request);
    } catch (error) {
      if (error instanceof AuthError) return undefined;
      throw error;
    }
  }

  /**
   * Sends the blob, or what is missing of it in `begun`. The content is opened anew for each attempt, by range where the
   * registry has its start. An attempt that has brought the upload further does not count.
   */
  async push(
    descriptor: Descriptor,
    content: ReplayableContent,
    call: CallOptions,
    begun?: UploadSession,
  ): Promise<void> {
    const upload = new Upload(this.#options, this.#context(descriptor.digest), descriptor, content, call);
    upload.session = begun ?? this.#takeOpened(descriptor);
    begun?.adopt(this.#context(descriptor.digest));
    let before = 0;
    await this.#options.client.retry(
      upload.what,
      async (n) => {
        if (n > 1 && (await this.#options.exists(descriptor, call))) return;
        before = upload.acknowledged;
        this.#style = await upload.attempt(this.#style);
      },
      { ...call, progressed: () => upload.acknowledged - before >= MIN_PROGRESS },
    );
  }

  /** Starts to send a blob that is still being written. */
  early(content: GrowingContent, call: CallOptions): EarlyUpload | undefined {
    if (this.#refusesEarly) return undefined;
    return new EarlyUpload(
      this.#context('that is being made'),
      content,
      this.#options.chunkSize ?? 0,
      call,
      () => {
        this.#refusesEarly = true;
      },
    );
  }

  /** Cancels what has been begun and not ended, as far as that is done in `CANCEL_MS`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#sessions.size === 0) return;
    const signal = AbortSignal.timeout(CANCEL_MS);
    const over = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
    await Promise.race([over, Promise.all([...this.#sessions].map((session) => session.cancel({ signal })))]);
  }

  #context(blob: string): UploadContext {
    const { client, repository, location } = this.#options;
    return {
      client,
      repository,
      scopes: [repositoryScope(repository, 'pull,push')],
      what: `cannot push blob ${blob} to ${location}`,
      sessions: this.#sessions,
    };
  }

  #takeOpened(descriptor: Descriptor): UploadSession | undefined {
    const session = this.#opened.get(descriptor.digest);
    this.#opened.delete(descriptor.digest);
    return session;
  }
}

/** The attempts to send one blob. */
class Upload {
  /** Under way, from an earlier attempt or opened by others; what the registry has of it is asked for before it goes on. */
  session: UploadSession | undefined;
  readonly what: string;
  readonly #options: UploaderOptions;
  readonly #context: UploadContext;
  readonly #descriptor: Descriptor;
  readonly #content: ReplayableContent;
  readonly #call: CallOptions;

  constructor(
    options: UploaderOptions,
    context: UploadContext,
    descriptor: Descriptor,
    content: ReplayableContent,
    call: CallOptions,
  ) {
    this.what = context.what;
    this.#options = options;
    this.#context = context;
    this.#descriptor = descriptor;
    this.#content = content;
    this.#call = call;
  }

  get acknowledged(): number {
    return this.session?.acknowledged ?? 0;
  }

  /** Returns the way that works, which may be another than the one it was told to try. */
  async attempt(style: 'put' | 'patch'): Promise<'put' | 'patch'> {
    try {
      if (await this.#goesOn()) {
        await this.#rest();
        return style;
      }
      const { chunkSize = 0 } = this.#options;
      if (chunkSize > 0 || style === 'patch') {
        await this.#rest();
        return style;
      }
      return await this.#whole();
    } catch (error) {
      if (this.session === undefined || !isLostSession(error)) throw error;
      this.#context.sessions.delete(this.session);
      // Begun anew by the next attempt, with nothing of what was sent.
      this.session = undefined;
      if (error instanceof RegistryError && error.retryable) throw error;
      throw new RegistryError(`${this.what}: the registry has lost the upload`, {
        cause: error,
        retryable: true,
      });
    }
  }

  /** True when there is a session whose start the registry has: what is missing follows by PATCH. */
  async #goesOn(): Promise<boolean> {
    const { session } = this;
    if (session === undefined) return false;
    const isKnown = session.isSettled || (await session.query(this.#call));
    const { acknowledged, wasQueried } = session;
    if (isKnown && acknowledged > 0 && acknowledged <= this.#descriptor.size) return true;
    if (!isKnown || wasQueried || acknowledged > 0) this.session = undefined;
    return false;
  }

  async #open(): Promise<UploadSession> {
    this.session ??= await UploadSession.open(this.#context, this.#call);
    return this.session;
  }

  /** One PUT; where that is refused as a way, one PATCH. */
  async #whole(): Promise<'put' | 'patch'> {
    const session = await this.#open();
    try {
      await this.#confirm(await session.putWhole(this.#descriptor.digest, this.#content, this.#call));
      return 'put';
    } catch (refused) {
      if (!wantsPatch(refused)) throw refused;
      this.session = undefined;
      try {
        await this.#rest();
      } catch (error) {
        // Neither way works: then it was not the way, and what was said first says more.
        throw error instanceof RegistryError && !error.retryable ? refused : error;
      }
      return 'patch';
    }
  }

  /** All that the registry does not have, in one PATCH or in chunks, and the PUT that ends it. */
  async #rest(): Promise<void> {
    const session = await this.#open();
    const { size, digest } = this.#descriptor;
    const { chunkSize = 0 } = this.#options;
    const parts = new ContentParts(this.#content);
    try {
      let isStuck = false;
      for (let at = session.acknowledged; at < size; at = session.acknowledged) {
        const chunk = chunkSize === 0 ? size : Math.max(chunkSize, session.minChunk);
        const range = { start: at, end: Math.min(size, at + chunk) };
        try {
          await session.patch({ start: at, content: parts.part(range) }, this.#call);
        } catch (error) {
          // The registry stands elsewhere than we thought: it is asked where, once for each place.
          if (!isOutOfStep(error) || isStuck || !(await session.query(this.#call))) throw error;
        }
        isStuck = session.acknowledged === at;
        if (session.acknowledged > size) throw this.#overfull(session.acknowledged);
      }
    } finally {
      await parts.close();
    }
    await this.#close(session, digest);
  }

  async #close(session: UploadSession, digest: Descriptor['digest']): Promise<void> {
    const wasResumed = session.wasQueried;
    try {
      await this.#confirm(await session.close(digest, this.#call));
    } catch (error) {
      if (!wasResumed || !(error instanceof RegistryError) || error.retryable || isLostSession(error))
        throw error;
      // What the registry had of it was not what we had sent: from the start, once more.
      this.session = undefined;
      throw new RegistryError(error.message, {
        status: error.status,
        registryCodes: error.registryCodes,
        hint: error.hint,
        remedy: error.remedy,
        side: error.side,
        cause: error,
        retryable: true,
      });
    }
  }

  /** Only 201 means that the blob was made. Some registries say 200 or 204; so do login pages and proxies. */
  async #confirm(isCreated: boolean): Promise<void> {
    if (isCreated || (await this.#options.exists(this.#descriptor, this.#call))) return;
    throw new RegistryError(`${this.what}: it was answered with success, but the blob is not there`, {
      hint: 'something else may have answered, such as a proxy or a login page',
    });
  }

  #overfull(acknowledged: number): RegistryError {
    this.session = undefined;
    return new RegistryError(
      `${this.what}: the registry says that it has ${acknowledged} of ${this.#descriptor.size} bytes`,
      { retryable: true },
    );
  }
}

function wantsPatch(error: unknown): error is RegistryError {
  if (!(error instanceof RegistryError) || error.status === undefined || !WANTS_PATCH.has(error.status))
    return false;
  // A wrong digest stays wrong in another way, and a lost session is no question of ways.
  return (
    !error.registryCodes.includes('DIGEST_INVALID') && !error.registryCodes.includes('BLOB_UPLOAD_UNKNOWN')
  );
}

function isOutOfStep(error: unknown): boolean {
  return error instanceof RegistryError && error.status === 416;
}
