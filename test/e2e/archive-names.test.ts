/** Archives that other clients load: by the name that containerd imports, and by the list that `docker load` reads. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { nydusify } from '../support/command.js';
import { store } from '../support/images/folder-conversion.js';
import { buildImage } from '../support/images/image-builder.js';
import { dir, file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { runTool } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

const image = buildImage({
  layers: [layer(dir('etc'), file('etc/motd', 'hello')), layer(file('more', 'more'))],
});

interface Listed {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

async function member(archive: string, name: string): Promise<string> {
  return (await runTool('tar', ['-xOf', archive, name])).toString();
}

test('an archive has the full name of its image, and the list by which Docker finds it', async (t) => {
  const folder = await tempFolder(t);
  const source = await store(t, image);
  const archive = join(folder, 'named.tar');
  const args = [
    'convert',
    '--merge-platform',
    '--source',
    source,
    '--target',
    'team/app:1',
    '--target-archive',
    archive,
  ];
  const { status, stderr } = await nydusify(args, { cwd: folder });
  assert.equal(status, 0, stderr);
  const index = JSON.parse(await member(archive, 'index.json')) as {
    readonly manifests: readonly { readonly annotations: Readonly<Record<string, string>> }[];
  };
  assert.deepEqual(
    index.manifests.map(({ annotations }) => annotations),
    [{ 'io.containerd.image.name': 'docker.io/team/app:1', 'org.opencontainers.image.ref.name': '1' }],
  );
  const [listed] = JSON.parse(await member(archive, 'manifest.json')) as readonly Listed[];
  assert.deepEqual(listed?.RepoTags, ['team/app:1']);
  // The OCI half: an empty layer in front, and the two of the source.
  assert.equal(listed.Layers.length, 3);
  for (const path of [listed.Config, ...listed.Layers])
    assert.notEqual((await member(archive, path)).length, 0);
  assert.equal((await nydusify(['inspect', `oci-archive:${archive}:1`])).status, 0);
  if (!needs(t, 'skopeo')) return;
  await runTool('skopeo', ['copy', `docker-archive:${archive}`, `oci:${join(folder, 'loaded')}:v`]);
});

test('an archive whose image has a tag alone names nothing else, and one that has a full name says so', async (t) => {
  const folder = await tempFolder(t);
  const source = await store(t, image);
  const listed = async (name: string): Promise<Listed | undefined> => {
    const archive = join(folder, `${name.length}.tar`);
    const { status, stderr } = await nydusify(['convert', source, `oci-archive:${archive}:${name}`], {
      cwd: folder,
    });
    assert.equal(status, 0, stderr);
    return (JSON.parse(await member(archive, 'manifest.json')) as readonly Listed[])[0];
  };
  const [tag, full] = await Promise.all([listed('v1'), listed('registry.example/app:1')]);
  assert.equal(tag?.RepoTags, null);
  assert.equal(tag.Layers.length, 3, 'two blobs and the bootstrap');
  assert.deepEqual(full?.RepoTags, ['registry.example/app:1']);
});
