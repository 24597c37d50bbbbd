/** All uploads into one repository: mounts, complete blobs, growing blobs. Distribution-spec, "Pushing blobs". */
import { AuthError } from '../../errors.js';
import type { GrowingContent } from '../../io/growing.js';
import type { ReplayableContent } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { CallOptions } from '../../reporter.js';
import { ANSWERS, meaningOf } from '../answers.js';
import { repositoryScope } from '../auth/challenge.js';
import type { ApiRequest, RegistryClient } from '../distribution/client.js';
import type { HttpResponse } from '../http/transport.js';
import { isTooSlow } from '../http/liveness.js';
import { GrowingUpload } from './growing.js';
import { type UploadContext, UploadSession } from './session.js';
import { MIN_PROGRESS, Upload } from './upload.js';

/** Milliseconds without progress after which no further attempt begins: a registry may take minutes to answer the last request of a large blob. */
const UPLOAD_LIMIT_MS = 900_000;
/** A user who stops the command waits this long at most; a registry drops the sessions that are left by itself, only later. */
const CANCEL_MS = 1000;

export interface RepositoryUploadsOptions {
  readonly client: RegistryClient;
  readonly repository: string;
  /** The target's name, for messages. */
  readonly location: string;
  /** Bytes of a chunk; 0, the default, sends blobs whole. */
  readonly chunkSize?: number | undefined;
  /** Asks the registry for a blob again before another attempt, because the answer to the last one may have been lost. */
  readonly exists: (descriptor: Descriptor, call: CallOptions) => Promise<boolean>;
}

export class RepositoryUploads implements AsyncDisposable {
  readonly #context: UploadContext;
  /** By digest: sessions that a registry opened in answer to a mount request because there was no blob to mount. */
  readonly #opened = new Map<string, UploadSession>();

  constructor(options: RepositoryUploadsOptions) {
    this.#context = {
      ...options,
      chunkSize: options.chunkSize ?? 0,
      scopes: [repositoryScope(options.repository, 'pull,push')],
      sessions: new Set(),
      ways: { whole: 'put', takesGrowing: true, takesChunks: true, largest: Infinity, countsParts: false },
    };
  }

  /** True when the registry has taken the blob over from the repository `from`. A registry that cannot do so answers no. */
  async mount(descriptor: Descriptor, from: string, call: CallOptions): Promise<boolean> {
    const { repository, scopes } = this.#context;
    const query = new URLSearchParams({ mount: descriptor.digest, from });
    const response = await this.#requestMount({
      method: 'POST',
      url: `/v2/${repository}/blobs/uploads/?${query.toString()}`,
      headers: { 'content-length': '0' },
      answers: ANSWERS.mount,
      what: `cannot mount ${descriptor.digest} from ${from} into ${this.#context.location}`,
      scopes: [repositoryScope(from, 'pull'), ...scopes],
      ...call,
    });
    if (response === undefined) return false;
    const location = response.headers['location'] ?? '';
    const isMounted = meaningOf(ANSWERS.mount, response.status) === 'mounted';
    if (!isMounted && location !== '') {
      const session = await UploadSession.from(this.#context, `blob ${descriptor.digest}`, response);
      this.#opened.set(descriptor.digest, session);
      return false;
    }
    await response.discard();
    if (!isMounted) return false;
    const named = `${location} ${response.headers['docker-content-digest'] ?? ''}`;
    return named.includes(descriptor.digest) || (await this.#context.exists(descriptor, call));
  }

  /** Undefined when the registry does not do so, or its token server gives no access to the other repository. */
  async #requestMount(request: ApiRequest): Promise<HttpResponse | undefined> {
    try {
      return await this.#context.client.optional(request);
    } catch (error) {
      if (error instanceof AuthError) return undefined;
      throw error;
    }
  }

  /**
   * Sends the blob, or what is missing of it in `begun`. Each attempt opens the content anew, by range where the registry has
   * its start. An attempt that has brought the upload further does not count.
   */
  async push(
    descriptor: Descriptor,
    content: ReplayableContent,
    call: CallOptions,
    begun: UploadSession | undefined = this.#takeOpened(descriptor),
  ): Promise<void> {
    const { client, exists } = this.#context;
    const upload = new Upload(this.#context, descriptor, content, call, begun);
    const started = performance.now();
    let before = 0;
    await client.retry(
      upload.what,
      async (n) => {
        if (n > 1 && (await exists(descriptor, call))) return;
        before = upload.acknowledged;
        await upload.attempt();
      },
      {
        ...call,
        limitMs: client.retryPolicy.fixed === true ? undefined : UPLOAD_LIMIT_MS,
        progressed: () =>
          upload.acknowledged - before >= MIN_PROGRESS &&
          !isTooSlow(upload.acknowledged, performance.now() - started),
      },
    );
  }

  /** Starts to send a blob that is still being made. Undefined when the registry has refused such a blob before. */
  pushGrowing(content: GrowingContent, call: CallOptions): GrowingUpload | undefined {
    return this.#context.ways.takesGrowing ? new GrowingUpload(this.#context, content, call) : undefined;
  }

  /** Cancels the sessions that have not ended, as far as the registry answers within `CANCEL_MS`. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { sessions } = this.#context;
    if (sessions.size === 0) return;
    const signal = AbortSignal.timeout(CANCEL_MS);
    const timeIsUp = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
    const cancelled = [...sessions].map((session) => session.cancel({ signal }));
    await Promise.race([timeIsUp, Promise.all(cancelled)]);
  }

  #takeOpened(descriptor: Descriptor): UploadSession | undefined {
    const session = this.#opened.get(descriptor.digest);
    this.#opened.delete(descriptor.digest);
    return session;
  }
}
