/** `commit` of what containerd says has changed in a snapshot: its native snapshotter copies, so the snapshot's folder is the tree that is wanted. */
import assert from 'node:assert/strict';
import { chmod, chown, link, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nydusify, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { noise } from '../support/images/opaque-image.js';
import { dir, file, hardlink, layer, symlink as linkEntry, whiteout } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { startContainerd } from '../support/references/containerd.js';
import { runTool } from '../support/run-tool.js';
import { place, tempFolder } from '../support/temp-folder.js';

const NATIVE = ['--snapshotter', 'native'] as const;

test('the changes of a snapshot, as containerd writes them, give an image with the tree of the snapshot', async (t) => {
  if (!needs(t, 'root', 'containerd', 'ctr', 'rsync')) return;
  const store = await registry(t);
  const base = await store.put(
    'library/app:1',
    buildImage({
      layers: [
        layer(dir('etc'), file('etc/conf', 'old'), file('etc/gone', 'x'), dir('var'), file('var/log', 'y')),
        layer(file('big', noise(3_000_000, 1)), hardlink('twice', 'big'), linkEntry('link', 'etc')),
        layer(dir('etc'), file('etc/other', 'z'), whiteout('etc/gone')),
      ],
    }),
  );
  const nydus = `${store.host}/library/app:1-nydus`;
  assert.equal((await nydusify(['convert', base, nydus])).status, 0);

  const folder = await tempFolder(t);
  const address = ['--address', await startContainerd(t)];
  const ctr = async (...args: readonly string[]): Promise<Buffer> => runTool('ctr', [...address, ...args]);
  await ctr('images', 'pull', '--plain-http', ...NATIVE, '--platform', 'linux/amd64', base);
  const rows = (await ctr('snapshots', ...NATIVE, 'ls')).toString('utf8').trim().split('\n').slice(1);
  const fields = rows.map((row) => row.trim().split(/\s+/));
  const parents = new Set(fields.flatMap((row) => row.slice(1)));
  const [top = ''] = fields.map(([key = '']) => key).filter((key) => !parents.has(key));
  const mounts = (await ctr('snapshots', ...NATIVE, 'prepare', '--target', '/mnt', 'mine', top)).toString(
    'utf8',
  );
  const tree = /bind (\/\S+)/.exec(mounts)?.[1] ?? '';
  assert.ok(tree.includes('/snapshots/'), mounts);

  await writeFile(join(tree, 'etc/conf'), 'new content');
  await writeFile(join(tree, 'added \u00e9'), noise(100_000, 3));
  await link(join(tree, 'added \u00e9'), join(tree, 'etc/again'));
  await rm(join(tree, 'var'), { recursive: true });
  await symlink('etc/conf', join(tree, 'var'));
  await mkdir(join(tree, 'deep/er'), { recursive: true });
  await rename(join(tree, 'etc/other'), join(tree, 'deep/er/other'));
  await rm(join(tree, 'twice'));
  await chmod(join(tree, 'etc'), 0o700);
  await chown(join(tree, 'deep'), 1000, 7);

  const tar = await place(folder, 'diff.tar.gz', await ctr('snapshots', ...NATIVE, 'diff', 'mine'));
  const target = `${store.host}/library/app:2-nydus`;
  const made = await nydusify(['commit', '--base', nydus, '--diff-tar', tar, target]);
  assert.equal(made.status, 0, made.stderr);
  const out = join(folder, 'out');
  assert.equal((await nydusify(['extract', target, out])).status, 0);
  // The native snapshotter does not keep the times of directories when it copies.
  const differences = await runTool('rsync', ['-aHAXOni', '--delete', '--checksum', `${tree}/`, `${out}/`]);
  assert.equal(differences.toString('utf8'), '');
});
