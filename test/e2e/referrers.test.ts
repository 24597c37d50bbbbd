/** `--with-referrer` as a registry without the referrers API and another client see it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { listReferrers } from '../../src/registry/stores/store.js';
import { buildImage, putImage } from '../support/images/image-builder.js';
import { needs } from '../support/needs.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { dir, file, layer } from '../support/images/tar.js';
import { goClient, pathOrSkip } from '../support/references/tools.js';
import { runTool } from '../support/run-tool.js';
import { nydusify } from '../support/command.js';

const image = buildImage({ layers: [layer(dir('etc'), file('etc/motd', 'hello'))] });
const open = { credentials: anonymous };

test('docker-registry has no list of referrers: ours is found under the tag of the digest, by oras too', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  const oras = pathOrSkip(t, await goClient('oras'));
  if (oras === undefined) return;
  await using registry = await startDockerRegistry();
  const from = `${registry.host}/team/app:1`;
  await using put = openTarget(from, open);
  await putImage(put, image);
  const made: string[] = [];
  for (const flags of [[], ['--merge-platform']]) {
    const { status, stdout, stderr } = await nydusify([
      'convert',
      '--with-referrer',
      ...flags,
      from,
      `${from}-nydus`,
    ]);
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /warning/);
    made.push(stdout.trim());
  }
  assert.notEqual(made[0], made[1]);
  await using source = openSource(from, open);
  const { way, referrers } = await listReferrers(source, image.root.descriptor.digest);
  assert.equal(way, 'tag');
  assert.equal(referrers.length, 2);
  assert.ok(made[0]?.endsWith(referrers[0]?.digest ?? '-'));
  const seen = await runTool(oras, ['discover', '--plain-http', '--format', 'json', from]);
  for (const { digest } of referrers) assert.ok(seen.includes(digest), seen.toString('utf8'));
});

test('no referrer is written into another repository, where no client looks for referrers of the source', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using registry = await startDockerRegistry();
  const from = `${registry.host}/team/app:1`;
  await using put = openTarget(from, open);
  await putImage(put, image);
  const { status, stderr } = await nydusify([
    'convert',
    '--with-referrer',
    from,
    `${registry.host}/other/app:1`,
  ]);
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /warning: the subject of the Nydus manifest is in \S+team\/app, but the Nydus manifest goes to \S+other\/app/,
  );
});
