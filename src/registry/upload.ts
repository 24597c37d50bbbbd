/**
 * Blobs into a repository: session, bytes, digest. Distribution-spec, "Pushing blobs". One PUT with the whole body is tried
 * first; a registry that does not take it gets one streamed PATCH from then on.
 */
import { AuthError, RegistryError } from '../errors.js';
import { type ReplayableContent } from '../io/streams.js';
import { type Descriptor } from '../oci/descriptor.js';
import { type CallOptions } from '../reporter.js';
import { repositoryScope } from './auth.js';
import { type ApiRequest, type RegistryClient } from './client.js';
import { type HttpResponse } from './transport.js';

/** Answers to a monolithic PUT by which registries say that they want chunks instead. */
const WANTS_PATCH = new Set([400, 404, 405, 411, 415, 416, 501]);
const OCTETS = 'application/octet-stream';

export class Uploader {
  readonly #client: RegistryClient;
  readonly #repository: string;
  readonly #location: string;
  /** Sessions that mount requests opened because there was nothing to mount. */
  readonly #opened = new Map<string, URL>();
  #style: 'put' | 'patch' = 'put';

  constructor(client: RegistryClient, repository: string, location: string) {
    this.#client = client;
    this.#repository = repository;
    this.#location = location;
  }

  /** True when the blob was there in repository `from` and is now in ours too. A registry that cannot do it says no. */
  async mount(descriptor: Descriptor, from: string, call: CallOptions): Promise<boolean> {
    const query = new URLSearchParams({ mount: descriptor.digest, from });
    const what = `cannot mount ${descriptor.digest} from ${from} into ${this.#location}`;
    const response = await this.#mountRequest({
      method: 'POST',
      url: `/v2/${this.#repository}/blobs/uploads/?${query.toString()}`,
      headers: { 'content-length': '0' },
      // Who may not read the other repository is told 401 or 403; all of these mean: send it yourself.
      accept: [201, 202, 400, 401, 403, 404, 405],
      what,
      scopes: [repositoryScope(from, 'pull'), repositoryScope(this.#repository, 'pull,push')],
      ...call,
    });
    if (response === undefined) return false;
    await response.discard();
    if (response.status === 201) return true;
    if (response.status === 202 && response.headers['location'] !== undefined) {
      this.#opened.set(descriptor.digest, this.#client.resolveLocation(response, what));
    }
    return false;
  }

  /** Undefined when the token server gives no access to the other repository. */
  async #mountRequest(request: ApiRequest): Promise<HttpResponse | undefined> {
    try {
      return await this.#client.request(request);
    } catch (error) {
      if (error instanceof AuthError) return undefined;
      throw error;
    }
  }

  /** Sends the blob. The content is opened once per attempt. */
  async push(descriptor: Descriptor, content: ReplayableContent, call: CallOptions): Promise<void> {
    const what = `cannot push blob ${descriptor.digest} to ${this.#location}`;
    await this.#client.retry(
      what,
      async () => {
        if (this.#style === 'patch') {
          await this.#byPatch(descriptor, content, what, call);
          return;
        }
        const refused = await this.#byPut(descriptor, content, what, call);
        if (refused === undefined) return;
        this.#style = 'patch';
        try {
          await this.#byPatch(descriptor, content, what, call);
        } catch (error) {
          // Neither way works: then it was not the way, and what was said first says more.
          this.#style = 'put';
          throw error instanceof RegistryError && !error.retryable ? refused : error;
        }
      },
      call,
    );
  }

  /** Undefined when done; else the refusal that may mean "not in this way". */
  async #byPut(
    descriptor: Descriptor,
    content: ReplayableContent,
    what: string,
    call: CallOptions,
  ): Promise<RegistryError | undefined> {
    const session = await this.#session(descriptor, what, call);
    try {
      await this.#send('PUT', finished(session, descriptor), content, what, call);
      return undefined;
    } catch (error) {
      const refused =
        error instanceof RegistryError && error.status !== undefined && WANTS_PATCH.has(error.status);
      // A wrong digest stays wrong in another way.
      if (refused && !error.registryCodes.includes('DIGEST_INVALID')) return error;
      throw error;
    }
  }

  async #byPatch(
    descriptor: Descriptor,
    content: ReplayableContent,
    what: string,
    call: CallOptions,
  ): Promise<void> {
    const session = await this.#session(descriptor, what, call);
    const patched = await this.#send('PATCH', session, content, what, call);
    await this.#send(
      'PUT',
      finished(this.#client.resolveLocation(patched, what), descriptor),
      undefined,
      what,
      call,
    );
  }

  async #send(
    method: 'PUT' | 'PATCH',
    url: URL,
    body: ReplayableContent | undefined,
    what: string,
    call: CallOptions,
  ): Promise<HttpResponse> {
    const response = await this.#client.request({
      method,
      url,
      headers: { 'content-type': OCTETS, ...(body === undefined ? { 'content-length': '0' } : {}) },
      body,
      accept: method === 'PUT' ? [200, 201, 204] : [200, 202, 204],
      what,
      scopes: [repositoryScope(this.#repository, 'pull,push')],
      once: true,
      ...call,
    });
    await response.discard();
    return response;
  }

  async #session(descriptor: Descriptor, what: string, call: CallOptions): Promise<URL> {
    const opened = this.#opened.get(descriptor.digest);
    if (opened !== undefined) {
      this.#opened.delete(descriptor.digest);
      return opened;
    }
    const response = await this.#client.request({
      method: 'POST',
      url: `/v2/${this.#repository}/blobs/uploads/`,
      headers: { 'content-length': '0' },
      accept: [202],
      what,
      scopes: [repositoryScope(this.#repository, 'pull,push')],
      once: true,
      ...call,
    });
    await response.discard();
    return this.#client.resolveLocation(response, what);
  }
}

/** The session's URL with the digest that ends it; what else stands in its query is the registry's, and kept. */
function finished(session: URL, descriptor: Descriptor): URL {
  const url = new URL(session);
  // Appended by hand: URLSearchParams would encode the registry's own state anew.
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(descriptor.digest)}`;
  return url;
}
