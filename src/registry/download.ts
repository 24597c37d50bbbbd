/** A blob or a manifest as a stream that survives cut connections: what is missing is asked for by range. */
import { RegistryError } from '../errors.js';
import { sleepFor, backoffMs } from '../io/retry.js';
import { type ByteRange, type ByteStream } from '../io/streams.js';
import { silentReporter, type CallOptions } from '../reporter.js';
import { type RegistryClient } from './client.js';
import { type Headers, type HttpResponse } from './transport.js';

export interface Download extends CallOptions {
  readonly path: string;
  readonly headers?: Headers | undefined;
  /** Of the whole content, as its descriptor says. */
  readonly size: number;
  readonly range?: ByteRange | undefined;
  readonly what: string;
  readonly scopes: readonly string[];
}

/** A connection may be cut as often as it likes, as long as it brings something; after this many without a byte it is over. */
const MAX_IDLE_CUTS = 3;

/** The bytes of the range, or of all. Ends early only when the server says that there is no more; the caller verifies. */
export async function* download(client: RegistryClient, options: Download): ByteStream {
  const start = options.range?.start ?? 0;
  const end = options.range?.end ?? options.size;
  let at = start;
  let idleCuts = 0;
  while (at < end) {
    const before = at;
    const response = await open(client, options, at, end);
    if (response === undefined) return;
    let cause: unknown;
    try {
      for await (const bytes of cut(response, at, options)) {
        const room = options.range === undefined ? bytes.length : Math.min(bytes.length, end - at);
        at += room;
        yield bytes.length === room ? bytes : bytes.subarray(0, room);
        if (options.range !== undefined && at === end) return;
      }
    } catch (error) {
      if (!(error instanceof RegistryError) || !error.retryable) throw error;
      cause = error;
    }
    if (at >= end) return;
    idleCuts = at > before ? 1 : idleCuts + 1;
    cause ??= new RegistryError(
      `${options.what}: the connection ended after ${at - start} of ${end - start} bytes`,
      { retryable: true },
    );
    if (idleCuts > MAX_IDLE_CUTS) throw cause;
    const delayMs = backoffMs(client.retryPolicy, idleCuts, Math.random);
    (options.reporter ?? silentReporter).emit({
      type: 'retry',
      what: options.what,
      attempt: idleCuts,
      delayMs,
      cause,
    });
    await sleepFor(delayMs, options.signal);
  }
}

/** Undefined when nothing lies at `at`, which is where the content should go on. */
async function open(
  client: RegistryClient,
  options: Download,
  at: number,
  end: number,
): Promise<HttpResponse | undefined> {
  const whole = at === 0 && options.range === undefined;
  const response = await client.request({
    method: 'GET',
    url: options.path,
    headers: { ...options.headers, ...(whole ? {} : { range: `bytes=${at}-${end - 1}` }) },
    accept: [200, 206, 416],
    what: options.what,
    scopes: options.scopes,
    signal: options.signal,
    reporter: options.reporter,
  });
  if (response.status !== 416) return response;
  await response.discard();
  return undefined;
}

/** The body from offset `at` on. A server that ignores the range sends all of it: the start is read past. */
async function* cut(response: HttpResponse, at: number, options: Download): ByteStream {
  let skip = response.status === 206 ? 0 : at;
  if (response.status === 206) {
    const start = /^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1];
    if (start === undefined || Number(start) !== at) {
      await response.discard();
      throw new RegistryError(
        `${options.what}: asked for bytes from ${at}, was given "${response.headers['content-range'] ?? ''}"`,
        {
          status: 206,
        },
      );
    }
  }
  for await (const bytes of response.body) {
    if (skip >= bytes.length) {
      skip -= bytes.length;
    } else {
      yield skip === 0 ? bytes : bytes.subarray(skip);
      skip = 0;
    }
  }
}
