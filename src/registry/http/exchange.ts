/** Sends one request through undici, and gathers the body of the answer. */
import type { Dispatcher } from 'undici';
import { onAbort } from '../../io/abort.js';
import { answerBegun, contentCame } from './framing.js';
import { GatheredBody } from './gathered-body.js';
import type { Route } from './routes.js';

export type ExchangeRoute = Pick<Route, 'dispatcher'> & Partial<Pick<Route, 'proxy' | 'forward'>>;

export type ExchangeOptions = Omit<Dispatcher.DispatchOptions, 'origin' | 'path' | 'headers'> & {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
};

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Fails with the signal's reason, or with the error of undici or of the system. */
  readonly body: GatheredBody;
  /** Reads a body of at most `limit` bytes to its end, which keeps the connection, and cuts a longer one off. Never fails. */
  discard(limit: number): Promise<void>;
}

/** Settles when the headers of the answer have arrived, or the signal fires. */
export function exchange(url: URL, route: ExchangeRoute, options: ExchangeOptions): Promise<Answer> {
  const { signal, ...request } = options;
  const { dispatcher, proxy, forward } = route;
  const path = url.pathname + url.search;
  return new Promise((resolve, reject) => {
    const handler = new Exchange(signal, options.method === 'HEAD', resolve, reject);
    if (proxy === undefined || forward === undefined)
      dispatcher.dispatch({ ...request, origin: url.origin, path }, handler);
    else {
      const headers = { ...options.headers, host: url.host, ...forward };
      dispatcher.dispatch({ ...request, headers, origin: proxy.origin, path: url.origin + path }, handler);
    }
  });
}

/** Informational answers (RFC 9110, 15.2) to one request at most. */
const MAX_NOTICES = 8;

class Exchange implements Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal | undefined;
  readonly #isHead: boolean;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: Error) => void;
  #release = (): void => undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #body: GatheredBody | undefined;
  #notices = 0;

  constructor(
    signal: AbortSignal | undefined,
    isHead: boolean,
    resolve: (answer: Answer) => void,
    reject: (error: Error) => void,
  ) {
    this.#signal = signal;
    this.#isHead = isHead;
    this.#resolve = resolve;
    this.#reject = reject;
    if (signal !== undefined) this.#release = onAbort(signal, this.#onAbort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#signal?.aborted === true) controller.abort(reasonOf(this.#signal));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Answer['headers'],
  ): void {
    answerBegun();
    if (status < 200) {
      this.#boundNotices(controller);
      return;
    }
    const body = new GatheredBody(controller);
    this.#body = body;
    const size = this.#isHead ? 0 : Number(headers['content-length'] ?? 0);
    this.#resolve({ status, headers, body, discard: (limit) => discard(body, size, limit) });
  }

  onResponseData(_controller: Dispatcher.DispatchController, bytes: Uint8Array): void {
    contentCame(bytes.length);
    this.#body?.push(bytes);
  }

  onResponseEnd(): void {
    this.#release();
    this.#body?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#release();
    if (this.#body === undefined) this.#reject(error);
    else this.#body.fail(error);
  }

  /** Each notice that an answer will come (1xx) begins undici's wait for the answer anew. */
  #boundNotices(controller: Dispatcher.DispatchController): void {
    if (++this.#notices > MAX_NOTICES)
      controller.abort(Object.assign(new Error('notices without an answer'), { code: 'ERR_NOTICES' }));
  }

  readonly #onAbort = (): void => {
    const reason = reasonOf(this.#signal);
    if (this.#body !== undefined) {
      this.#body.cut(reason);
      return;
    }
    this.#controller?.abort(reason);
    // A request that waits for its connection has no controller yet: it is left behind, and ends in `onRequestStart`.
    this.#reject(reason);
  };
}

async function discard(body: GatheredBody, size: number, limit: number): Promise<void> {
  try {
    for (let left = limit - size; left >= 0;) {
      const { done, value } = await body.next();
      if (done === true) return;
      left -= value.length;
    }
    await body.return();
  } catch {
    // The body has ended, which is the purpose.
  }
}

function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('interrupted');
}
