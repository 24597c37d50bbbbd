/** These rules check that the image config fits its manifest. */
import { dataLayersOf } from '../image/kinds.js';
import { digestHex } from '../oci/digest.js';
import { compactJson, isJsonArray, memberOf } from '../oci/json/value.js';
import { formatPlatform, normalizePlatform } from '../oci/platform.js';
import { isEmptyLayer } from './config-fields.js';
import { finding, type Finding } from './finding.js';
import type { Rule } from './rule.js';
import { placeIn, type ImageSubject } from './subject.js';

export const configRules: readonly Rule<ImageSubject>[] = [
  { name: 'config platform', check: checkPlatform },
  { name: 'diffIDs and history', check: checkCounts },
];

function* checkPlatform(image: ImageSubject): Generator<Finding> {
  const { config } = image;
  const { platform } = image.entry;
  if (config === undefined) return;
  const { os, architecture } = config.value.platform;
  if (os === '' || architecture === '') {
    yield finding('CONFIG-PLATFORM-MISSING', placeIn(image, 'config'), {
      message: `config names no ${os === '' ? 'os' : 'architecture'}`,
    });
    return;
  }
  if (platform === undefined) return;
  const named = normalizePlatform(config.value.platform);
  const listed = normalizePlatform(platform);
  // Older builders left the variant out of the config.
  const variants = config.value.platform.variant === undefined || named.variant === listed.variant;
  if (named.os !== listed.os || named.architecture !== listed.architecture || !variants) {
    // Clients use the platform of the index. If the source's entry has the same one, a rule about pairs finds nothing,
    // and this stays a warning.
    yield finding('CONFIG-PLATFORM', placeIn(image, 'config'), {
      message: 'config names another platform than the index entry',
      expected: formatPlatform(listed),
      found: formatPlatform(named),
    });
  }
}

function* checkCounts(image: ImageSubject): Generator<Finding> {
  const { config } = image;
  if (config === undefined) return;
  const where = placeIn(image, 'config');
  const type = memberOf(memberOf(image.configJson, 'rootfs'), 'type');
  // Every client accepts a missing or empty type.
  if (type !== undefined && type !== '' && type !== 'layers') {
    yield finding('CONFIG-ROOTFS-TYPE', where, {
      message: 'rootfs has another type',
      expected: '"layers"',
      found: compactJson(type),
    });
  }
  const { layers } = image.manifest.value;
  const { diffIds } = config.value;
  if (diffIds.length !== layers.length) {
    yield finding('CONFIG-DIFF-ID-COUNT', where, {
      message: 'number of diffIDs is not the number of layers',
      expected: `${layers.length}`,
      found: `${diffIds.length}`,
    });
  }
  const history = memberOf(image.configJson, 'history');
  const counted = isJsonArray(history) ? history.filter((entry) => !isEmptyLayer(entry)).length : undefined;
  // An OCI image need not have a history, and the OCI half keeps that of its source.
  if (counted !== undefined && counted !== 0 && counted !== layers.length) {
    yield finding(image.kind === 'oci' ? 'CONFIG-HISTORY-OCI' : 'CONFIG-HISTORY-COUNT', where, {
      message: 'number of history entries with a layer is not the number of layers',
      expected: `${layers.length}`,
      found: `${counted}`,
    });
  }
  if (image.kind !== 'nydus') return;
  for (const [position, layer] of dataLayersOf(image.manifest.value).entries()) {
    const diffId = diffIds[position];
    // No client unpacks a blob, so its diffID is its digest.
    if (diffId !== undefined && digestHex(diffId) !== digestHex(layer.digest)) {
      yield finding('CONFIG-DIFF-ID', where, {
        message: `diffID ${position + 1} is not the digest of its blob`,
        expected: layer.digest,
        found: diffId,
      });
    }
  }
}
