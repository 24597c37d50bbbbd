/** What a document refers to, and how a store serves it. */
import { inTurns } from '../turns.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type Digest, isDigest } from '../oci/digest.js';
import {
  documentSteps,
  type Index,
  isDocumentType,
  isSchema1Type,
  type ListedDescriptor,
  type Manifest,
} from '../oci/manifest.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';

/** The documents below an index, or the blobs of a manifest. */
function childrenOf(document: Manifest | Index): readonly ListedDescriptor[] {
  if (document.kind === 'index') return document.manifests;
  return [document.config, ...document.layers].map(asBlob);
}

/** Registries serve configs and layers as blobs, whatever their media types say: an artifact may have an index as its layer. */
function asBlob(descriptor: ListedDescriptor): ListedDescriptor {
  return isDocumentType(descriptor.mediaType)
    ? { ...descriptor, mediaType: MEDIA.untypedConfig }
    : descriptor;
}

/** What a document is, as far as a copy needs to know it. */
export interface ReadDocument {
  /** The type under which the bytes are pushed. */
  readonly mediaType: string;
  readonly children: readonly ListedDescriptor[];
  /** Layers whose sizes the document does not tell: those of Docker's schema 1, and original layers that hold the chunks of an image. */
  readonly unsized: readonly Digest[];
  /** The original of an image whose chunks stay in the layers of it: these last as long as what names them. */
  readonly original?: ListedDescriptor | undefined;
}

/** Throws FormatError for bytes that are no document. */
export async function readDocument(
  bytes: Uint8Array,
  { mediaType }: Pick<Descriptor, 'mediaType'>,
  signal: AbortSignal | undefined,
): Promise<ReadDocument> {
  if (isSchema1Type(mediaType)) return { mediaType, children: [], unsized: layersOfSchema1(bytes) };
  const document = await inTurns(documentSteps(bytes, mediaType), signal);
  const read = { mediaType: document.mediaType, children: childrenOf(document) };
  if (document.kind === 'index') return { ...read, unsized: [] };
  const unsized = originalLayers(document);
  return { ...read, unsized, original: unsized.length === 0 ? undefined : document.subject };
}

/** The layers of the original that hold chunks of a Nydus image (zran), which its manifest does not list. */
function originalLayers({ layers }: Manifest): readonly Digest[] {
  const listed = new Set<string>(layers.map(({ digest }) => digest));
  const named = layers.flatMap(({ annotations }) => annotations?.[ANNOTATION.nydusRef] ?? []);
  return [...new Set(named)].filter(isDigest).filter((digest) => !listed.has(digest));
}

/** The layers that can be made out; the registry judges the rest of the document. */
function layersOfSchema1(bytes: Uint8Array): readonly Digest[] {
  const text = new TextDecoder().decode(bytes);
  const found = [...text.matchAll(/"blobSum"\s*:\s*"([^"\\]*)"/g)].map(([, digest = '']) => digest);
  return [...new Set(found)].filter(isDigest);
}
