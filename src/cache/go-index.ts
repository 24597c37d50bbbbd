/**
 * Writes an index exactly as Go's encoder does. Upstream's cache code reads an index into its types, encodes it again and
 * compares digests, so that any other form is an error to it.
 */
import type { Annotations, Descriptor, Platform } from '../oci/descriptor.js';
import type { JsonValue } from '../oci/manifest.js';

export function goIndex(
  mediaType: string,
  manifests: readonly Descriptor[],
  annotations?: Annotations,
): Uint8Array {
  const json = {
    schemaVersion: 2,
    mediaType,
    manifests: manifests.map(descriptor),
    ...annotationsJson(annotations),
  };
  // Go's encoder makes text safe for HTML, and for the two ends of line that JavaScript once did not know in strings.
  const text = JSON.stringify(json, undefined, 2).replace(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Buffer.from(text, 'utf8');
}

/** In the order of the members of Go's type; absent ones are left out. */
function descriptor({ mediaType, digest, size, annotations, platform, artifactType }: Descriptor): JsonValue {
  return {
    mediaType,
    digest,
    size,
    ...annotationsJson(annotations),
    ...(platform === undefined ? {} : { platform: platformJson(platform) }),
    ...(artifactType === undefined || artifactType === '' ? {} : { artifactType }),
  };
}

/** Go sorts the keys of a map by their bytes. */
function annotationsJson(annotations: Annotations = {}): { readonly annotations?: JsonValue } {
  const sorted = Object.entries(annotations).sort(([one], [other]) =>
    Buffer.compare(Buffer.from(one), Buffer.from(other)),
  );
  return sorted.length === 0 ? {} : { annotations: Object.fromEntries(sorted) };
}

function platformJson({ architecture, os, osVersion, osFeatures, variant }: Platform): JsonValue {
  return {
    architecture,
    os,
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
    ...(osFeatures === undefined || osFeatures.length === 0 ? {} : { 'os.features': osFeatures }),
    ...(variant === undefined || variant === '' ? {} : { variant }),
  };
}
