/** The container image of the program: valid for the tools of others, the same each time, and able to convert without a shell, a network or a writable root. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseDigest } from '../../src/oci/digest.js';
import { packageOf } from '../../src/native/platforms.js';
import { openSource } from '../../src/registry/open.js';
import { listReferrers } from '../../src/registry/stores/store.js';
import { ARCHITECTURES, type Architecture } from '../../tools/image/architectures.js';
import { fetchPackages } from '../../tools/image/debian.js';
import { type Locked, readLock } from '../../tools/image/lock.js';
import { makeImage } from '../../tools/image/make-image.js';
import { newestFiles } from '../../tools/image/newest.js';
import { packHere } from '../../tools/packages/pack-here.js';
import { nydusify } from '../support/command.js';
import { pipelinePath } from '../support/pipelines/files.js';
import { readTask, runPipeline, type StepRun } from '../support/pipelines/tekton.js';
import { writeLayout } from '../support/images/oci-layout.js';
import { dir, file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { type Ran, runTool, tryRun } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

interface Listed {
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Index {
  readonly manifests: readonly Listed[];
}
interface Manifest {
  readonly config: Listed;
  readonly layers: readonly Listed[];
  readonly annotations: Readonly<Record<string, string>>;
}
interface Config {
  readonly created: string;
  readonly architecture: string;
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
}
interface Statement {
  readonly subject: readonly { readonly digest: { readonly sha256: string } }[];
  readonly predicate: { readonly components: readonly { readonly purl: string }[] };
}

/** Reads a document of a layout by its digest. */
async function read(layout: string, digest: string): Promise<unknown> {
  const path = join(layout, 'blobs', 'sha256', digest.slice('sha256:'.length));
  return JSON.parse(await readFile(path, 'utf8')) as unknown;
}

/** Debian's lists name no old versions: where the locked ones are gone, the newest prove as much of our part. */
function lockedFiles(architecture: Architecture): readonly Locked[] {
  const locked = readLock();
  try {
    fetchPackages(
      architecture,
      locked.filter((one) => one.kind === 'debian' && one.architecture === architecture),
    );
    return locked;
  } catch {
    return newestFiles([architecture]);
  }
}

/** Makes the image for this machine's processor in `layout`. */
async function make(
  layout: string,
  architecture: Architecture,
  [main, addon]: readonly [string, string],
  epoch: number,
): Promise<{
  readonly digest: string;
  readonly manifest: Manifest;
  readonly root: string;
  readonly tag: string;
}> {
  process.env['SOURCE_DATE_EPOCH'] = String(epoch);
  try {
    const addons = new Map([[architecture.addon, addon]]);
    const made = await makeImage({
      locked: lockedFiles(architecture),
      main,
      addons,
      layout,
      revision: '0123abcd',
    });
    const { manifests } = (await read(layout, made.digest)) as Index;
    const digest = manifests[0]?.digest ?? '';
    const manifest = (await read(layout, digest)) as Manifest;
    return { digest, manifest, root: `${made.digest} ${made.nydusDigest}`, tag: made.tag };
  } finally {
    delete process.env['SOURCE_DATE_EPOCH'];
  }
}

/** The arguments of bubblewrap for a container of the image: a root that cannot be written, and no network but its own loopback. */
function container(root: string, work: string, { config }: Config): readonly string[] {
  const [uid = '', gid = ''] = config.User.split(':');
  const variables = config.Env.flatMap((line) => {
    const [name = '', value = ''] = line.split('=');
    return ['--setenv', name, value];
  });
  return [
    ...['--unshare-all', '--die-with-parent', '--uid', uid, '--gid', gid, '--clearenv', ...variables],
    ...['--ro-bind', root, '/', '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    ...['--bind', work, config.WorkingDir, '--chdir', config.WorkingDir],
  ];
}

/** Converts through a registry that it starts on loopback, as a job does in a network. */
const THROUGH_A_REGISTRY = `
import { spawn } from 'node:child_process';
import { once } from 'node:events';
const [program] = process.argv.slice(1);
const { startRegistry } = await import(new URL('testing.js', 'file://' + program));
await using registry = await startRegistry({ root: '/tmp/registry' });
const target = registry.host + '/app:nydus';
for (const args of [['convert', 'oci:in:1', target], ['check', target]]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(args[0] + ' ended with ' + code);
}
`;

test('the container image of the program', async (t) => {
  const architecture = ARCHITECTURES.find(({ node }) => node === process.arch);
  if (process.platform !== 'linux' || architecture === undefined) {
    t.skip('the image is for Linux on x64 and arm64');
    return;
  }
  if (!needs(t, 'apt-get', 'dpkg-deb', 'skopeo', 'umoci')) return;
  const folder = await tempFolder(t);
  const packages = await packHere(join(folder, 'packages'));
  const layout = join(folder, 'layout');
  const made = await make(layout, architecture, packages, 1_700_000_000);
  const config = (await read(layout, made.manifest.config.digest)) as Config;

  await t.test('is the same in another place, and at another time but for its labels', async () => {
    const again = await make(join(folder, 'another', 'place'), architecture, packages, 1_700_000_000);
    assert.equal(again.root, made.root);
    const later = await make(join(folder, 'later'), architecture, packages, 1_800_000_000);
    assert.notEqual(later.root, made.root);
    assert.deepEqual(later.manifest.layers, made.manifest.layers);
    assert.equal(made.manifest.layers.length, 3, 'libraries, Node, the program');
  });

  await t.test('says whose it is, what it is made of, and as whom it runs', () => {
    assert.equal(config.architecture, architecture.debian);
    assert.equal(config.created, '2023-11-14T22:13:20Z');
    assert.equal(config.config.User, '65532:65532');
    const labels = config.config.Labels;
    assert.equal(labels['org.opencontainers.image.version'], made.tag);
    assert.equal(labels['org.opencontainers.image.revision'], '0123abcd');
    assert.deepEqual(made.manifest.annotations, labels);
  });

  await t.test('brings a bill of materials, in the index and as a referrer', async () => {
    await using source = openSource(`oci:${layout}:${made.tag}`);
    const { referrers } = await listReferrers(source, parseDigest(made.digest));
    const { digest } = await source.resolve();
    const { manifests } = (await read(layout, digest)) as Index;
    assert.deepEqual(
      referrers.map((one) => one.digest),
      [manifests[1]?.digest],
    );
    assert.equal(manifests[1]?.annotations?.['vnd.docker.reference.digest'], made.digest);
    const attestation = (await read(layout, manifests[1].digest)) as Manifest;
    const statement = (await read(layout, attestation.layers[0]?.digest ?? '')) as Statement;
    assert.equal(`sha256:${statement.subject[0]?.digest.sha256}`, made.digest);
    const named = statement.predicate.components.map(({ purl }) => purl).join('\n');
    for (const part of ['npm/undici', 'cargo/zstd-sys', 'deb/debian/libc6', 'generic/node'])
      assert.match(named, new RegExp(`^pkg:${part}@\\d`, 'm'));
    assert.doesNotMatch(named, /eslint|proptest/, 'tools of developers are no part of it');
  });

  await t.test('is a good Nydus image, too, beside the ordinary one', async () => {
    const { status, stdout, stderr } = await nydusify(['check', `oci:${layout}:${made.tag}-nydus`]);
    assert.equal(status, 0, stderr + stdout);
    assert.match(stderr + stdout, /: 0 errors, 0 warnings$/m);
  });

  const root = await unpack(layout, made.tag, architecture, folder);

  await t.test('has no shell, and nothing in it can be written or run as another user', async () => {
    const faults: string[] = [];
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isSymbolicLink()) continue;
      const { mode } = await stat(path);
      if ((mode & 0o6000) !== 0 || ((mode & 0o022) !== 0 && path !== join(root, 'tmp'))) faults.push(path);
      if (entry.isFile() && /^(?:ba|da|z|fi)?sh$|^busybox$/.test(entry.name)) faults.push(path);
      if (entry.isFile() && (await readFile(path)).subarray(0, 9).toString() === '#!/bin/sh')
        faults.push(path);
    }
    assert.deepEqual(faults, []);
    assert.equal((await stat(join(root, 'tmp'))).mode & 0o7777, 0o1777);
    const certificates = await readFile(join(root, 'etc/ssl/certs/ca-certificates.crt'), 'utf8');
    assert.ok((certificates.match(/BEGIN CERTIFICATE/g) ?? []).length > 100);
    await stat(join(root, 'usr/lib/node_modules', packageOf(architecture.addon), 'THIRD-PARTY.md'));
  });

  await t.test('converts with a root that cannot be written, and no network but loopback', async (own) => {
    if (!needs(own, 'bwrap')) return;
    const work = join(folder, 'work');
    await mkdir(work);
    await chmod(work, 0o777);
    const content = layer(dir('etc'), file('etc/motd', 'hello\n'));
    await writeLayout(join(work, 'in'), '1', [{ tar: content, compression: 'gzip' }]);
    const [program = '', script = ''] = config.config.Entrypoint;
    const inside = container(root, work, config);
    const run = (...args: readonly string[]): Promise<Ran> => tryRun('bwrap', [...inside, program, ...args]);

    const converted = await run(script, 'convert', 'oci:in:1', 'oci:out:1');
    assert.equal(converted.status, 0, converted.stderr);
    const checked = await nydusify(['check', 'oci:out:1', 'oci:in:1'], { cwd: work });
    assert.equal(checked.status, 0, checked.stderr);

    const through = await run('--input-type=module', '-e', THROUGH_A_REGISTRY, script);
    assert.equal(through.status, 0, through.stderr);
    assert.match(through.stdout.toString(), /^good: /m);
    assert.equal(digestIn(through.stdout), digestIn(converted.stdout));

    // The tasks of Tekton, which writes their results into a folder that any user may write.
    const results = join(folder, 'results');
    await mkdir(results);
    const start = async ({ args, env }: StepRun): Promise<void> => {
      const variables = Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]);
      const shown = [...inside, '--bind', results, results, ...variables];
      const step = await tryRun('bwrap', [...shown, program, script, ...args]);
      assert.equal(step.status, 0, step.stderr);
    };
    const tasks = await Promise.all([pipelinePath('convertTask'), pipelinePath('checkTask')].map(readTask));
    const images = new Map([
      ['source', 'oci:in:1'],
      ['target', 'oci:tekton:1'],
    ]);
    const options = { folder: results, workspaces: new Map<string, string>(), start };
    const piped = await runPipeline(pipelinePath('pipeline'), tasks, images, options);
    assert.match(String(piped.get('image')), /^oci:\/work\/tekton:1@sha256:\w{64}$/);

    const refused = await run('-e', `require('node:fs').writeFileSync('/usr/x', '')`);
    assert.match(refused.stderr, /EROFS/);
  });
});

/** Unpacks the image for a processor by the tools of others, which verifies it; returns the root. */
async function unpack(
  layout: string,
  tag: string,
  { debian }: Architecture,
  folder: string,
): Promise<string> {
  // umoci takes no index of several images. With --all skopeo reads all documents.
  await runTool('skopeo', ['copy', '--quiet', '--all', `oci:${layout}:${tag}`, `oci:${folder}/copy:all`]);
  const one = [`oci:${layout}:${tag}`, `oci:${folder}/one:1`];
  await runTool('skopeo', ['copy', '--quiet', '--override-os=linux', `--override-arch=${debian}`, ...one]);
  await runTool('umoci', ['unpack', '--rootless', '--image', `${folder}/one:1`, `${folder}/unpacked`]);
  return join(folder, 'unpacked', 'rootfs');
}

function digestIn(output: Buffer): string {
  return /sha256:\w{64}/.exec(output.toString())?.[0] ?? assert.fail(`no digest in ${output.toString()}`);
}
