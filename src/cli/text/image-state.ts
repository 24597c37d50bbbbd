/** Sums up the events of an image, and puts single events into words. */
import { digestHex } from '../../oci/digest.js';
import type { ConvertEvent, Stage } from '../../reporter.js';
import { shortened } from './printable.js';
import { formatBytes, formatMs, plural } from './units.js';

/** The stages of every layer; some are copied, too. */
export const STAGES = ['pull', 'pack', 'push'] as const satisfies readonly Stage[];

/** A stage is shown as whole only when its layer is done. */
const ALMOST = 0.99;

/** The progress of one layer. No number of it ever falls, though a stage that is tried again begins anew. */
export class LayerState {
  readonly size: number;
  readonly name: string;
  readonly #done = new Map<Stage, number>();
  readonly #shares = new Map<Stage, number>();
  #finished = false;
  #isCopied = false;

  constructor(name: string, size: number) {
    this.name = name;
    this.size = size;
  }

  get finished(): boolean {
    return this.#finished && (this.#isCopied || !this.hasCopy);
  }

  get underWay(): boolean {
    return !this.finished && this.#done.size > 0;
  }

  /** True if the target gets the source layer, too. */
  get hasCopy(): boolean {
    return this.#done.has('copy');
  }

  finish(): void {
    this.#finished = true;
  }

  add(stage: Stage, done: number, total: number): void {
    this.#done.set(stage, Math.max(done, this.#done.get(stage) ?? 0));
    if (stage === 'copy' && done === total) this.#isCopied = true;
    // The size of a blob is known when all of its layer is packed. Until then it is taken to be as large as the layer at least.
    const isKnown = stage !== 'push' || (this.#done.get('pack') ?? 0) >= this.size;
    const whole = isKnown ? total : Math.max(total, this.size);
    const share = whole === 0 ? 0 : Math.min(ALMOST, done / whole);
    this.#shares.set(stage, Math.max(share, this.#shares.get(stage) ?? 0));
  }

  /** From 0 to 1. */
  share(stage: Stage): number {
    const isWhole = stage === 'copy' ? this.#isCopied : this.#finished;
    return isWhole ? 1 : (this.#shares.get(stage) ?? 0);
  }

  /** From 0 to 1, of all stages together. */
  get work(): number {
    const stages = this.hasCopy ? [...STAGES, 'copy' as const] : STAGES;
    return stages.reduce((sum, stage) => sum + this.share(stage), 0) / stages.length;
  }

  bytes(stage: Stage): number {
    return this.#finished && (stage === 'pull' || stage === 'pack')
      ? this.size
      : (this.#done.get(stage) ?? 0);
  }
}

/** The progress of an image, summed up from its events. */
export class ImageState {
  readonly platform: string;
  readonly layers: readonly LayerState[];
  readonly started: number;

  constructor(event: ConvertEvent & { readonly type: 'image.start' }, now: number) {
    this.platform = event.platform;
    this.started = now;
    this.layers = event.layers.map(
      ({ digest, size }) => new LayerState(digestHex(digest).slice(0, 12), size),
    );
  }

  add(event: ConvertEvent): void {
    if (event.type === 'layer.progress') {
      this.layers[event.layer]?.add(event.stage, event.done, event.total);
    } else if (event.type === 'layer.done') {
      // A layer that the image lists twice is converted once.
      const name = this.layers[event.layer]?.name;
      for (const same of this.layers) if (same.name === name) same.finish();
    }
  }

  get total(): number {
    return this.layers.reduce((sum, { size }) => sum + size, 0);
  }

  bytes(stage: Stage): number {
    return this.layers.reduce((sum, layer) => sum + layer.bytes(stage), 0);
  }

  /** Bytes of layers, each stage an equal part of them. */
  get work(): number {
    return this.layers.reduce((sum, layer) => sum + layer.size * layer.work, 0);
  }

  get hasCopies(): boolean {
    return this.layers.some(({ hasCopy }) => hasCopy);
  }

  get finished(): number {
    return this.layers.filter(({ finished }) => finished).length;
  }
}

/** One line for an event that deserves one; undefined for the others. */
export function describeEvent(event: ConvertEvent, layerCount: number): string | undefined {
  switch (event.type) {
    case 'resolved':
      return `source ${event.source} is ${event.manifest.digest}`;
    case 'image.start': {
      const bytes = event.layers.reduce((sum, { size }) => sum + size, 0);
      return `converting ${event.platform}${placeOf(event)}: ${plural(event.layers.length, 'layer')}, ${formatBytes(bytes)}`;
    }
    case 'layer.done': {
      const { sourceBytes, blobBytes, newChunks, chunks } = event.stats;
      const place = `layer ${event.layer + 1} of ${layerCount}`;
      const duplicates = chunks - newChunks;
      const saved = duplicates === 0 ? '' : `, ${plural(duplicates, 'duplicate')}`;
      return `${place}: ${formatBytes(sourceBytes)} to a blob of ${formatBytes(blobBytes)}, ${plural(chunks, 'chunk')}${saved} (${event.outcome})`;
    }
    case 'step':
      return event.message;
    case 'retry': {
      const cause = event.cause instanceof Error ? event.cause.message : String(event.cause);
      return `${event.what}: attempt ${event.attempt} failed (${cause}); again in ${formatMs(event.delayMs)}`;
    }
    case 'warning':
      return `warning: ${shortened(event.message)}`;
    case 'layer.progress':
    case 'read':
    case 'image.stages':
      return undefined;
  }
}

/** ` (1 of 2)` where there are several. */
export function placeOf({
  number = 1,
  of = 1,
}: {
  readonly number?: number | undefined;
  readonly of?: number | undefined;
}): string {
  return of === 1 ? '' : ` (${number} of ${of})`;
}
