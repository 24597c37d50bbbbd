/** Reads a blob or a manifest as a stream that survives cut connections: the missing bytes are requested by range. */
import { RegistryError } from '../../errors.js';
import { sleepFor, backoffMs } from '../../io/retry.js';
import type { ByteRange, ByteStream } from '../../io/streams.js';
import { silentReporter, type CallOptions } from '../../reporter.js';
import { ANSWERS, meaningOf } from '../answers.js';
import type { ApiRequest, RegistryClient } from './client.js';
import { isTooSlow } from '../http/liveness.js';
import type { Headers, HttpResponse } from '../http/transport.js';

export interface Download extends CallOptions {
  readonly path: string;
  readonly headers?: Headers | undefined;
  /** Bytes of the whole content, by its descriptor. */
  readonly size: number;
  readonly range?: ByteRange | undefined;
  readonly what: string;
  readonly scopes: readonly string[];
}

/** Cut connections do not count as long as each brings something; after this many that did not, the download fails. */
const MAX_IDLE_CUTS = 3;
/** Bytes: a connection that brought fewer counts as having brought nothing, or a blob could take for ever, byte by byte. */
const MIN_PROGRESS = 64 * 1024;

/** The bytes of the range, or all. Ends early only when the server says that there are no more; the caller verifies. */
export async function* download(client: RegistryClient, options: Download): ByteStream {
  const start = options.range?.start ?? 0;
  const end = options.range?.end ?? options.size;
  let at = start;
  const started = performance.now();
  let idleCuts = 0;
  let byRange = true;
  while (at < end) {
    const before = at;
    let cause: unknown;
    const response = await open(client, options, byRange ? { start: at, end } : undefined);
    // Where the range is refused, the whole cannot be.
    if (response === undefined) {
      byRange = false;
      continue;
    }
    const answered = readAnswer(response, at, options, byRange);
    if (answered.kind === 'end') {
      await response.discard();
      if (client.distrust(options.path, `${options.what}: it ends after ${at} bytes`, options)) continue;
      return;
    }
    if (answered.kind === 'wrong') {
      // Some servers and caches get ranges wrong, so ask for the whole content, which they cannot get wrong.
      await response.discard();
      byRange = false;
      cause = answered.error;
    } else {
      try {
        for await (const bytes of from(response.body, answered.skip)) {
          const room = options.range === undefined ? bytes.length : Math.min(bytes.length, end - at);
          at += room;
          yield bytes.length === room ? bytes : bytes.subarray(0, room);
          if (options.range !== undefined && at === end) return;
        }
      } catch (error) {
        if (!(error instanceof RegistryError) || !error.retryable) throw error;
        cause = error;
      }
    }
    if (at >= end) return;
    const isProgress = at - before >= MIN_PROGRESS && !isTooSlow(at - start, performance.now() - started);
    idleCuts = isProgress ? 1 : idleCuts + 1;
    cause ??= new RegistryError(
      `${options.what}: the connection ended after ${at - start} of ${end - start} bytes`,
      { retryable: true },
    );
    if (idleCuts > MAX_IDLE_CUTS) {
      const why = cause instanceof Error ? cause.message : String(cause);
      if (!client.distrust(options.path, why, options)) throw cause;
      idleCuts = 0;
      byRange = true;
      continue;
    }
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

/** Undefined when the range is refused. */
async function open(
  client: RegistryClient,
  options: Download,
  range: ByteRange | undefined,
): Promise<HttpResponse | undefined> {
  const whole = range === undefined || (range.start === 0 && options.range === undefined);
  const request: Omit<ApiRequest, 'answers'> = {
    method: 'GET',
    url: options.path,
    headers: { ...options.headers, ...(whole ? {} : { range: `bytes=${range.start}-${range.end - 1}` }) },
    what: options.what,
    scopes: options.scopes,
    signal: options.signal,
    reporter: options.reporter,
  };
  return whole
    ? client.request({ ...request, answers: ANSWERS.readWhole })
    : client.optional({ ...request, answers: ANSWERS.readPart });
}

type Answer =
  /** The body continues at the requested offset, once `skip` bytes of it have been skipped. */
  | { readonly kind: 'bytes'; readonly skip: number }
  /** The server has nothing at the offset where the content should continue. */
  | { readonly kind: 'end' }
  /** The answer is of no use. */
  | { readonly kind: 'wrong'; readonly error: RegistryError };

/** Interprets an answer for offset `at`. A server that ignores the range sends all bytes from the start. */
function readAnswer(response: HttpResponse, at: number, { what, size }: Download, byRange: boolean): Answer {
  const { status } = response;
  const said = response.headers['content-range'] ?? '';
  const wrong = (): Answer => ({
    kind: 'wrong',
    error: new RegistryError(`${what}: asked for bytes from ${at}, was given "${said}"`, { status }),
  });
  const meaning = meaningOf(ANSWERS.readPart, status);
  if (meaning === 'whole' || (!byRange && said === '')) return { kind: 'bytes', skip: at };
  if (meaning === 'end') {
    const total = /^bytes \*\/(\d+)$/.exec(said)?.[1];
    return total !== undefined && Number(total) === size ? wrong() : { kind: 'end' };
  }
  const start = /^bytes (\d+)-/.exec(said)?.[1];
  return start !== undefined && Number(start) <= at ? { kind: 'bytes', skip: at - Number(start) } : wrong();
}

async function* from(stream: ByteStream, skip: number): ByteStream {
  let left = skip;
  for await (const bytes of stream) {
    if (left >= bytes.length) {
      left -= bytes.length;
    } else {
      yield left === 0 ? bytes : bytes.subarray(left);
      left = 0;
    }
  }
}
