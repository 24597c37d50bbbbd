/** Opens the chunk dictionary that a conversion was asked for. */
import type { BootstrapFile } from '../convert/dictionary.js';
import type { OpenOptions } from '../registry/open.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { DictionaryPlace } from './flags/chunk-dict.js';

/** Closes with the store that it may hold. */
export interface OpenedDictionary extends AsyncDisposable {
  readonly dictionary: BootstrapFile | ImageSource | undefined;
}

export async function openDictionary(
  place: DictionaryPlace | undefined,
  options: () => Promise<OpenOptions>,
): Promise<OpenedDictionary> {
  const nothing = (): Promise<void> => Promise.resolve();
  if (place === undefined) return { dictionary: undefined, [Symbol.asyncDispose]: nothing };
  if (place.kind === 'bootstrap') {
    const { readBootstrapFile } = await import('./bootstrap-file.js');
    const bytes = await readBootstrapFile(place.path);
    return { dictionary: { name: place.path, bytes }, [Symbol.asyncDispose]: nothing };
  }
  const { openSource } = await import('../registry/open.js');
  const store = openSource(place, await options());
  return { dictionary: store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}
