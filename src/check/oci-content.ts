/**
 * Rule: the layers of an ordinary image have the digests that its manifest gives them. A registry compares them when they are pushed;
 * a folder or an archive on disk has compared nothing.
 */
import { mapOrdered } from '../io/concurrency.js';
import type { Digest } from '../oci/digest.js';
import { reportRead, type CallOptions } from '../reporter.js';
import type { Finding } from './finding.js';
import { attempt } from './rule.js';
import { placeIn, type ImageSubject } from './subject.js';

/** Layers in flight. */
const CONCURRENCY = 2;

/** Reads each layer that is not in `verified` once, and adds it. Absent layers are findings of the manifest's rules. */
export async function* checkOciContent(
  image: ImageSubject,
  verified: Set<Digest>,
  call: CallOptions,
): AsyncGenerator<Finding> {
  const { store, manifest } = image;
  const layers = [...manifest.value.layers.entries()].filter(([, { digest }]) => {
    const isNew = !verified.has(digest);
    verified.add(digest);
    return isNew;
  });
  for (const [, layer] of layers) reportRead(call, layer, 0);
  const found = await mapOrdered(
    layers,
    CONCURRENCY,
    async ([position, layer], _, signal) => {
      if (!(await store.exists(layer, call))) return undefined;
      const looked = await attempt(placeIn(image, `layer ${position + 1}`), 'CONTENT-DIGEST', async () => {
        let size = 0;
        for await (const bytes of store.fetch(layer, { ...call, signal })) {
          size += bytes.length;
          reportRead(call, layer, size);
        }
        return size;
      });
      return looked.finding;
    },
    call.signal,
  );
  for (const finding of found) if (finding !== undefined) yield finding;
}
