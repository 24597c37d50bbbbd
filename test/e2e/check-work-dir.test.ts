/** The folder in which `check` leaves what it has read, where upstream's pipelines look for it next. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { buildImage, buildIndex } from '../support/images/image-builder.js';
import { store } from '../support/images/folder-conversion.js';
import { dir, file, layer } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';
import { nydusify } from '../support/command.js';

const LAYERS = [layer(dir('etc'), file('etc/motd', 'hello'))];
const PLATFORMS = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));
const HOST = process.arch === 'x64' ? 'amd64' : process.arch;
const OTHER = HOST === 'amd64' ? 'arm64' : 'amd64';

const image = buildIndex(
  PLATFORMS.map((platform) => ({ image: buildImage({ layers: LAYERS, platform }), fields: { platform } })),
);

/** Converts the index into a layout, and returns its location. */
async function nydusIndex(t: TestContext): Promise<string> {
  const target = `oci:${join(await tempFolder(t), 'nydus')}:v`;
  const args = ['convert', '--all-platforms', await store(t, image), target];
  const { status, stderr } = await nydusify(args, { cwd: await tempFolder(t) });
  assert.equal(status, 0, stderr);
  return target;
}

/** Runs `check` in a folder of its own, and returns the bootstraps that it leaves there. */
async function dumped(t: TestContext, ...argv: readonly string[]): Promise<readonly string[]> {
  const cwd = await tempFolder(t);
  await mkdir(join(cwd, 'output'));
  await writeFile(join(cwd, 'output', 'mine'), 'kept');
  const { status, stdout, stderr } = await nydusify(['check', ...argv], { cwd });
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.equal(await readFile(join(cwd, 'output', 'mine'), 'utf8'), 'kept');
  const files = await readdir(cwd, { recursive: true });
  return files.filter((path) => path.endsWith('image.boot')).sort();
}

const PLAIN = 'output/target/nydus_bootstrap/image/image.boot';
const inFolder = (architecture: string): string =>
  `output/target/linux-${architecture}/nydus_bootstrap/image/image.boot`;

before(() => {
  assert.ok(
    PLATFORMS.some(({ architecture }) => architecture === HOST),
    `no image for ${HOST}`,
  );
});

test("images named by flags are dumped where upstream's pipelines look for them, and what was there stays", async (t) => {
  const target = await nydusIndex(t);
  const [all, one, listed, words, named] = await Promise.all([
    dumped(t, '--target', target),
    dumped(t, '--target', target, '--platform', OTHER),
    dumped(t, '--target', target, '--platform', `linux/${OTHER},linux/${HOST}`),
    dumped(t, target),
    dumped(t, target, '--work-dir', 'here', '--platform', HOST),
  ]);
  assert.deepEqual(all, [inFolder(OTHER), PLAIN].sort());
  assert.deepEqual(one, [PLAIN]);
  assert.deepEqual(listed, [inFolder(HOST), PLAIN].sort());
  assert.deepEqual(words, [], 'upstream takes no words');
  assert.deepEqual(named, [PLAIN.replace('output', 'here')]);
});

test("upstream's folder costs a note when it cannot be written, and a folder that was named costs the run", async (t) => {
  const target = await nydusIndex(t);
  const cwd = await tempFolder(t);
  await writeFile(join(cwd, 'output'), 'a file');
  const { status, stderr } = await nydusify(['check', '--target', target], { cwd });
  assert.equal(status, 0, stderr);
  assert.equal(stderr.match(/note: cannot write output\/.*what was read is not kept/g)?.length, 1, stderr);
  assert.equal((await nydusify(['check', '--work-dir', 'output', target], { cwd })).status, 6);
});
