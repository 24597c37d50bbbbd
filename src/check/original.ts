/**
 * This rule checks the marks that let a second conversion start from the original. If the OCI half contains our empty
 * layer, removing it must give the very manifest that the annotation names; if not, the annotation must name this
 * manifest.
 */
import { inTurns } from '../turns.js';
import { FormatError } from '../errors.js';
import { isIsolated, recordedSource } from '../image/kinds.js';
import { withoutEmptyLayer } from '../oci/empty-layer.js';
import { finding, type Finding } from './finding.js';
import type { Rule } from './rule.js';
import { placeIn, type ImageSubject } from './subject.js';

/** These rules apply to the OCI half of a merged index. */
export const originalRules: readonly Rule<ImageSubject>[] = [{ name: 'original', check: checkOriginal }];

async function* checkOriginal(image: ImageSubject): AsyncGenerator<Finding> {
  const { digest: recorded } = recordedSource(image.manifest.value);
  if (recorded === undefined || image.config === undefined) return;
  const where = placeIn(image, 'manifest');
  if (!isIsolated(image.manifest.value)) {
    if (image.merged && recorded !== image.manifest.descriptor.digest) {
      yield finding('MANIFEST-ORIGINAL', where, {
        message: 'the half has no empty layer, and says that it was made from another manifest',
        expected: image.manifest.descriptor.digest,
        found: recorded,
      });
    }
    return;
  }
  if ((await original(image)) === undefined) {
    yield finding('MANIFEST-ORIGINAL', where, {
      message: 'without its empty layer this is not the manifest that it names as its source',
      expected: recorded,
      hint: 'a tool that writes JSON anew made it; converting it again needs the source itself',
    });
  }
}

async function original({ manifest, config }: ImageSubject): Promise<unknown> {
  try {
    const bytes = { manifest: manifest.bytes, config: config?.bytes ?? Buffer.alloc(0) };
    return await inTurns(withoutEmptyLayer(bytes, manifest.descriptor.digest));
  } catch (cause) {
    if (cause instanceof FormatError) return undefined;
    throw cause;
  }
}
