/** Counts the cost of looking: an image source that passes everything on and keeps the sum. */
import type { ByteStream } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { FetchOptions, ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

export interface Traffic {
  /** Questions put to the store: the name resolved, content asked for whole or by range. Logins and redirects are not counted. */
  requests: number;
  /** Bytes of content as they arrived. */
  bytes: number;
}

/** Disposing of it disposes of `source`. */
export function countTraffic(source: ImageSource, traffic: Traffic): ImageSource {
  return {
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
