/** Hooks: the caller's own code sees each image before it is published, and after. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nydusify, registry, type TestRegistry } from '../support/command.js';
import { buildImage, buildIndex } from '../support/images/image-builder.js';
import { file, layer } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';
import { waitFor } from '../support/wait-for.js';

interface Call {
  readonly moment: string;
  readonly tagged: boolean;
  readonly magic: string;
  readonly info: {
    readonly bootstrap_path: string;
    readonly source_ref: string;
    readonly target_ref: string;
    readonly blobs: readonly { readonly id: string; readonly size: number }[];
    readonly platform: string;
    readonly manifest: string;
  };
}

interface Lab {
  readonly lab: TestRegistry;
  readonly source: string;
  readonly target: string;
  readonly folder: string;
}

async function prepare(t: TestContext): Promise<Lab> {
  const lab = await registry(t);
  const image = (platform: object, text: string): object => ({
    image: buildImage({ layers: [layer(file('a', 'same')), layer(file('b', text))], config: platform }),
    fields: { platform },
  });
  const index = buildIndex([
    image({ os: 'linux', architecture: 'amd64' }, 'x'),
    image({ os: 'linux', architecture: 'arm64' }, 'y'),
  ] as Parameters<typeof buildIndex>[0]);
  const source = await lab.put('library/app:1', index);
  return { lab, source, target: `${lab.host}/library/app:1-nydus`, folder: await tempFolder(t) };
}

/** A module that writes down its calls. */
const MODULE = (record: string, more = ''): string => `
  import { appendFileSync, readFileSync } from 'node:fs';
  const note = (moment) => (info) => {
    const magic = readFileSync(info.bootstrap_path).subarray(1024, 1028).toString('hex');
    appendFileSync(${JSON.stringify(record)}, JSON.stringify({ moment, magic, info }) + '\\n');
    ${more}
  };
  export const beforePushManifest = note('before');
  export const afterPushManifest = note('after');
`;

async function callsIn(record: string): Promise<readonly Call[]> {
  const lines = (await readFile(record, 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Call); // written by MODULE
}

test('a module is called for each image, with the bootstrap and the blobs that the manifest names', async (t) => {
  const { lab, source, target, folder } = await prepare(t);
  const [hook, record] = [join(folder, 'hook.mjs'), join(folder, 'calls')];
  await writeFile(hook, MODULE(record));
  const args = ['convert', '--all-platforms', '--merge-platform', '--hook', hook, source, target];
  const { status, stderr } = await nydusify(args);
  assert.equal(status, 0, stderr);
  const calls = await callsIn(record);
  const platforms = ['linux/amd64', 'linux/arm64'];
  const [before, after] = ['before', 'after'].map((moment) => calls.filter((call) => call.moment === moment));
  for (const some of [before, after])
    assert.deepEqual(
      some?.map(({ info }) => info.platform),
      platforms,
    );
  assert.deepEqual(
    calls.map(({ moment }) => moment),
    ['before', 'before', 'after', 'after'],
  );
  for (const { info, magic } of calls) {
    assert.equal(magic, 'e2e1f5e0', 'the bootstrap is there as a file');
    assert.deepEqual([info.source_ref, info.target_ref], [source, target]);
    const { document } = await lab.get(`${lab.host}/library/app@${info.manifest}`);
    assert.ok('layers' in document);
    const blobs = document.layers.slice(0, -1).map(({ digest, size }) => ({ id: digest.slice(7), size }));
    assert.deepEqual(info.blobs, blobs);
    assert.equal(existsSync(info.bootstrap_path), false, 'nothing stays behind');
  }
});

test('a hook that refuses an image ends the run unpublished; one that fails behind it is a warning', async (t) => {
  const { lab, source, target, folder } = await prepare(t);
  const hook = join(folder, 'hook.mjs');
  await writeFile(hook, "export function beforePushManifest() { throw new Error('not\\u001b[31m today'); }");
  const refused = await nydusify(['convert', '--hook', hook, source, target]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /error: beforePushManifest of \S+hook\.mjs: not\\x1b\[31m today/);
  assert.equal(await lab.hasTag(target), false);

  const late = join(folder, 'late.mjs');
  await writeFile(late, "export async function afterPushManifest() { throw new Error('too late'); }");
  const published = await nydusify(['convert', '--hook', late, source, target]);
  assert.equal(published.status, 0, published.stderr);
  assert.match(published.stderr, /warning: the image is published; afterPushManifest of \S+: too late/);
  assert.equal(await lab.hasTag(target), true);
});

test('a program gets the moment as its argument and the image on standard input, and its status decides', async (t) => {
  const { lab, source, target, folder } = await prepare(t);
  const [hook, record] = [join(folder, 'hook'), join(folder, 'calls')];
  await writeFile(hook, `#!/bin/sh\necho "$1 $(cat)" >> ${record}\nprintf 'heard \\033[1m\\n'\nexit 0\n`);
  await chmod(hook, 0o755);
  const done = await nydusify(['convert', '--hook', hook, source, target]);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stderr, /hook: heard \\x1b\[1m/);
  const lines = (await readFile(record, 'utf8')).trim().split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    ['beforePushManifest', 'afterPushManifest'],
  );

  await writeFile(hook, '#!/bin/sh\nexit 3\n');
  const refused = await nydusify(['convert', '--hook', hook, source, `${lab.host}/library/app:2`]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /beforePushManifest of \S+hook ended with 3/);
  assert.equal(await lab.hasTag(`${lab.host}/library/app:2`), false);
});

test('a signal ends a run whose hook never does', async (t) => {
  const { lab, source, target, folder } = await prepare(t);
  const [forever, program, started] = ['forever.mjs', 'program', 'started'].map((name) => join(folder, name));
  assert.ok(forever !== undefined && program !== undefined && started !== undefined);
  const note = `writeFileSync(${JSON.stringify(started)}, '')`;
  await writeFile(
    forever,
    `import { writeFileSync } from 'node:fs';
     export const beforePushManifest = () => { ${note}; return new Promise(() => {}); };`,
  );
  await writeFile(program, `#!/bin/sh\ntrap '' TERM INT\n: > ${started}\nexec sleep 30\n`);
  await chmod(program, 0o755);
  for (const hook of [forever, program]) {
    let kill: ((signal: NodeJS.Signals) => void) | undefined;
    const ended = nydusify(['convert', '--progress', 'plain', '--hook', hook, source, target], {
      onStderr: (_, send) => (kill = send),
    });
    await waitFor(() => existsSync(started));
    const stoppedAt = performance.now();
    kill?.('SIGINT');
    const { status, stderr } = await ended;
    assert.equal(status, 130, stderr);
    assert.ok(performance.now() - stoppedAt < 5000);
    assert.equal(await lab.hasTag(target), false);
    await rm(started);
  }
});

test('a hook that cannot be used is refused before anything is read', async (t) => {
  const { lab, source, target, folder } = await prepare(t);
  const before = lab.requests.length;
  const empty = join(folder, 'empty.mjs');
  await writeFile(empty, 'export const other = 1;');
  const broken = join(folder, 'broken.mjs');
  await writeFile(broken, 'garbage(');
  for (const [hook, reason] of [
    [empty, /exports neither beforePushManifest nor afterPushManifest/],
    [broken, /the hook \S+broken\.mjs cannot be loaded: /],
    [join(folder, 'missing.mjs'), /the hook \S+missing\.mjs is not there$/m],
  ] as const) {
    const { status, stderr } = await nydusify(['convert', '--hook', hook, source, target]);
    assert.equal(status, 2, stderr);
    assert.match(stderr, reason);
  }
  assert.equal(lab.requests.length, before);
});
