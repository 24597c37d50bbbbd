/** Builds that are stopped or killed at any moment, and images of directories in a real registry. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { nydusify } from '../support/command.js';
import { type LiveEntry, makeLiveTree } from '../support/images/live-tree.js';
import { noise } from '../support/images/opaque-image.js';
import { needs } from '../support/needs.js';
import { productCommand } from '../support/project.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { runTool, tryRun } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

/** Of each signal and each kind of result. */
const MOMENTS = Number(process.env['KILL_MOMENTS'] ?? 3);

const TREE: readonly LiveEntry[] = [
  { kind: 'directory', path: '', mode: 0o755 },
  { kind: 'directory', path: 'etc', mode: 0o750 },
  { kind: 'file', path: 'etc/conf', bytes: 'one' },
  { kind: 'file', path: 'app', bytes: noise(12_000_000, 1), mode: 0o755 },
  { kind: 'file', path: 'data', bytes: noise(12_000_000, 2) },
  { kind: 'link', path: 'etc/app', target: 'app' },
  { kind: 'symlink', path: 'bin', target: 'etc' },
];

/** Names of all files below a folder. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Starts a build, sends the signal after `delay` milliseconds, and returns whether it had made everything. */
async function stopped(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  signal: NodeJS.Signals,
  delay: number,
): Promise<boolean> {
  const child = spawn(process.execPath, [productCommand, 'build', ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: 'ignore',
  });
  const closed = once(child, 'close');
  await Promise.race([sleep(delay), closed]);
  child.kill(signal);
  const [code] = (await closed) as [number | null];
  return code === 0;
}

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  test(`a build into files that gets ${signal} leaves whole files alone, and the next run tidies up`, async (t) => {
    const folder = await tempFolder(t);
    const [tree, out, work] = ['tree', 'out', 'work'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]; // three names
    for (const path of [tree, work]) await mkdir(path);
    await makeLiveTree(tree, TREE);
    const env = { HOME: folder, TMPDIR: work };
    const args = (to: string): string[] => ['--name', 'app', '--output-dir', to, '--work-dir', work, tree];
    const begun = performance.now();
    assert.equal((await nydusify(['build', ...args(join(folder, 'wanted'))], { env })).status, 0);
    const whole = performance.now() - begun;
    const wanted = await readFile(join(folder, 'wanted', 'app.blob'));
    for (let n = 1; n <= MOMENTS; n++) {
      await stopped(args(out), env, signal, (whole * n) / (MOMENTS + 1));
      for (const name of await readdir(out).catch(() => []))
        if (name === 'app.blob') assert.ok((await readFile(join(out, name))).equals(wanted));
      if (signal === 'SIGTERM') assert.deepEqual(await filesIn(work), []);
    }
    const { status, stderr } = await nydusify(['build', ...args(out)], { env });
    assert.equal(status, 0, stderr);
    assert.deepEqual(await filesIn(out), ['app.blob', 'app.meta', 'output.json']);
    assert.deepEqual(await filesIn(work), []);
    assert.ok((await readFile(join(out, 'app.blob'))).equals(wanted));
  });

  test(`a build into a real registry that gets ${signal} makes no tag, and the next run makes the whole image`, async (t) => {
    if (!needs(t, 'docker-registry')) return;
    const folder = await tempFolder(t);
    const [tree, work] = [join(folder, 'tree'), join(folder, 'work')];
    for (const path of [tree, work]) await mkdir(path);
    await makeLiveTree(tree, TREE);
    const env = { HOME: folder, TMPDIR: work };
    await using registry = await startDockerRegistry();
    const args = (tag: string): string[] => [
      '--image',
      `${registry.host}/app:${tag}`,
      '--work-dir',
      work,
      tree,
    ];
    const begun = performance.now();
    assert.equal((await nydusify(['build', ...args('wanted')], { env })).status, 0);
    const whole = performance.now() - begun;
    const digestOf = async (tag: string): Promise<string | undefined> => {
      const answer = await fetch(`http://${registry.host}/v2/app/manifests/${tag}`, {
        headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
      });
      return answer.ok ? (answer.headers.get('docker-content-digest') ?? '') : undefined;
    };
    const wanted = await digestOf('wanted');
    for (let n = 1; n <= MOMENTS; n++) {
      const isDone = await stopped(args(`t${n}`), env, signal, (whole * n) / (MOMENTS + 1));
      const found = await digestOf(`t${n}`);
      // The tag comes last, and a run that has set it may be stopped before it says so.
      assert.ok(found === wanted || (found === undefined && !isDone), `${found}`);
      if (signal === 'SIGTERM') assert.deepEqual(await filesIn(work), []);
    }
    assert.equal((await nydusify(['build', ...args('last')], { env })).status, 0);
    assert.equal(await digestOf('last'), wanted);
    assert.deepEqual(await filesIn(work), []);
  });
}

test('an image of a directory in a real registry is the directory, alone and with a second one on it', async (t) => {
  if (!needs(t, 'root', 'docker-registry', 'rsync')) return;
  const folder = await tempFolder(t);
  const [tree, added] = [join(folder, 'tree'), join(folder, 'added')];
  for (const path of [tree, added]) await mkdir(path);
  await makeLiveTree(tree, TREE);
  await makeLiveTree(added, [
    { kind: 'directory', path: '', mode: 0o755 },
    { kind: 'file', path: 'more', bytes: 'more' },
  ]);
  await using registry = await startDockerRegistry();
  const [base, top] = [`${registry.host}/base:1`, `${registry.host}/top:1`];
  const run = async (...args: readonly string[]): Promise<void> => {
    const { status, stderr } = await nydusify(args);
    assert.equal(status, 0, stderr);
  };
  const differences = async (image: string): Promise<string> => {
    const out = join(folder, image.replaceAll(/\W/g, '-'));
    await run('extract', image, out);
    return (await runTool('rsync', ['-aHAXni', '--delete', '--checksum', `${tree}/`, `${out}/`])).toString();
  };
  await run('build', '--image', base, tree);
  assert.equal(await differences(base), '');
  await run('build', '--append-to', base, '--image', top, added);
  assert.equal(await differences(top), '*deleting   more\n');
  assert.equal((await tryRun(process.execPath, [productCommand, 'check', top])).status, 0);
});
