/** A span for each layer of a conversion, from the first of its bytes to its upload. */
import type { ConvertEvent, Reporter } from '../../reporter.js';
import { type OpenSpan, startSpan } from '../tracing.js';

export class LayerSpans implements Reporter, Disposable {
  readonly #next: Reporter | undefined;
  readonly #parent: string | undefined;
  readonly #open = new Map<string, OpenSpan>();

  /** Events go on to `next`. */
  constructor(next: Reporter | undefined, parent: string | undefined) {
    this.#next = next;
    this.#parent = parent;
  }

  emit(event: ConvertEvent): void {
    this.#next?.emit(event);
    if (event.type !== 'layer.progress' && event.type !== 'layer.done') return;
    const { platform, layer } = event;
    const name = `${platform} ${layer}`;
    const span =
      this.#open.get(name) ??
      startSpan({
        name: 'layer',
        parent: this.#parent,
        attributes: { 'nydusify.platform': platform, 'nydusify.layer': layer },
      });
    this.#open.set(name, span);
    if (event.type === 'layer.progress') return;
    span.set({ 'nydusify.outcome': event.outcome, 'nydusify.blob_bytes': event.stats.blobBytes });
    span.end();
    this.#open.delete(name);
  }

  /** Ends those of layers that were not finished. */
  [Symbol.dispose](): void {
    for (const span of this.#open.values()) {
      span.fail('not finished');
      span.end();
    }
    this.#open.clear();
  }
}
