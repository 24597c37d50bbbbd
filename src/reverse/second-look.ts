/** Bytes without sense may be those of a store that has answered wrongly, and not those of the image. */
import { FormatError } from '../errors.js';
import { measure } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

/**
 * Reads content, and once more if it made no sense and the whole of it has turned out to be right: a range is not verified, and a parser
 * may fail before the last byte shows that a digest is wrong. Throws ContentMismatchError when the store has other content.
 */
export async function secondLook<T>(
  store: ContentSource,
  content: Descriptor,
  call: CallOptions,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    await measure(store.fetch(content, call));
    return read();
  }
}
