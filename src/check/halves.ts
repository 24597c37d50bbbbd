/**
 * These rules compare the two halves of a merged index with each other, since each must be the image that the other one is. With a
 * source at hand, each half is compared with the source instead.
 */
import { recordedSource } from '../image/kinds.js';
import { sourceDigestOf } from '../image/pairs.js';
import { fieldDifferences, isRunBy } from './config-fields.js';
import { finding, type Finding } from './finding.js';
import type { Rule } from './rule.js';
import { placeIn, type NydusSubject } from './subject.js';

export const halvesRules: readonly Rule<NydusSubject>[] = [{ name: 'halves', check: checkHalves }];

function* checkHalves(image: NydusSubject): Generator<Finding> {
  const { ociHalf, sourceNames } = image;
  if (ociHalf === undefined || sourceNames !== undefined) return;
  const { digest: recorded } = recordedSource(image.manifest.value);
  const expected = sourceDigestOf(ociHalf);
  const differ = recorded !== undefined && recorded !== expected;
  const differences = [...fieldDifferences(ociHalf, image)];
  const where = placeIn(image, 'config');
  for (const { path, expected: ofOther, found } of differences) {
    // Halves of one source have one time of creation, one history, and so on, unless a tool lost a field of one of them.
    const id = differ || isRunBy(path) ? 'CONFIG-HALVES' : 'CONFIG-METADATA';
    yield finding(id, where, {
      message: `field ${path} differs from the OCI half`,
      expected: ofOther ?? 'none',
      found: found ?? 'none',
    });
  }
  if (differ && differences.length === 0) {
    yield finding('MANIFEST-SOURCE-HALVES', placeIn(image, 'manifest'), {
      message:
        'the halves name their source by different digests: one may be of an index that lists the other',
      expected: `${expected ?? 'none'}, as the OCI half has it`,
      found: recorded,
      remedy: { kind: 'give-source' },
    });
  }
}
