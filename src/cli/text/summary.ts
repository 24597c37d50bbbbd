/** Says at the end of a conversion what a person asks then: what it weighs, what of it is new, and how to run it. */
import type { ConvertResult, ImageReport } from '../../convert/convert.js';
import type { DictionaryBlob } from '../../convert/dictionary.js';
import { digestHex } from '../../oci/digest.js';
import { table } from './columns.js';
import { leftOutLines } from './left-out.js';
import { prefetchLines } from './prefetch.js';
import { formatBytes, formatMs, plural } from './units.js';

/** `isTold` is true where each layer has had its line while it was converted: then they are not told again. */
export function convertSummary(result: ConvertResult, isTold: boolean): readonly string[] {
  const { times, kept, target, unchanged } = result;
  const images = plural(result.images.length, 'image');
  const keptText =
    kept.length === 0 ? '' : `, ${plural(kept.length, 'other entry').replace('entrys', 'entries')} kept`;
  const isNothingNew = unchanged && newBytes(result) === 0;
  return [
    ...result.images.flatMap((image) =>
      isTold
        ? extraLines(image, result, `${image.platform}: `)
        : [...imageTable(image), ...extraLines(image, result, '  '), ''],
    ),
    isNothingNew
      ? `already there: ${target} is the result of this conversion (${images}${keptText}, ${formatMs(times.total)})`
      : `converted ${images}${keptText} in ${formatMs(times.total)}, pushed to ${target}`,
    weightLine(result),
    ...cacheLines(result),
    runLine(result),
  ];
}

/** Without the copies of original images, which a merged index has beside the Nydus data. */
function weightLine(result: ConvertResult): string {
  const { sourceBytes, images, target } = result;
  const nydusBytes = images.reduce((sum, image) => sum + image.nydusBytes, 0);
  const share = sourceBytes === 0 ? '' : `, ${Math.round((nydusBytes / sourceBytes) * 100)} % of the source`;
  const fresh = newBytes(result);
  const place = isFile(target) ? 'target' : 'registry';
  const news =
    fresh === 0 ? `nothing of it new in the ${place}` : `${formatBytes(fresh)} of it new in the ${place}`;
  return `Nydus data: ${formatBytes(nydusBytes)}${share}; ${news}`;
}

function cacheLines({ cache }: ConvertResult): readonly string[] {
  if (cache === undefined) return [];
  const { hits, misses, savedBytes, written } = cache;
  const saved = hits === 0 ? '' : `, ${formatBytes(savedBytes)} of the source not read`;
  return [
    `build cache: ${hits} of ${plural(hits + misses, 'layer')} found${saved}${written ? '; written' : ''}`,
  ];
}

/** Bytes of the blobs that the target had not. Images may share a blob, which is pushed once. */
function newBytes({ images }: ConvertResult): number {
  const pushed = new Map<string, number>();
  for (const { layers } of images)
    for (const { blob, outcome } of layers) if (outcome === 'pushed') pushed.set(blob.digest, blob.size);
  return [...pushed.values()].reduce((sum, size) => sum + size, 0);
}

function runLine({ target, images }: ConvertResult): string {
  if (isFile(target)) return `push it: nydusify copy ${target} REGISTRY/NAME:TAG`;
  const lazily = `nerdctl --snapshotter nydus run --rm ${target}`;
  const merged = images.some(({ oci }) => oci !== undefined);
  return merged ? `run it: ${lazily} (other clients find the original in it)` : `run it: ${lazily}`;
}

/** Folders and archives stand behind `oci:`, `oci-archive:` and the like; a registry's name has a slash or a port there. */
function isFile(target: string): boolean {
  return /^(?:oci|oci-archive|docker-archive):/.test(target);
}

function imageTable({ platform, layers, bootstrapBytes }: ImageReport): readonly string[] {
  const rows = layers.map(({ source, stats, outcome, cache, savedBytes }, i) => [
    String(i + 1),
    digestHex(source.digest).slice(0, 12),
    formatBytes(stats.sourceBytes),
    formatBytes(stats.blobBytes),
    String(stats.chunks),
    stats.chunks === stats.newChunks
      ? '-'
      : `${stats.chunks - stats.newChunks} (${formatBytes(stats.duplicateBytes)})`,
    outcome,
    ...(cache === undefined ? [] : [cache, formatBytes(savedBytes ?? 0)]),
  ]);
  const sum = (pick: (layer: ImageReport['layers'][number]) => number): number =>
    layers.reduce((total, layer) => total + pick(layer), 0);
  const isCached = layers.some(({ cache }) => cache !== undefined);
  const duplicates = sum(({ stats }) => stats.chunks - stats.newChunks);
  const total = [
    'all',
    '',
    formatBytes(sum(({ stats }) => stats.sourceBytes)),
    formatBytes(sum(({ stats }) => stats.blobBytes)),
    String(sum(({ stats }) => stats.chunks)),
    duplicates === 0 ? '-' : `${duplicates} (${formatBytes(sum(({ stats }) => stats.duplicateBytes))})`,
    '',
    ...(isCached ? ['', formatBytes(sum(({ savedBytes = 0 }) => savedBytes))] : []),
  ];
  return [
    `${platform}, bootstrap ${formatBytes(bootstrapBytes)}`,
    ...table(
      [
        [
          ...['layer', 'digest', 'source', 'blob', 'chunks', 'duplicates saved', 'blob was'],
          ...(isCached ? ['cache', 'not read'] : []),
        ],
        ...rows,
        total,
      ],
      new Set([0, 1, 6, 7]),
    ).map((line) => `  ${line}`),
  ];
}

/** A smaller saving is not worth a line, nor the price of the other scope of deduplication. */
const LEAST_SAVING = 0.01;

/** How many blobs have batches is worth a line wherever there could be any: old clients do not read them. */
function batchLines({ layers }: ImageReport, { batching }: ConvertResult, before: string): readonly string[] {
  if (batching === undefined) return [];
  const blobs = new Map(layers.map(({ blob, batches }) => [blob.digest, batches]));
  const batched = [...blobs.values()].filter((batches) => batches > 0);
  const all = batched.reduce((sum, batches) => sum + batches, 0);
  const { isAuto, below, size } = batching;
  const files = `files below ${formatBinary(below)}${isAuto ? ' that follow one another' : ''}`;
  if (all === 0) return [`${before}no ${files} are there to be compressed together`];
  const where = `in ${batched.length} of ${plural(blobs.size, 'blob')}`;
  const batches = plural(all, 'batch').replace('batchs', 'batches');
  return [`${before}${files} are compressed together in ${batches} below ${formatBinary(size)}, ${where}`];
}

/** A power of two. */
function formatBinary(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes / 2 ** 10} KiB` : `${bytes / 2 ** 20} MiB`;
}

/** Names the blobs of the dictionary that files refer to, the one that saves most first. */
function dictionaryLines({ dictionaryBlobs }: ImageReport, before: string): readonly string[] {
  if (dictionaryBlobs.length === 0) return [];
  const sum = (pick: (blob: DictionaryBlob) => number): number =>
    dictionaryBlobs.reduce((total, blob) => total + pick(blob), 0);
  const saved = formatBytes(sum(({ savedBytes }) => savedBytes));
  const chunks = plural(
    sum((blob) => blob.chunks),
    'chunk',
  );
  return [
    `${before}chunk dictionary: ${saved} not stored again (${chunks} in ${plural(dictionaryBlobs.length, 'blob')} of it)`,
    ...dictionaryBlobs
      .toSorted((a, b) => b.savedBytes - a.savedBytes)
      .map(
        (blob) =>
          `${before}  blob ${digestHex(blob.digest).slice(0, 12)}, ${formatBytes(blob.size)}: ${formatBytes(blob.savedBytes)} (${plural(blob.chunks, 'chunk')})`,
      ),
  ];
}

function extraLines(image: ImageReport, result: ConvertResult, before: string): readonly string[] {
  const { prefetched } = image;
  const list = prefetched === undefined ? [] : prefetchLines(prefetched).map((line) => `${before}${line}`);
  return [
    ...leftOutLines(image.layers).map((line) => `${before}${line}`),
    ...dictionaryLines(image, before),
    ...(image.recipeBytes === 0
      ? []
      : [`${before}recipes of the tars of its layers: ${formatBytes(image.recipeBytes)}`]),
    ...savingLines(image, before),
    ...batchLines(image, result, before),
    ...list,
  ];
}

function savingLines({ repeatedBytes, layers }: ImageReport, before: string): readonly string[] {
  const blobBytes = layers.reduce((sum, { stats }) => sum + stats.blobBytes, 0);
  if (repeatedBytes === 0 || repeatedBytes < blobBytes * LEAST_SAVING) return [];
  const share = ((repeatedBytes / blobBytes) * 100).toFixed(1);
  return [`${before}--dedup image would store ${formatBytes(repeatedBytes)} (${share} %) less`];
}
