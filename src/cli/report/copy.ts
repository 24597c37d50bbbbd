/** What a copy has come to, as a document for programs. Members are added, never renamed. */
import type { CopyComparison } from '../../copy/compare.js';
import type { CopyResult } from '../../copy/copy.js';
import type { Descriptor } from '../../oci/descriptor.js';

/** The answer of `copy --json`. `image` is the name of the copy. */
export function copyDocument(
  image: string,
  { digest, mediaType, size }: Descriptor,
  result: CopyResult | undefined,
  comparison: CopyComparison | undefined,
): object {
  const { source, target } = result ?? comparison ?? { source: '', target: '' };
  return {
    schemaVersion: 1,
    image,
    source,
    target,
    digest,
    mediaType,
    size,
    ...(result === undefined ? {} : { copied: copiedJson(result) }),
    ...(comparison === undefined ? {} : { verified: verifiedJson(comparison) }),
  };
}

function copiedJson({ unchanged, contents, sentBytes, milliseconds }: CopyResult): object {
  return {
    unchanged,
    contents: contents.map(({ isReferrer, ...content }) => ({
      ...content,
      ...(isReferrer ? { isReferrer } : {}),
    })),
    sentBytes,
    milliseconds: Math.round(milliseconds),
  };
}

function verifiedJson({ compared, bytes, differences }: CopyComparison): object {
  return { compared, bytes, differences };
}
