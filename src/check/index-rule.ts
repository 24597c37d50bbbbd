/**
 * These rules check a merged index, in which nydus-snapshotter's index detection, containerd and the containers tools
 * must all find their images. Source: containerd/nydus-snapshotter pkg/index/detector.go.
 */
import { MARKS_TEXT } from '../image/kinds.js';
import type { Platform } from '../oci/descriptor.js';
import { formatPlatform } from '../oci/platform.js';
import { finding, type Finding, type Place } from './finding.js';
import type { Rule } from './rule.js';
import type { EntrySubject, IndexSubject } from './subject.js';

const PLACE: Place = { part: 'index' };

export const indexRules: readonly Rule<IndexSubject>[] = [
  { name: 'index document', check: checkDocument },
  { name: 'index entries', check: checkEntries },
  { name: 'index pairs', check: checkPairs },
];

function* checkDocument({ index }: IndexSubject): Generator<Finding> {
  const mediaType = index.value.raw['mediaType'];
  if (typeof mediaType !== 'string') {
    yield finding('INDEX-MEDIA-TYPE-MISSING', PLACE, {
      message: 'index has no mediaType',
      expected: index.descriptor.mediaType,
    });
  } else if (mediaType !== index.descriptor.mediaType) {
    yield finding('INDEX-MEDIA-TYPE', PLACE, {
      message: 'mediaType of the index is not that of its descriptor',
      expected: index.descriptor.mediaType,
      found: mediaType,
    });
  }
}

function* checkEntries({ entries }: IndexSubject): Generator<Finding> {
  const merged =
    entries.some((entry) => entry.kind === 'oci') && entries.some((entry) => entry.kind === 'nydus');
  for (const entry of entries) {
    const where = placeOf(entry);
    if (entry.kind === 'foreign') continue;
    if (entry.platform === undefined) {
      const absent = entry.descriptor.platform === undefined;
      yield finding('INDEX-PLATFORM', where, {
        message: absent ? 'entry has no platform' : 'entry has an incomplete platform',
        hint: 'fill it from os and architecture of the image config',
      });
    }
    const { marked } = entry;
    if (marked && entry.kind === 'oci') {
      yield finding('INDEX-MARK-FALSE', where, {
        message: 'entry is marked as Nydus, and its last layer is no bootstrap',
      });
    }
    if (!marked && entry.kind === 'nydus' && merged) {
      yield finding('INDEX-MARK-MISSING', where, {
        message: 'Nydus entry has no mark',
        expected: MARKS_TEXT,
      });
    }
  }
}

function* checkPairs({ entries }: IndexSubject): Generator<Finding> {
  const kinds = new Set(entries.map((entry) => entry.kind));
  if (!kinds.has('oci') || !kinds.has('nydus')) return; // a plain multi-platform index has no pairs
  const first = new Map<string, number>();
  for (const [position, entry] of entries.entries()) {
    if (entry.kind === 'foreign') continue;
    const key = `${entry.kind} ${platformKey(entry.descriptor.platform)}`;
    const known = first.get(key);
    if (known === undefined) {
      first.set(key, position);
    } else if (entries[known]?.descriptor.digest !== entry.descriptor.digest) {
      // A digest that is listed twice serves clients of either mark.
      yield finding('INDEX-DUPLICATE', placeOf(entry), {
        message: `entries ${known + 1} and ${position + 1} have the same kind and platform`,
      });
    }
  }
  for (const [position, entry] of entries.entries()) {
    if (entry.kind !== 'nydus') continue;
    const oci = first.get(`oci ${platformKey(entry.descriptor.platform)}`);
    if (oci === undefined) {
      yield finding('INDEX-PAIR', placeOf(entry), { message: 'there is no OCI entry of this platform' });
    } else if (oci > position) {
      yield finding('INDEX-ORDER', placeOf(entry), {
        message: 'Nydus entry stands before the OCI entry of its platform',
        expected: `after entry ${oci + 1}`,
        found: `entry ${position + 1}`,
      });
    }
  }
}

/**
 * Returns a key that is equal for platforms that containerd treats as one: `arm64/v8` and `arm64`, `amd64/v1` and
 * `amd64`.
 */
function platformKey(platform: Platform | undefined): string {
  return platform === undefined ? '' : `${formatPlatform(platform)} ${platform.osVersion ?? ''}`;
}

function placeOf(entry: EntrySubject): Place {
  return {
    platform: entry.platformName,
    half: entry.kind === 'foreign' ? undefined : entry.kind,
    part: 'index',
  };
}
