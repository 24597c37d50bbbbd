/** Uploads to the embedded registry: what arrives there, and faults in the middle of a body. */
import type { IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';
import type { ReplayableContent } from '../../../src/io/streams.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openTarget, type OpenOptions } from '../../../src/registry/open.js';
import type { ImageTarget } from '../../../src/registry/stores/store.js';
import { describe, noise } from '../images/opaque-image.js';
import { observedRegistry, type ObservedRegistry } from './observed-registry.js';

/** A blob to send, of some pieces. */
export const bytes = noise(700_000, 3);
export const descriptor = describe(MEDIA.ociLayerTar, bytes);

export interface UploadRequest {
  readonly method: string;
  readonly range: string | undefined;
  readonly status: number;
}

export interface ObservedUploads extends Pick<ObservedRegistry, 'host' | 'root' | 'intercept'> {
  /** The requests that belong to uploads. */
  readonly seen: readonly UploadRequest[];
  /** Their methods, separated by blanks. */
  readonly methods: () => string;
  open(options?: Partial<OpenOptions>): ImageTarget;
}

export async function observedUploads(t: TestContext): Promise<ObservedUploads> {
  const registry = await observedRegistry(t);
  const uploads = (): UploadRequest[] =>
    registry.seen
      .filter(({ path }) => path.includes('/uploads/'))
      .map(({ method, headers, status }) => {
        const range = headers['content-range'];
        return { method, range: typeof range === 'string' ? range : undefined, status };
      });
  return {
    host: registry.host,
    root: registry.root,
    get seen() {
      return uploads();
    },
    methods: () =>
      uploads()
        .map(({ method }) => method)
        .join(' '),
    open: (options = {}) =>
      openTarget(`${registry.host}/a:1`, {
        credentials: anonymous,
        retry: { attempts: 4, baseMs: 1, capMs: 100 },
        ...options,
      }),
    get intercept() {
      return registry.intercept;
    },
    set intercept(intercept) {
      registry.intercept = intercept;
    },
  };
}

export const isUpload = (request: IncomingMessage, method: string): boolean =>
  request.method === method && request.url?.includes('/uploads/') === true;

/** Lets `size` bytes of the body through to the registry, then cuts the connection. Once. */
export function cutAfter(method: string, size: number): ObservedRegistry['intercept'] {
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

/** Reports how much of a request's body the registry has read. A listener for `data` would take the bytes away from it. */
export function observeBody(request: IncomingMessage, onBytes: (received: number) => void): void {
  const read = request[Symbol.asyncIterator].bind(request);
  request[Symbol.asyncIterator] = async function* () {
    let received = 0;
    for await (const piece of { [Symbol.asyncIterator]: read } as AsyncIterable<Buffer>) {
      yield piece;
      received += piece.length;
      onBytes(received);
    }
  } as typeof read; // a generator lacks only methods that no caller uses
}

/** The content, and the offsets at which it is opened, in order. */
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
