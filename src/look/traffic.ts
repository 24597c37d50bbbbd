/** Counts the cost of looking with an image source that forwards every call and adds up requests and bytes. */
import type { ByteStream } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type Backed, type FetchOptions, hasBackend, type ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

export interface Traffic {
  /**
   * Requests to the store: resolving a name, and fetching content whole or by range. Logins and redirects do not count.
   */
  requests: number;
  /** Bytes of content as they arrived. */
  bytes: number;
}

/** Disposing of the result also disposes of `source`. */
export function countTraffic(source: ImageSource, traffic: Traffic): ImageSource {
  return {
    ...(hasBackend(source) ? countedBackend(source, traffic) : {}),
    place: source.place,
    location: source.location,
    resolve: async (options?: CallOptions): Promise<Descriptor> => {
      traffic.requests += 1;
      return source.resolve(options);
    },
    exists: async (descriptor: Descriptor, options?: CallOptions): Promise<boolean> => {
      traffic.requests += 1;
      return source.exists(descriptor, options);
    },
    fetch: async function* (descriptor: Descriptor, options?: FetchOptions): ByteStream {
      traffic.requests += 1;
      for await (const bytes of source.fetch(descriptor, options)) {
        traffic.bytes += bytes.length;
        yield bytes;
      }
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

function countedBackend(source: Backed, traffic: Traffic): Backed {
  const count = <T>(answer: Promise<T>): Promise<T> => {
    traffic.requests += 1;
    return answer;
  };
  return {
    backend: source.backend,
    sizeOf: (digest, options) => count(source.sizeOf(digest, options)),
    sizeInBackend: (digest, options) => count(source.sizeInBackend(digest, options)),
  };
}
