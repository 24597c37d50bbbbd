/**
 * Converts the layers of an image that is flattened: all are packed before the first blob is complete, since only the merged tree
 * tells which chunks a container sees. Then each blob is pushed as a whole.
 */
import { untilAborted } from '../native/until-aborted.js';
import { rm } from 'node:fs/promises';
import { mapOrdered } from '../io/concurrency.js';
import type { NativeMergedImage } from '../native/addon-types.js';
import type { PackedLayer } from '../native/layer.js';
import type { SealedBlob } from '../native/packer.js';
import { MEDIA } from '../oci/media-types.js';
import type { PushOutcome } from '../registry/stores/store.js';
import type { CallOptions, PackStats } from '../reporter.js';
import { blobContent, type ConvertedLayer, type LayerContext, type LayerJob, packLayer } from './layer.js';

export interface LeftFiles {
  readonly files: number;
  /** Their bytes, unpacked. */
  readonly bytes: number;
}

export interface LeftDirectory extends LeftFiles {
  /** With a leading slash; it can be printed. */
  readonly path: string;
}

/** What a flattened image does not have of a layer. */
export interface LeftOut {
  /** Files that upper layers hide. One with several names counts once. */
  readonly hidden: LeftFiles;
  /** Files that a later entry of the same layer replaces. */
  readonly overwritten: LeftFiles;
  /**
   * Where the hidden files lie, those with most bytes first, 20 at most. A directory of whose files none stays stands for all below
   * it.
   */
  readonly directories: readonly LeftDirectory[];
  /** The number of directories that are not named. */
  readonly moreDirectories: number;
  /** Bytes of chunk data that the blobs do not hold for it. */
  readonly storedBytes: number;
}

export interface FlatLayers {
  /** In the order of the jobs. With one blob for all, each has that one. */
  readonly converted: readonly ConvertedLayer[];
  /** The blobs of the manifest, if they are not one for each place. */
  readonly blobs: readonly SealedBlob[] | undefined;
  readonly merged: NativeMergedImage;
}

/** `places` are the numbers of the layers, lowest first. `onPulled` is called when a layer has been read. */
export async function convertFlattened(
  context: LayerContext,
  jobs: readonly LayerJob[],
  places: readonly number[],
  call: CallOptions,
  onPulled: () => void,
): Promise<FlatLayers> {
  const { packer, options } = context;
  const packed = await mapOrdered(
    jobs,
    options.concurrency,
    async (job, _, signal) => {
      // `openLayer` is called before the first await, because the packer numbers layers in the order of these calls.
      const layer = packer.openLayer(job.number, context.blobPath(job.number));
      const made = await packLayer(context, job, layer, { ...call, signal }, () => {
        layer.hold();
      });
      onPulled();
      return made.packed;
    },
    call.signal,
  );
  call.reporter?.emit({
    type: 'step',
    message: `${context.platform}: leaving out of the blobs what no container sees`,
  });
  // The copying of chunks takes its time with a large image.
  const ending = {
    abort: (): void => {
      packer[Symbol.dispose]();
    },
  };
  const { blobs, leftOut, image } = await untilAborted(ending, call.signal, () => packer.flatten(places));
  const omitted = new Map(leftOut.map(({ layer, ...rest }) => [layer, rest]));
  const statsOf = (job: LayerJob, { stats, dataSize }: PackedLayer, blobBytes?: number): PackStats => ({
    ...stats,
    blobBytes: blobBytes ?? dataSize - (omitted.get(job.number)?.storedBytes ?? 0),
  });
  const [only] = blobs;
  if (options.flatten === 'one' && only !== undefined) {
    const stats = packed.map((layer, n) => statsOf(jobs[n] as LayerJob, layer));
    const pushed = push(context, only, jobs, stats, call);
    return {
      converted: jobs.map((job, n) => layerOf(job, only.sealed, stats[n] as PackStats, pushed, omitted)),
      blobs: [only.sealed],
      merged: image,
    };
  }
  const made = new Map(blobs.map((blob) => [blob.layer, blob]));
  const converted = jobs.flatMap((job, n) => {
    const blob = made.get(job.number);
    const layer = packed[n];
    if (blob === undefined || layer === undefined) return [];
    const stats = statsOf(job, layer, blob.sealed.size);
    const pushed = push(context, blob, [job], [stats], call);
    return [layerOf(job, blob.sealed, stats, pushed, omitted)];
  });
  return { converted, blobs: undefined, merged: image };
}

function layerOf(
  { number }: LayerJob,
  sealed: SealedBlob,
  stats: PackStats,
  pushed: Promise<PushOutcome>,
  omitted: ReadonlyMap<number, LeftOut>,
): ConvertedLayer {
  return {
    number,
    refers: false,
    sealed,
    stats,
    pushed,
    record: undefined,
    isCached: false,
    leftOut: omitted.get(number),
  };
}

/** Starts the upload of a blob that holds what is left of these layers, and removes its file when the target has it. */
function push(
  context: LayerContext,
  { layer, sealed }: { readonly layer: number; readonly sealed: SealedBlob },
  jobs: readonly LayerJob[],
  stats: readonly PackStats[],
  call: CallOptions,
): Promise<PushOutcome> {
  const { platform, uploads } = context;
  const { digest, size } = sealed;
  const content = blobContent(context, layer, sealed, call);
  const pushed = uploads.push({ mediaType: MEDIA.nydusBlob, digest, size }, content).then(async (outcome) => {
    await rm(context.blobPath(layer), { force: true });
    for (const [n, { number }] of jobs.entries()) {
      const own = stats[n];
      if (own !== undefined)
        call.reporter?.emit({ type: 'layer.done', platform, layer: number, stats: own, outcome });
    }
    return outcome;
  });
  pushed.catch(() => undefined); // `settle` reports it
  return pushed;
}
