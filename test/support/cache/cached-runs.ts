/** Conversions in memory with a build cache and without it. */
import type { BuildCache } from '../../../src/cache/options.js';
import { convertImage, type ConvertResult } from '../../../src/convert/convert.js';
import type { ConvertOptions } from '../../../src/convert/options.js';
import type { ConvertEvent } from '../../../src/reporter.js';
import { manifestOf } from '../images/memory-conversion.js';
import { MemoryStore } from '../registries/memory-store.js';

export interface CachedRun {
  readonly result: ConvertResult;
  readonly target: MemoryStore;
  /** The codes of warnings. */
  readonly warnings: readonly string[];
}

export async function cachedRun(
  source: MemoryStore,
  options: Partial<ConvertOptions>,
  cache?: BuildCache,
): Promise<CachedRun> {
  const target = new MemoryStore('memory.test/target:1');
  const warnings: string[] = [];
  const emit = (event: ConvertEvent): void => {
    if (event.type === 'warning') warnings.push(event.code);
  };
  const result = await convertImage(
    { source, target, cache },
    { threads: 2, ...options },
    { reporter: { emit } },
  );
  return { result, target, warnings };
}

/** The digests of everything that the target's tag leads to. */
export function imageOf({ result, target }: CachedRun): readonly string[] {
  return [
    result.root.digest,
    ...result.images.flatMap(({ nydus, layers }) => [
      nydus.digest,
      ...layers.map(({ blob }) => (target.content.has(blob.digest) ? blob.digest : 'missing')),
    ]),
  ];
}

/** The source without these of its layers. */
export function withoutLayers(source: MemoryStore, places: readonly number[]): MemoryStore {
  const copy = MemoryStore.copyOf(source);
  const { layers } = manifestOf(source);
  for (const place of places) {
    const layer = layers[place];
    if (layer !== undefined) copy.content.delete(layer.digest);
  }
  return copy;
}
