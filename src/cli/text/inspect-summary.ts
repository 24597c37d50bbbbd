/** Prints the summary of an image, as text and as JSON. */
import { digestHex, type Digest } from '../../oci/digest.js';
import type { BootstrapSummary, ImageSummary, LayerSummary, ReferenceSummary } from '../../look/summary.js';
import { table } from './columns.js';
import { formatBytes, plural } from './units.js';

export function* summaryLines(summary: ReferenceSummary): Generator<string> {
  const { location, root, isIndex, images, unread, foreign } = summary;
  yield location;
  yield `${isIndex ? 'index' : 'manifest'} ${root.digest}, ${root.mediaType}`;
  if (foreign.length > 0)
    yield `and ${plural(foreign.length, 'entry').replace('entrys', 'entries')} of other kinds (attestations, artifacts)`;
  const platforms = new Map<string, number>();
  for (const { platform } of images) platforms.set(platform, (platforms.get(platform) ?? 0) + 1);
  for (const image of images) {
    yield '';
    yield* imageLines(image, (platforms.get(image.platform) ?? 0) > 1);
  }
  if (unread.length > 0) yield '';
  for (const { platform, digest, reason } of unread)
    yield `${platform}  ${shortDigest(digest)} could not be read: ${reason}`;
}

function* imageLines(image: ImageSummary, isHalf: boolean): Generator<string> {
  const { platform, kind, digest, size, layers, bootstrap, source } = image;
  const half = isHalf ? (kind === 'nydus' ? ', for Nydus clients' : ', for all other clients') : '';
  yield `${platform}  ${kind === 'nydus' ? 'Nydus' : 'OCI'} image${half}`;
  yield `  manifest  ${digest}`;
  if (source !== undefined) {
    const { reference, digest: of } = source;
    yield `  made from ${[reference, of].filter((part) => part !== undefined).join(' ')}`;
  }
  if (bootstrap !== undefined) yield* bootstrapLines(bootstrap);
  yield `  layers    ${layers.length}, ${formatBytes(size)}`;
  yield* layerTable(layers, kind === 'nydus').map((line) => `    ${line}`);
}

function* bootstrapLines(bootstrap: BootstrapSummary): Generator<string> {
  const { version, size, chunkSize, compressor, digester, flags, inodes, fileBytes, unique } = bootstrap;
  const kinds = Object.entries(inodes)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
  yield `  RAFS      v${version}, ${compressor}, ${digester}, chunks of ${chunkSize / 1024} KiB; bootstrap of ${formatBytes(size)}`;
  yield `  flags     ${flags}`;
  yield `  inodes    ${kinds}`;
  const saved = fileBytes - unique.bytes;
  const share = fileBytes === 0 ? '' : ` (${((saved / fileBytes) * 100).toFixed(1)} %)`;
  yield `  files     ${formatBytes(fileBytes)} in ${bootstrap.references} chunks, ${unique.count} of them different: ${formatBytes(unique.bytes)}`;
  yield `  dedup     saves ${formatBytes(saved)}${share}; what is left is stored in ${formatBytes(unique.stored)}`;
}

function layerTable(layers: readonly LayerSummary[], nydus: boolean): readonly string[] {
  const rows = layers.map(({ digest, mediaType, size, kind, blob }, i) => [
    String(i + 1),
    shortDigest(digest),
    formatBytes(size),
    ...(nydus
      ? [
          kind === 'blob' ? kindOf(blob) : kind,
          blob === undefined ? '-' : String(blob.chunks),
          blob === undefined ? '-' : String(blob.used.chunks),
          blob === undefined ? '-' : formatBytes(blob.used.uncompressed),
          blob === undefined ? '-' : formatBytes(blob.used.stored),
        ]
      : [mediaType]),
  ]);
  const head = nydus
    ? ['layer', 'digest', 'size', 'kind', 'chunks', 'used', 'uncompressed', 'stored']
    : ['layer', 'digest', 'size', 'media type'];
  return table([head, ...rows], new Set([0, 1, 3]));
}

/** The way in which chunks are stored, or the layer that they stay in. */
function kindOf(blob: LayerSummary['blob']): string {
  if (blob === undefined) return 'unused';
  return blob.original === undefined ? blob.compressor : `in ${shortDigest(blob.original)}`;
}

function shortDigest(digest: Digest): string {
  return digestHex(digest).slice(0, 12);
}

export function summaryJson({ location, root, isIndex, images, unread, foreign }: ReferenceSummary): object {
  const { mediaType, digest, size } = root;
  return {
    location,
    root: { mediaType, digest, size },
    kind: isIndex ? 'index' : 'manifest',
    images,
    ...(unread.length === 0 ? {} : { unread }),
    foreign,
  };
}
