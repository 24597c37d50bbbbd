/** A conversion over a slow link that breaks, in small; `npm run faults -- --link` measures it in full. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openTarget } from '../../src/registry/open.js';
import { linkText } from '../../tools/faults/link-report.js';
import { buildImage, putImage } from '../support/images/image-builder.js';
import { sampleLayers } from '../support/faults/fault-lab.js';
import { studyLink } from '../support/faults/link-study.js';
import { needs } from '../support/needs.js';
import { tempFolder } from '../support/temp-folder.js';

test('a conversion over a slow link that resets requests gives the result of one without it', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const image = `oci:${await tempFolder(t)}:app`;
  await using target = openTarget(image, { credentials: anonymous });
  await putImage(target, buildImage({ layers: sampleLayers(40) }));
  const report = await studyLink(
    {
      image,
      name: 'a small image',
      bytesPerSecond: 1_000_000,
      roundTripMs: 20,
      resets: [{ of: 'requests', share: 0.1, seed: 1 }],
    },
    (text) => {
      t.diagnostic(text);
    },
  );
  assert.ok(report.areEqual);
  for (const { traffic } of report.broken) assert.ok((traffic?.resets ?? 0) >= 1);
  assert.match(linkText(report), /\| conversion over the link \|/);
});
