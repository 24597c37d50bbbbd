/** Sums up the events of an image, and puts single events into words. */
import { digestHex } from '../../oci/digest.js';
import type { ConvertEvent, Stage } from '../../reporter.js';
import { shortened } from './printable.js';
import { formatBytes, formatMs, plural } from './units.js';

/** The progress of one layer. */
export interface LayerState {
  readonly size: number;
  readonly name: string;
  readonly done: Map<Stage, number>;
  blobBytes: number;
  finished: boolean;
}

/** The progress of an image, summed up from its events. */
export class ImageState {
  readonly platform: string;
  readonly layers: readonly LayerState[];

  constructor(event: ConvertEvent & { readonly type: 'image.start' }) {
    this.platform = event.platform;
    this.layers = event.layers.map(({ digest, size }) => ({
      size,
      name: digestHex(digest).slice(0, 12),
      done: new Map(),
      blobBytes: 0,
      finished: false,
    }));
  }

  add(event: ConvertEvent): void {
    if (event.type === 'layer.progress') {
      const layer = this.layers[event.layer];
      layer?.done.set(event.stage, event.done);
      if (layer !== undefined && event.stage === 'push') layer.blobBytes = event.total;
    } else if (event.type === 'layer.done') {
      const layer = this.layers[event.layer];
      // A layer that the image lists twice is converted once.
      const name = layer?.name;
      for (const same of this.layers) if (same.name === name) same.finished = true;
    }
  }

  get total(): number {
    return this.layers.reduce((sum, { size }) => sum + size, 0);
  }

  get pulled(): number {
    return this.layers.reduce(
      (sum, { done, finished, size }) => sum + (finished ? size : (done.get('pull') ?? 0)),
      0,
    );
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
      return `converting ${event.platform}: ${plural(event.layers.length, 'layer')}, ${formatBytes(bytes)}`;
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
    case 'image.stages':
      return undefined;
  }
}
