/** A registry that does as the specification says, but for the fault, and what is seen of uploads there. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { startRegistry } from '../../../src/embedded-registry/server.js';
import type { ReplayableContent } from '../../../src/io/streams.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openTarget, type OpenOptions } from '../../../src/registry/open.js';
import type { ImageTarget } from '../../../src/registry/stores/store.js';
import { describe, noise } from '../images/opaque-image.js';
import { tempFolder } from '../temp-folder.js';

/** A blob to send, of some pieces. */
export const bytes = noise(700_000, 3);
export const descriptor = describe(MEDIA.ociLayerTar, bytes);

export interface Seen {
  /** `METHOD` of a request that belongs to an upload. */
  readonly method: string;
  readonly range: string | undefined;
  readonly status: number;
}

export interface Rig {
  readonly host: string;
  /** The registry's folder. */
  readonly root: string;
  readonly seen: readonly Seen[];
  readonly methods: () => string;
  open(options?: Partial<OpenOptions>): ImageTarget;
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
}

export async function rig(t: TestContext): Promise<Rig> {
  const seen: Seen[] = [];
  const root = await tempFolder(t);
  const registry = await startRegistry({
    root,
    observe: ({ method, path, headers, status }) => {
      if (!path.includes('/uploads/')) return;
      const range = headers['content-range'];
      seen.push({ method, range: typeof range === 'string' ? range : undefined, status });
    },
    intercept: (request, response) => result.intercept(request, response),
  });
  t.after(() => registry.close());
  const result: Rig = {
    host: registry.host,
    root,
    seen,
    methods: () => seen.map(({ method }) => method).join(' '),
    open: (options = {}) =>
      openTarget(`${registry.host}/a:1`, {
        credentials: anonymous,
        retry: { attempts: 4, baseMs: 1, capMs: 100 },
        ...options,
      }),
    intercept: () => false,
  };
  return result;
}

export const isUpload = (request: IncomingMessage, method: string): boolean =>
  request.method === method && request.url?.includes('/uploads/') === true;

/** Lets `size` bytes of the body through to the registry, then cuts the connection. Once. */
export function cutAfter(method: string, size: number): Rig['intercept'] {
  let done = false;
  return (request) => {
    if (done || !isUpload(request, method)) return false;
    done = true;
    observeBody(request, (received) => {
      if (received >= size) request.socket.destroy();
    });
    return false;
  };
}

/** Told how much of a request's body the registry has read. A listener for `data` would take it away. */
export function observeBody(request: IncomingMessage, onBytes: (received: number) => void): void {
  const read = request[Symbol.asyncIterator].bind(request);
  request[Symbol.asyncIterator] = async function* () {
    let received = 0;
    for await (const piece of { [Symbol.asyncIterator]: read } as AsyncIterable<Buffer>) {
      yield piece;
      received += piece.length;
      onBytes(received);
    }
  } as typeof read; // a generator is an iterator, but for what nobody calls
}

/** What was read of the content, by offset, in the order of opening. */
export function watched(content: ReplayableContent): { content: ReplayableContent; starts: number[] } {
  const starts: number[] = [];
  return {
    starts,
    content: {
      size: content.size,
      open: (range) => {
        starts.push(range?.start ?? 0);
        return content.open(range);
      },
    },
  };
}
