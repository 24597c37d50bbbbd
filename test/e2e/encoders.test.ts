/** Layers that other programs than zlib have packed (`fixtures/gzip`): their chunks stay in them, and are read back right. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ANNOTATION, MEDIA } from '../../src/oci/media-types.js';
import { sha256 } from '../../src/oci/digest.js';
import { cachedRun } from '../support/cache/cached-runs.js';
import { encoderTar } from '../support/images/encoder-tar.js';
import { converted, idsOf, manifestOf, storedImage } from '../support/images/memory-conversion.js';
import { projectRoot } from '../support/project.js';
import { readByReference } from '../support/references/read-image.js';
import { referenceTool } from '../support/references/reference-builder.js';
import { pathOrSkip } from '../support/references/tools.js';

interface Stream {
  readonly encoder: string;
  readonly base64: string;
}

const STREAMS = JSON.parse(
  await readFile(join(projectRoot, 'fixtures', 'gzip', 'streams.json'), 'utf8'),
) as readonly Stream[]; // our own file
const TAR = encoderTar();
const CHUNK = { chunkSize: 0x4000 } as const;

/** A context at most for each of so many bytes, and one with all blocks. */
const SPANS = [64 << 10, 8 << 20] as const;

test('chunks stay in layers of all encoders, and the reference reads them', async (t) => {
  if (pathOrSkip(t, referenceTool()) === undefined) return;
  const stored = await readByReference(t, await converted(storedImage([TAR], [TAR]), CHUNK));
  for (const { encoder, base64 } of STREAMS) {
    const bytes = Buffer.from(base64, 'base64');
    assert.ok(gunzipSync(bytes).equals(TAR), encoder);
    const source = storedImage([bytes], [TAR], MEDIA.ociLayerGzip);
    for (const zranSpan of SPANS) {
      const { target, warnings } = await cachedRun(source, { ociRef: 'zran', zranSpan, ...CHUNK });
      assert.deepEqual(warnings, [], encoder);
      const [blob] = manifestOf(target).layers;
      assert.equal(blob?.annotations?.[ANNOTATION.nydusRef], sha256(bytes), encoder);
      assert.equal(await readByReference(t, target), stored, `${encoder}, span ${zranSpan}`);
      assert.deepEqual(await idsOf(target, source), [], encoder);
    }
  }
});
