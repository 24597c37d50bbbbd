/** The command over two registries of ours on plain HTTP, each on a port of its own. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { main } from '../../src/cli/main.js';
import { startRegistry, type RunningRegistry } from '../../src/embedded-registry/server.js';
import { contentOf } from '../../src/io/streams.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openTarget } from '../../src/registry/open.js';
import { dir, file, hardlink, layer } from '../support/images/tar.js';
import type { MemoryStore } from '../support/registries/memory-store.js';
import { manifestOf, sourceImage, withBytes, flip, converted } from '../support/images/memory-conversion.js';

const LAYERS = [
  layer(dir('etc'), file('etc/hosts', 'localhost'), hardlink('etc/copy', 'etc/hosts')),
  layer(file('more', 'more')),
];
const OTHER = [
  layer(dir('etc'), file('etc/hosts', 'localhosT'), file('etc/copy', 'localhost')),
  layer(file('more', 'more')),
];

let folder = '';
let left: RunningRegistry;
let right: RunningRegistry;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nydusify-check-'));
  left = await startRegistry({ root: join(folder, 'left') });
  right = await startRegistry({ root: join(folder, 'right') });
});
after(async () => {
  await left.close();
  await right.close();
  await rm(folder, { recursive: true });
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(...argv: readonly string[]): Promise<Outcome> {
  const out: string[] = [];
  const err: string[] = [];
  // Without it, what is read would be kept in the project.
  const kept = argv.includes('--work-dir') ? [] : ['--work-dir', join(folder, 'kept')];
  const code = await main(['check', ...argv, ...kept], {
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    env: {},
    columns: 100,
    signal: new AbortController().signal,
    exitCode: 0,
  });
  return { code, stdout: out.join(''), stderr: err.join('') };
}

/** Puts an image of one manifest into a registry, under a tag. */
async function push(store: MemoryStore, location: string): Promise<string> {
  await using target = openTarget(location, { credentials: anonymous });
  const manifest = manifestOf(store);
  for (const descriptor of [...manifest.layers, manifest.config]) {
    const bytes = store.content.get(descriptor.digest);
    assert.ok(bytes);
    await target.push(descriptor, contentOf(bytes));
  }
  assert.ok(store.root);
  await target.tag(store.root, store.content.get(store.root.digest) ?? Buffer.alloc(0));
  return location;
}

test('a good image exits 0 and ends with one line that says so', async () => {
  const source = await push(sourceImage(LAYERS), `${left.host}/app:1`);
  const target = await push(await converted(sourceImage(LAYERS)), `${right.host}/app:1`);
  for (const argv of [
    ['--target', target, '--source', source],
    [target, source],
    ['--target', target],
  ]) {
    const { code, stdout, stderr } = await run(...argv);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^linux\/amd64: 2 layers/);
    assert.match(stdout, /\ngood: .*: 0 errors, 0 warnings\n$/);
  }
});

test('a source that differs exits 1, one line a finding', async () => {
  const source = await push(sourceImage(OTHER), `${left.host}/other:1`);
  const target = await push(await converted(sourceImage(LAYERS)), `${right.host}/app:2`);
  const { code, stdout } = await run(target, source);
  assert.equal(code, 1);
  assert.match(stdout, /^error {4}FS-CONTENT {2}linux\/amd64 filesystem \/etc\/hosts: content differs/m);
  assert.match(stdout, /^error {4}FS-LINKS {2}linux\/amd64 filesystem \/etc\/hosts: /m);
  assert.match(stdout, /\nbad: .*: [0-9]+ errors, 1 warning\n$/);
});

test('--json prints the whole result and nothing else', async () => {
  const source = await push(sourceImage(OTHER), `${left.host}/other:2`);
  const target = await push(await converted(sourceImage(LAYERS)), `${right.host}/app:3`);
  const { code, stdout, stderr } = await run('--json', target, source);
  assert.equal(code, 1);
  assert.equal(stderr, '');
  const result = JSON.parse(stdout) as {
    verdict: string;
    findings: { id: string; where: { path?: string } }[];
  };
  assert.equal(result.verdict, 'bad');
  assert.ok(result.findings.some(({ id, where }) => id === 'FS-CONTENT' && where.path === '/etc/hosts'));
});

test('a registry that sends other bytes is found out, and a blob that it lost', async () => {
  const good = await converted(sourceImage(LAYERS));
  const blob = manifestOf(good).layers[0];
  assert.ok(blob);
  const spoilt = withBytes(good, 0, flip(2)).content.get(blob.digest) ?? Buffer.alloc(0);
  let answer: 'other' | 'none' = 'other';
  await using liar = await startRegistry({
    root: join(folder, 'liar'),
    intercept: (request, response) => {
      if (request.url?.endsWith(`/blobs/${blob.digest}`) !== true || request.method === 'POST') return false;
      if (answer === 'none' || request.headers.range !== undefined) {
        if (answer === 'other') return false;
        response.writeHead(404).end();
        return true;
      }
      response.writeHead(200, { 'content-length': spoilt.length });
      response.end(request.method === 'HEAD' ? undefined : spoilt);
      return true;
    },
  });
  answer = 'none';
  const target = await push(good, `${liar.host}/app:1`);
  const missing = await run(target);
  assert.equal(missing.code, 1);
  assert.match(missing.stdout, /^error {4}CONTENT-MISSING {2}linux\/amd64 layer 1: /m);
  answer = 'other';
  const other = await run(target);
  assert.equal(other.code, 1);
  assert.match(other.stdout, /^error {4}CONTENT-DIGEST {2}linux\/amd64 layer 1: /m);
  assert.match(other.stdout, /^error {4}CHUNK-DATA {2}linux\/amd64 layer 1 at 0x0: /m);
});

test('--work-dir keeps what was in it and gets the files that upstream writes', async () => {
  const target = await push(await converted(sourceImage(LAYERS)), `${right.host}/app:4`);
  const source = await push(sourceImage(LAYERS), `${left.host}/app:4`);
  const work = join(folder, 'work');
  await mkdir(work);
  await writeFile(join(work, 'mine'), 'kept');
  const { code } = await run('--work-dir', work, target, source);
  assert.equal(code, 0);
  assert.equal(await readFile(join(work, 'mine'), 'utf8'), 'kept');
  for (const path of [
    'target/nydus_manifest.json',
    'target/nydus_config.json',
    'target/nydus_bootstrap/image/image.boot',
    'source/oci_manifest.json',
    'source/oci_config.json',
  ]) {
    assert.ok(existsSync(join(work, path)), path);
  }
  const output = JSON.parse(await readFile(join(work, 'target/nydus_output.json'), 'utf8')) as {
    blobs: string[];
  };
  output.blobs.sort(); // the blob table has an order of its own
  const { layers } = JSON.parse(await readFile(join(work, 'target/nydus_manifest.json'), 'utf8')) as {
    layers: { digest: string }[];
  };
  assert.deepEqual(Object.entries(output).slice(1), [
    ['bootstrap', 'nydus_bootstrap/image/image.boot'],
    [
      'blobs',
      layers
        .slice(0, -1)
        .map(({ digest }) => digest.slice('sha256:'.length))
        .sort(),
    ],
    ['external_bootstrap', ''],
    ['external_blobs', []],
    ['trace', {}],
    ['fs_version', '6'],
    ['compressor', 'zstd'],
  ]);
});

test('--log-level silences steps and notes of progress, and --log-file takes what stderr would get', async () => {
  const target = await push(await converted(sourceImage(LAYERS)), `${right.host}/app:7`);
  const loud = await run(target);
  assert.notEqual(loud.stderr, '');
  assert.equal((await run('--log-level', 'warn', target)).stderr, '');
  const log = join(folder, 'check.log');
  await writeFile(log, 'earlier\n');
  const { code, stderr, stdout } = await run('--log-file', log, target);
  assert.deepEqual([code, stderr, stdout], [0, '', loud.stdout]);
  assert.equal(await readFile(log, 'utf8'), `earlier\n${loud.stderr}`);
  const unopened = await run('--log-file', join(folder, 'none', 'x'), '--log-level', 'loud', target);
  assert.equal(unopened.code, 0);
  assert.match(unopened.stderr, /^warning: cannot open log file .*\nnote: log level "loud" is not known/);
});

test("upstream's flags are taken with a note, a backend without its configuration is refused with a sentence", async () => {
  const target = await push(await converted(sourceImage(LAYERS)), `${right.host}/app:5`);
  const noted = await run(
    '--target',
    target,
    '--nydusd',
    '/bin/nydusd',
    '--nydus-image',
    'x',
    '--multi-platform',
  );
  assert.equal(noted.code, 0);
  assert.match(noted.stderr, /note: --nydusd has no effect/);
  const refused = await run('--target', target, '--target-backend-type', 'oss');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /please specify option '--target-backend-config'/);
  const none = await run();
  assert.equal(none.code, 2);
  assert.match(none.stderr, /Required flag "target" not set/);
});

test('a platform that is not there, and a tag that is not there, have exit codes of their own', async () => {
  const target = await push(await converted(sourceImage(LAYERS)), `${right.host}/app:6`);
  const { code, stderr } = await run(`${right.host}/app:never-pushed`);
  assert.equal(code, 3, stderr);
  assert.equal((await run('--platform', 'linux/amd64', target)).code, 0);
});

test('--sample looks at the same few pieces each time, says so, and finds what lies in them', async () => {
  const good = await converted(sourceImage(LAYERS));
  const blob = manifestOf(good).layers[0];
  assert.ok(blob);
  let bytes = 0;
  let flipped = false;
  const content = good.content.get(blob.digest) ?? Buffer.alloc(0);
  await using registry = await startRegistry({
    root: join(folder, 'sampled'),
    intercept: (request, response) => {
      const range = /^bytes=0-(\d+)$/.exec(request.headers.range ?? '')?.[1];
      if (request.url?.endsWith(`/blobs/${blob.digest}`) !== true || request.method !== 'GET') return false;
      if (range === undefined) {
        bytes += request.headers.range === undefined ? content.length : 0;
        return false;
      }
      const part = Buffer.from(content.subarray(0, Number(range) + 1));
      if (flipped) part[2] = (part[2] ?? 0) ^ 1;
      response.writeHead(206, {
        'content-length': part.length,
        'content-range': `bytes 0-${part.length - 1}/${content.length}`,
      });
      response.end(part);
      return true;
    },
  });
  const target = await push(good, `${registry.host}/app:1`);
  const fine = await run('--sample', '10%', target);
  assert.equal(fine.code, 0, fine.stdout);
  assert.match(fine.stdout, /\ngood: .*: 0 errors, 0 warnings \(a sample: 10 % of the chunk data\)\n$/);
  assert.equal(bytes, 0, 'no blob was read as a whole');
  flipped = true;
  const bad = await run('--sample', '10', target);
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /^error {4}CHUNK-DATA {2}linux\/amd64 layer 1 at 0x0: chunk 0: /m);
  for (const wrong of ['0', '101%', 'few']) assert.equal((await run('--sample', wrong, target)).code, 2);
});

test('--report writes every format asked for, - is standard output, and the exit code stays', async () => {
  const target = await push(await converted(sourceImage(LAYERS)), `${right.host}/app:9`);
  const page = join(folder, 'reports', 'check.html');
  const suite = join(folder, 'reports', 'check.xml');
  const { code, stdout } = await run(
    '--report',
    'html',
    page,
    '--report=junit',
    suite,
    '--report',
    'markdown',
    '-',
    target,
  );
  assert.equal(code, 0);
  assert.match(stdout, /^## ✅ good/);
  assert.match(await readFile(page, 'utf8'), /nydus-snapshotter, index detection/);
  assert.match(await readFile(suite, 'utf8'), /^<\?xml /);
  assert.equal((await run('--report', 'pdf', page, target)).code, 2);
});

test('reports exist when nothing can be read, and the exit code is that of the failure', async () => {
  const absent = `${right.host}/absent:1`;
  const [suite, page] = [join(folder, 'unread=1.xml'), join(folder, 'unread.json')];
  const { code, stdout, stderr } = await run('--report', `junit=${suite}`, `--report=json=${page}`, absent);
  assert.equal(code, 3, stdout + stderr);
  assert.match(await readFile(suite, 'utf8'), /tests="1" failures="0" errors="1"/);
  const { verdict, error } = JSON.parse(await readFile(page, 'utf8')) as { verdict: string; error: object };
  assert.equal(verdict, 'unknown');
  assert.equal('exitCode' in error && error.exitCode, 3);
  assert.equal((await run('--report', 'junit=', absent)).code, 2);
});

test('--fail-on says which findings make the exit code 1', async () => {
  // No file differs, but the source has another number of layers: a warning.
  const source = await push(sourceImage([...LAYERS, layer(file('more', 'more'))]), `${left.host}/severity:1`);
  const target = await push(await converted(sourceImage(LAYERS)), `${right.host}/severity:1`);
  const { code, stdout } = await run('--json', target, source);
  const { verdict, findings } = JSON.parse(stdout) as {
    verdict: string;
    findings: { id: string; severity: string }[];
  };
  assert.deepEqual(
    [code, verdict, [...new Set(findings.map(({ severity }) => severity))]],
    [0, 'good', ['warning']],
    stdout,
  );
  assert.equal((await run('--fail-on', 'error', target, source)).code, 0);
  const strict = await run('--fail-on', 'warning', target, source);
  assert.equal(strict.code, 1);
  assert.match(strict.stderr, /^note: the exit code is 1, since --fail-on warning counts [0-9]+ findings?$/m);
  assert.equal((await run('--fail-on=note', target, source)).code, 1);
  assert.equal((await run('--fail-on', 'worse', target)).code, 2);
});

test('--clients tells what each client makes of the image, and a report without it tells that in its file alone', async () => {
  const target = await push(await converted(sourceImage(LAYERS)), `${right.host}/app:10`);
  const { code, stdout } = await run('--clients', target);
  assert.equal(code, 0);
  assert.match(stdout, /\n {2}nydus-snapshotter, index detection +all +Nydus +runs, lazily\n/);
  assert.match(stdout, /\n {2}podman +all +Nydus +cannot run it\n/);
  const page = join(folder, 'clients.md');
  const reported = await run('--report', `markdown=${page}`, target);
  assert.doesNotMatch(reported.stdout, /podman/);
  assert.match(await readFile(page, 'utf8'), /^\| podman \|/m);
});
