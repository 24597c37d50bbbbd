/** Parts of the documents of an image that a blob is put on. Members that nothing here knows are kept. */
import { FormatError } from '../errors.js';
import type { Descriptor } from '../oci/descriptor.js';
import {
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonObject,
  memberOf,
  withMembers,
} from '../oci/json/value.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';

type Sized = Pick<Descriptor, 'digest' | 'size'>;

/** The diffIDs of a config. Throws FormatError if it has another number of them than the manifest has `layers`. */
export function diffIdsFor(
  config: JsonObject,
  layers: number,
): { readonly rootfs: JsonObject; readonly diffIds: readonly Json[] } {
  const rootfs = config.get('rootfs');
  const diffIds = memberOf(rootfs, 'diff_ids');
  if (!isJsonObject(rootfs) || !isJsonArray(diffIds) || diffIds.length !== layers)
    throw new FormatError(
      `unmatched layers between manifest and config: ${layers} != ${isJsonArray(diffIds) ? diffIds.length : 0}`,
    );
  return { rootfs, diffIds };
}

/** The members of a descriptor that say which content it means. */
export function namedMembers({
  digest,
  size,
}: Sized): Readonly<Record<'digest' | 'size' | 'data', Json | undefined>> {
  return { digest, size: sizeJson(size), data: undefined };
}

/** The descriptor of a blob with chunks. */
export function blobLayer({ digest, size }: Sized): JsonObject {
  const annotations = jsonObject({ [ANNOTATION.nydusBlob]: 'true' });
  return jsonObject({ mediaType: MEDIA.nydusBlob, digest, size: sizeJson(size), annotations });
}

/** The descriptor of a bootstrap in the place of `old`, with one more annotation. */
export function bootstrapLayerOver(
  old: Json | undefined,
  bootstrap: Sized,
  annotation: Readonly<Record<string, string>>,
): JsonObject {
  return withMembers(objectOf(old), {
    ...namedMembers(bootstrap),
    annotations: withMembers(objectOf(memberOf(old, 'annotations')), {
      [ANNOTATION.uncompressed]: undefined,
      ...annotation,
    }),
  });
}

/** The object, or an empty one for any other value. */
export function objectOf(json: Json | undefined): JsonObject {
  return isJsonObject(json) ? json : jsonObject({});
}

export function sizeJson(size: number): Json {
  return { digits: String(size) };
}
