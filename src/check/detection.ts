/**
 * Turns replays into findings: does nydus-snapshotter get from the OCI half of each platform to its Nydus half, both
 * today and with the platform matcher that newer versions of containerd have?
 */
import { bootstrapLayerOf, isNydusReferrer } from '../image/kinds.js';
import { isReferable, type ImageSource } from '../registry/stores/store.js';
import { listReferrers } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { Detector, type Detection } from './detect.js';
import { finding, type Finding } from './finding.js';
import { placeIn, type ImageSubject } from './subject.js';

/** The two halves of one platform in a merged index. */
export interface HalvesSubject {
  readonly store: ImageSource;
  readonly oci: ImageSubject;
  readonly nydus: ImageSubject;
  /**
   * True where the caller asks about clients: then a version of the snapshotter that does not exist yet is asked, too. A check that did so
   * always would have a note about each image that the default marks make, though every released client finds it.
   */
  readonly foresees: boolean;
}

export async function* checkIndexDetection(
  { store, oci, nydus, foresees }: HalvesSubject,
  call: CallOptions,
): AsyncGenerator<Finding> {
  const detector = new Detector(store, call);
  const where = placeIn(oci, 'index');
  const expected = bootstrapLayerOf(nydus.manifest.value)?.digest;
  const today = await detector.detect(oci.manifest.descriptor.digest, 'index', 'legacy');
  if (today.outcome !== 'found') {
    yield finding('DETECT-INDEX', where, {
      message: `index detection ${today.outcome === 'panic' ? 'panics' : 'ends'} at the step "${endOf(today).step}"`,
      expected: `bootstrap layer ${expected ?? 'of the Nydus image'}`,
      found: endOf(today).detail,
      remedy: { kind: 'replay-clients' },
    });
    return;
  }
  if (today.bootstrap?.digest !== expected) {
    yield finding('DETECT-INDEX', where, {
      message: 'index detection leads to another bootstrap',
      expected: expected ?? 'a bootstrap layer',
      found: today.bootstrap?.digest ?? 'none',
    });
    return;
  }
  if (!foresees) return;
  const coming = await detector.detect(oci.manifest.descriptor.digest, 'index', 'subset');
  if (coming.outcome === 'found') return;
  yield finding('DETECT-INDEX-NEXT', where, {
    message:
      'detection finds the image today, but no longer when the snapshotter adopts the platform matcher of containerd 2.3',
    remedy: { kind: 'index-marks', marks: 'dual' },
  });
}

/** Reports a Nydus image that refers to `image` but is hidden by a referrer listed before it. */
export async function* checkReferrerDetection(
  image: ImageSubject,
  call: CallOptions,
): AsyncGenerator<Finding> {
  if (!isReferable(image.store)) return;
  const { digest } = image.manifest.descriptor;
  const { referrers } = await listReferrers(image.store, digest, call);
  const [first] = referrers;
  const nydus = referrers.findIndex(isNydusReferrer);
  if (first === undefined || nydus <= 0) return;
  yield finding('DETECT-REFERRER', placeIn(image, 'manifest'), {
    message: `the Nydus image is referrer ${nydus + 1}, but detection looks only at the first`,
    expected: `${referrers[nydus]?.digest ?? ''} first`,
    found: `${first.artifactType ?? first.mediaType} first`,
    hint: 'use index detection, which does not depend on the order of referrers',
  });
}

function endOf({ steps }: Detection): { readonly step: string; readonly detail: string } {
  const last = steps.at(-1);
  return { step: last?.step ?? '', detail: last?.detail.at(-1) ?? '' };
}
