/** Counts the layers and bytes of a conversion from its events. */
import type { ConvertEvent } from '../../reporter.js';
import type { LayerProgress, TaskProgress } from '../queue/task.js';

/** Layers that are followed one by one; an image with more of them is counted as a whole beyond. */
const MAX_LAYERS = 512;

type Counted = { -readonly [K in keyof LayerProgress]: LayerProgress[K] };

export class ProgressCount {
  #layers = 0;
  #done = 0;
  #total = 0;
  /** Bytes read of each layer of the running images. */
  readonly #read = new Map<string, number>();
  readonly #each = new Map<string, Counted>();
  #isChanged = false;

  note(event: ConvertEvent): void {
    if (event.type === 'image.start') {
      this.#layers += event.layers.length;
      this.#total += event.layers.reduce((sum, { size }) => sum + size, 0);
      for (const [layer, { size }] of event.layers.entries())
        if (this.#each.size < MAX_LAYERS)
          this.#each.set(`${event.platform} ${layer}`, {
            platform: event.platform,
            size,
            bytes: 0,
            outcome: '',
          });
    } else if (event.type === 'layer.done') {
      this.#done++;
      const one = this.#each.get(`${event.platform} ${event.layer}`);
      if (one !== undefined) one.outcome = event.outcome;
    } else if (event.type === 'layer.progress' && event.stage === 'pull') {
      const name = `${event.platform} ${event.layer}`;
      this.#read.set(name, event.done);
      const one = this.#each.get(name);
      if (one !== undefined) one.bytes = event.done;
    } else return;
    this.#isChanged = true;
  }

  /** What has changed since the last call; undefined for nothing. */
  changed(): TaskProgress | undefined {
    if (!this.#isChanged) return undefined;
    this.#isChanged = false;
    const bytes = [...this.#read.values()].reduce((sum, one) => sum + one, 0);
    const each = [...this.#each.values()].map((one) => ({ ...one }));
    return { layers: this.#layers, done: this.#done, bytes, total: this.#total, each };
  }
}
