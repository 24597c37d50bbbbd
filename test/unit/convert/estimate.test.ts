import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimateBlobBytes, estimateTime } from '../../../src/convert/estimate.js';
import { convertOptions } from '../../../src/convert/options.js';
import { CODECS } from '../../../src/native/formats.js';
import { MEDIA } from '../../../src/oci/media-types.js';

const LAYER = { mediaType: MEDIA.ociLayerGzip, size: 30e6, pull: 30e6 };

test('every codec that blobs are written with has a time and a size of its own, and its levels cost more the higher they are', () => {
  const written = CODECS.filter((codec) => codec.isWritten);
  assert.ok(written.length > 1);
  const sizes = new Set<number>();
  for (const codec of written) {
    const at = (compressionLevel: number): number =>
      estimateTime([LAYER], convertOptions({ compressor: codec.name, compressionLevel, threads: 2 })).seconds;
    sizes.add(estimateBlobBytes(LAYER, { compressor: codec.name, ociRef: 'off' }));
    if ('levels' in codec) assert.ok(at(codec.levels.min) < at(codec.levels.max));
    else assert.equal(at(1), at(3));
  }
  assert.equal(sizes.size, written.length);
});

test('chunks that stay in their layer cost no compression and few bytes, except for a layer that they cannot stay in', () => {
  const stored = convertOptions({ threads: 2 });
  const referring = convertOptions({ threads: 2, ociRef: 'zran' });
  assert.ok(estimateBlobBytes(LAYER, referring) < 0.05 * estimateBlobBytes(LAYER, stored));
  assert.ok(estimateTime([LAYER], referring).seconds < estimateTime([LAYER], stored).seconds);
  const zstd = { ...LAYER, mediaType: MEDIA.ociLayerZstd };
  assert.equal(estimateBlobBytes(zstd, referring), estimateBlobBytes(zstd, stored));
});
