/** Prints what of a storage backend no image names, as text and as JSON. */
import type { BackendUse } from '../../look/unnamed-blobs.js';
import { formatBytes, plural } from './units.js';

/** A line of each blob begins with its digest, so that other programs can cut it out. */
export function* backendUseLines({
  images,
  named,
  unnamed,
  unfinished,
  missing,
}: BackendUse): Generator<string> {
  for (const { digest, size, modified } of unnamed)
    yield `${digest}  ${formatBytes(size)}  ${modified.toISOString()}`;
  for (const { digest, id, started } of unfinished)
    yield `upload ${id} of ${digest}  since ${started.toISOString()}`;
  for (const digest of missing) yield `missing ${digest}`;
  const bytes = unnamed.reduce((sum, { size }) => sum + size, 0);
  yield '';
  yield [
    `${plural(images, 'image')} ${images === 1 ? 'names' : 'name'} ${plural(named, 'blob')}`,
    `${unnamed.length} others of ${formatBytes(bytes)} and ${plural(unfinished.length, 'unfinished upload')} are named by none`,
  ].join('; ');
}

export function backendUseJson(location: string, { images, named, ...use }: BackendUse): object {
  return {
    location,
    kind: 'backend',
    images,
    named,
    unnamed: use.unnamed.map(({ modified, ...blob }) => ({ ...blob, modified: modified.toISOString() })),
    unfinished: use.unfinished.map(({ started, ...upload }) => ({
      ...upload,
      started: started.toISOString(),
    })),
    missing: use.missing,
  };
}
