/**
 * The parts of a pushed manifest that a registry reads: the blobs it names, its subject, its entry in lists of referrers. It is more
 * lenient than the converter's own reading, because a registry must take any artifact of the specification.
 */
import { isDocumentType } from '../oci/manifest.js';
import { MEDIA } from '../oci/media-types.js';
import { type ContentDigest, isContentDigest } from './content-digest.js';
import { Refused } from './protocol.js';

export interface PushedManifest {
  /** Blobs that the repository must have; layers that may not be distributed are not among them. */
  readonly blobs: readonly ContentDigest[];
  readonly manifests: readonly ContentDigest[];
  readonly subject: ContentDigest | undefined;
  /** The manifest's own type, or else its config's. Distribution-spec, "Listing Referrers". */
  readonly artifactType: string | undefined;
  readonly annotations: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

const INDEX_TYPES: ReadonlySet<string> = new Set([MEDIA.ociIndex, MEDIA.dockerIndex]);

/** Throws Refused for bytes that are neither a manifest nor an index of type `mediaType`. */
export function readPushed(bytes: Uint8Array, mediaType: string): PushedManifest {
  if (!isDocumentType(mediaType)) refuse(`${mediaType} is no type of a manifest`);
  const json = parse(bytes);
  const own = json['mediaType'];
  if (own !== undefined && own !== mediaType) {
    refuse(`Content-Type is ${mediaType}, the manifest's own type ${JSON.stringify(own)}`);
  }
  if (json['schemaVersion'] !== 2) refuse('schemaVersion is not 2');
  const isIndex = INDEX_TYPES.has(mediaType);
  if (isIndex && ('layers' in json || 'config' in json)) refuse('an index with config or layers');
  const config = isIndex ? undefined : descriptor(json['config'], 'config');
  // Tools in Go write null for a list or a descriptor that is not there, and registries in Go read it so.
  const layers = isIndex ? [] : list(json['layers'] ?? [], 'layers');
  const subject =
    (json['subject'] ?? undefined) === undefined ? undefined : descriptor(json['subject'], 'subject');
  return {
    blobs: [
      ...(config === undefined ? [] : [config]),
      ...layers.filter(({ type }) => !liesElsewhere(type)),
    ].map(({ digest }) => digest),
    manifests: isIndex ? list(json['manifests'], 'manifests').map(({ digest }) => digest) : [],
    subject: subject?.digest,
    artifactType: typeof json['artifactType'] === 'string' ? json['artifactType'] : config?.type,
    annotations: json['annotations'],
  };
}

interface Part {
  readonly type: string;
  readonly digest: ContentDigest;
}

function parse(bytes: Uint8Array): Fields {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isFields(value)) return value;
  } catch {
    // refused below, like every value that is no object
  }
  return refuse('no JSON object');
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(value: unknown, what: string): Part[] {
  if (!Array.isArray(value)) return refuse(`${what} is no list`);
  return value.map((entry, index) => descriptor(entry, `${what}[${index}]`));
}

function descriptor(value: unknown, what: string): Part {
  if (!isFields(value)) return refuse(`${what} is no descriptor`);
  const { mediaType, digest, size } = value;
  if (typeof mediaType !== 'string') return refuse(`${what} has no mediaType`);
  if (typeof digest !== 'string' || !isContentDigest(digest))
    return refuse(`${what} has no digest of a kind known here`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    return refuse(`${what} has no size`);
  return { type: mediaType, digest };
}

/** Foreign and non-distributable layers are not in any registry by design. */
function liesElsewhere(mediaType: string): boolean {
  return mediaType === MEDIA.dockerForeignLayer || mediaType.includes('.nondistributable.');
}

function refuse(message: string): never {
  throw new Refused(400, 'MANIFEST_INVALID', message);
}
