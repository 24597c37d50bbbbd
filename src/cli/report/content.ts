/** A piece of content in documents for programs. */
import type { Descriptor } from '../../oci/descriptor.js';

export function contentJson({ mediaType, digest, size }: Descriptor): object {
  return { mediaType, digest, size };
}
