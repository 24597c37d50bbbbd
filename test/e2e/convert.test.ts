/** `nydusify convert` as a user runs it: what it prints, what it leaves, what it asks of registries. */
import assert from 'node:assert/strict';
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { VERSION } from '../../src/convert/version.js';
import { buildAttestation, buildImage, buildIndex } from '../support/images/image-builder.js';
import { dir, file, layer, whiteout } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';
import type { ObservedRequest } from '../../src/embedded-registry/server.js';
import { nydusify, registry } from '../support/command.js';

const text = (seed: number): string =>
  Array.from({ length: 4000 }, (_, i) => String((i * seed) % 9973)).join(' ');
const LAYERS = [
  layer(dir('etc'), file('etc/motd', 'hello'), file('etc/old', text(3))),
  layer(whiteout('etc/old'), file('etc/new', text(7)), file('etc/copy', text(3))),
  layer(file('app', text(11))),
];
const image = buildImage({ layers: LAYERS });
const arm = buildImage({
  layers: [layer(file('arm', text(5)))],
  platform: { os: 'linux', architecture: 'arm64' },
});
const both = buildIndex([
  { image, fields: { platform: { os: 'linux', architecture: 'amd64' } } },
  { image: arm, fields: { platform: { os: 'linux', architecture: 'arm64' } } },
  buildAttestation(image),
]);

const blobGets = (requests: readonly ObservedRequest[]): readonly string[] =>
  requests
    .filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'))
    .map(({ path }) => path.split('/blobs/')[1] ?? '');

test('a conversion ends with what to deploy on stdout, and all else on stderr', async (t) => {
  const { host, put, get } = await registry(t);
  const source = await put('app:1', image);
  const target = `${host}/app:1-nydus`;
  const { status, stdout, stderr } = await nydusify(['convert', source, target], {
    cwd: await tempFolder(t),
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout, `${host}/app@${(await get(target)).digest}\n`);
  assert.match(stderr, /converting linux\/amd64: 3 layers/);
  assert.match(stderr, /^layer 3 of 3: [0-9.]+ k?B to a blob of /m);
  assert.doesNotMatch(stderr, /duplicates saved/);
  assert.match(stderr, /--dedup image would store [0-9.]+ \S+ \([0-9.]+ %\) less\n/);
  assert.match(stderr, /^converted 1 image in [0-9.]+ m?s, pushed to .*app:1-nydus$/m);
  assert.match(
    stderr,
    /^Nydus data: [0-9.]+ k?B, [0-9]+ % of the source; [0-9.]+ k?B of it new in the registry$/m,
  );
  assert.match(stderr, /\nrun it: nerdctl --snapshotter nydus run --rm .*app:1-nydus\n$/);
  const again = await nydusify(['convert', source, target], { cwd: await tempFolder(t) });
  assert.equal(again.stdout, stdout);
  assert.match(again.stderr, /^already there: .*app:1-nydus is the result of this conversion/m);
  assert.match(again.stderr, /; nothing of it new in the registry$/m);
  const quiet = await nydusify(['convert', '-q', source, `${target}-q`], { cwd: await tempFolder(t) });
  assert.deepEqual([quiet.stdout, quiet.stderr], [stdout, '']);
  const { stderr: shared } = await nydusify(['convert', '--dedup', 'image', source, target], {
    cwd: await tempFolder(t),
  });
  assert.doesNotMatch(shared, /would store/);
});

test('I1: the same digest at 1, 2 and 8 threads and layers in flight, and whether or not the target has the blobs', async (t) => {
  const { host, put, get } = await registry(t);
  const source = await put('app:1', image);
  const digests = new Set<string>();
  for (const [i, count] of ['1', '2', '8', '8'].entries()) {
    const target = `${host}/target${Math.min(i, 2)}:1`;
    const args = [
      '--merge-platform',
      '--threads',
      count,
      '--concurrency',
      count,
      '--work-dir',
      await tempFolder(t),
    ];
    const { status, stderr } = await nydusify(['convert', ...args, source, target]);
    assert.equal(status, 0, stderr);
    digests.add((await get(target)).digest);
  }
  assert.equal(digests.size, 1);
});

test('converting the result again gives the same digest, also onto itself', async (t) => {
  const { host, put, get } = await registry(t);
  const source = await put('app:1', both);
  const args = ['convert', '--merge-platform', '--all-platforms', '--work-dir', await tempFolder(t)];
  const digests = new Set<string>();
  for (const [from, to] of [
    [source, 'once:1'],
    [`${host}/once:1`, 'twice:1'],
    [`${host}/twice:1`, 'twice:1'],
  ] as const) {
    const { status, stderr } = await nydusify([...args, from, `${host}/${to}`]);
    assert.equal(status, 0, stderr);
    const made = await get(`${host}/${to}`);
    digests.add(made.digest);
    assert.equal(made.document.kind === 'index' ? made.document.manifests.length : 0, 5);
  }
  assert.equal(digests.size, 1);
});

test('blobs of unselected platforms are not fetched, and each layer of the selected ones is fetched once', async (t) => {
  const from = await registry(t);
  const to = await registry(t);
  const source = await from.put('app:1', both);
  const before = from.requests.length;
  const args = [
    'convert',
    '--merge-platform',
    '--platform',
    'linux/amd64',
    '--work-dir',
    await tempFolder(t),
  ];
  const { status, stderr } = await nydusify([...args, source, `${to.host}/app:1`]);
  assert.equal(status, 0, stderr);
  const fetched = blobGets(from.requests.slice(before)).toSorted();
  const expected = image.parts.slice(0, -1).map(({ descriptor }) => descriptor.digest as string);
  assert.deepEqual(fetched, expected.toSorted());
  assert.match(stderr, /no image \(attestations or artifacts\) left out/);
  for (const digest of expected.slice(0, LAYERS.length)) {
    assert.ok(
      to.requests.some(({ method, path }) => method === 'PUT' && path.includes(encodeURIComponent(digest))),
      digest,
    );
  }
});

test('in one registry source layers are mounted, not sent', async (t) => {
  const { host, put, requests } = await registry(t);
  const source = await put('app:1', image);
  const before = requests.length;
  const { status, stderr } = await nydusify([
    'convert',
    '--merge-platform',
    '--work-dir',
    await tempFolder(t),
    source,
    `${host}/other:1`,
  ]);
  assert.equal(status, 0, stderr);
  const mounts = requests
    .slice(before)
    .filter(({ method, path }) => method === 'POST' && path.includes('mount='));
  assert.ok(mounts.length >= LAYERS.length);
});

test("--output-json is one line of whole numbers, upstream's and one of ours, and null when the conversion fails", async (t) => {
  const { host, put } = await registry(t);
  const source = await put('app:1', image);
  const folder = await tempFolder(t);
  const report = join(folder, 'run.json');
  const args = ['convert', '--output-json', report, '--work-dir', folder];
  assert.equal((await nydusify([...args, source, `${host}/t:1`])).status, 0);
  const content = await readFile(report, 'utf8');
  assert.match(content, /^[^\n]+\n$/);
  const numbers = JSON.parse(content) as Record<string, number>; // checked below
  assert.deepEqual(Object.keys(numbers), [
    'SourceImageSize',
    'TargetImageSize',
    'SourcePullElapsed',
    'ConversionElapsed',
    'TargetPushElapsed',
    'DedupImageSavings',
  ]);
  for (const value of Object.values(numbers)) assert.ok(Number.isSafeInteger(value) && value > 0);
  const size = image.parts.slice(0, -1).reduce((sum, { bytes }) => sum + bytes.length, 0);
  assert.equal(numbers['SourceImageSize'], size);
  assert.equal((await nydusify([...args, `${host}/none:1`, `${host}/t:2`])).status, 3);
  assert.equal(await readFile(report, 'utf8'), 'null\n');
});

test('--json, --digest-file, --image-file and --metadata-file say what was pushed, each in its own form', async (t) => {
  const { host, put, get } = await registry(t);
  const source = await put('app:1', both);
  const folder = await tempFolder(t);
  const [digestFile, imageFile, metadataFile] = [
    join(folder, 'new', 'digest'),
    join(folder, 'image'),
    join(folder, 'metadata.json'),
  ];
  const target = `${host}/t:1`;
  const { status, stdout, stderr } = await nydusify([
    'convert',
    '--json',
    '--all-platforms',
    '--merge-platform',
    ...['--digest-file', digestFile, '--image-file', imageFile],
    ...['--metadata-file', metadataFile, '--work-dir', folder],
    source,
    target,
  ]);
  assert.equal(status, 0, stderr);
  const { digest, bytes } = await get(target);
  const result = JSON.parse(stdout) as {
    image: string;
    size: number;
    platforms: { platform: string; oci?: object; layers: { outcome: string; blob: { size: number } }[] }[];
  };
  assert.equal(result.image, `${host}/t@${digest}`);
  assert.equal(result.size, bytes.length);
  assert.deepEqual(
    result.platforms.map(({ platform, layers }) => [platform, layers.length]),
    [
      ['linux/amd64', 3],
      ['linux/arm64', 1],
    ],
  );
  assert.ok(
    result.platforms.every(({ oci, layers }) => oci !== undefined && layers[0]?.outcome === 'pushed'),
  );
  assert.equal(await readFile(digestFile, 'utf8'), digest);
  assert.equal(await readFile(imageFile, 'utf8'), result.image);
  const metadata = JSON.parse(await readFile(metadataFile, 'utf8')) as Record<string, unknown>;
  assert.equal(metadata['containerimage.digest'], digest);
  assert.equal(metadata['image.name'], target);
  assert.ok(!('containerimage.config.digest' in metadata), 'an index has no config');
  assert.deepEqual(metadata['containerimage.descriptor'], {
    mediaType: 'application/vnd.oci.image.index.v1+json',
    digest,
    size: bytes.length,
  });
  assert.deepEqual(await readdir(join(folder, 'new')), ['digest']);

  // One image, whose config buildx names, too.
  const one = await nydusify([
    'convert',
    '--json',
    '--metadata-file',
    metadataFile,
    await put('one:1', image),
    `${host}/t:3`,
  ]);
  const { config } = JSON.parse((await get(`${host}/t:3`)).bytes.toString()) as {
    readonly config: { readonly digest: string };
  };
  for (const text of [one.stdout, await readFile(metadataFile, 'utf8')]) {
    const document = JSON.parse(text) as Record<string, unknown>;
    assert.equal(document['containerimage.config.digest'], config.digest);
  }

  // A run that fails leaves the digest of the last one that did not; a link to the file stays one.
  const failed = await nydusify(['convert', '--digest-file', digestFile, `${host}/none:1`, `${host}/t:2`]);
  assert.equal(failed.status, 3);
  assert.equal(await readFile(digestFile, 'utf8'), digest);
  const link = join(folder, 'link');
  await symlink(digestFile, link);
  const again = await nydusify(['convert', '--digest-file', link, '--work-dir', folder, source, target]);
  assert.equal(again.status, 0, again.stderr);
  assert.equal(`${host}/t@${await readFile(digestFile, 'utf8')}\n`, again.stdout);
  assert.ok((await lstat(link)).isSymbolicLink());
});

test('--progress json ends with the result, or with the error', async (t) => {
  const { host, put } = await registry(t);
  const source = await put('app:1', image);
  const events = (stderr: string): readonly Record<string, unknown>[] =>
    stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const args = ['convert', '--json', '--progress', 'json', '--work-dir', await tempFolder(t)];
  const good = await nydusify([...args, source, `${host}/t:1`]);
  assert.equal(good.status, 0, good.stderr);
  const last = events(good.stderr).at(-1);
  assert.equal(last?.['type'], 'result');
  assert.deepEqual(last['result'], JSON.parse(good.stdout));
  const bad = await nydusify([...args, `${host}/none:1`, `${host}/t:2`]);
  assert.equal(bad.status, 3);
  const end = events(bad.stderr).at(-1);
  assert.equal(end?.['type'], 'error');
  assert.deepEqual(end['error'], (JSON.parse(bad.stdout) as { error: unknown }).error);
  assert.match(bad.stderr, /^error: /m);
});

test('errors are a sentence, a hint and an exit code', async (t) => {
  const { host } = await registry(t);
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['convert'], 2, /^error: Required flag "source" not set\n$/],
    [
      ['convert', 'a'],
      2,
      /^error: --target or --target-suffix is required\nhint: nydusify convert SOURCE TARGET\n$/,
    ],
    [['convert', 'a', 'b', '--no-such-flag'], 2, /^error: unknown option '--no-such-flag'\nhint: /],
    [['convert', 'A:B:C', 'b'], 2, /^error: invalid reference: .*\n {2}A:B:C\n +\^\n$/],
    [['convert', 'a', 'b', '--encrypt'], 2, /^error: --encrypt is not supported yet\n/],
    [['convert', 'a', 'b', '--fs-chunk-size', '5000'], 2, /^error: chunk size 5000 is not a power of two/],
    [['convert', '--progress', 'none', `${host}/none:1`, `${host}/b:1`], 3, /^error: /],
    [['convert', '--progress', 'none', 'oci:/nonexistent:v', `${host}/b:1`], 3, /^error: /],
    [['nonsense'], 2, /^error: /],
  ];
  for (const [args, status, stderr] of cases) {
    const outcome = await nydusify(args, { cwd: await tempFolder(t) });
    assert.match(outcome.stderr, stderr, args.join(' '));
    assert.equal(outcome.status, status, args.join(' '));
    assert.equal(outcome.stdout, '');
    assert.ok(outcome.stderr.split('\n').length <= 5);
  }
});

test('global flags are taken before and after the command, and values from the environment', async (t) => {
  const { host, put } = await registry(t);
  const source = await put('app:1', image);
  const cwd = await tempFolder(t);
  for (const args of [
    ['--log-level', 'warn', 'convert', source, `${host}/t:1`],
    ['convert', source, `${host}/t:1`, '--log-level', 'warn'],
  ]) {
    const { status, stderr } = await nydusify(args, { cwd });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
  }
  const env = { SOURCE: source, TARGET_SUFFIX: '-nydus', LOG_FILE: join(cwd, 'log'), MERGE_PLATFORM: 'T' };
  const { status, stdout, stderr } = await nydusify(['convert'], { cwd, env });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /app@sha256:/);
  assert.match(await readFile(join(cwd, 'log'), 'utf8'), /pushed to .*app:1-nydus/);
});

test('--progress json gives JSON lines on stderr and nothing else', async (t) => {
  const { host, put } = await registry(t);
  const source = await put('app:1', image);
  const { stderr, stdout } = await nydusify(['convert', '--progress', 'json', source, `${host}/t:1`], {
    cwd: await tempFolder(t),
  });
  const events = stderr
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { type: string }).type);
  for (const type of ['resolved', 'image.start', 'layer.progress', 'layer.done'])
    assert.ok(events.includes(type), type);
  assert.match(stdout, /^[^\n]+@sha256:[0-9a-f]{64}\n$/);
});

test('a work folder of the user stays as it was, also when the conversion fails; one that the command made is removed', async (t) => {
  const { host, put } = await registry(t);
  const source = await put('app:1', image);
  const cwd = await tempFolder(t);
  await mkdir(join(cwd, 'tmp'));
  await writeFile(join(cwd, 'tmp', 'precious'), 'x');
  assert.equal((await nydusify(['convert', '--work-dir', 'tmp', source, `${host}/t:1`], { cwd })).status, 0);
  assert.equal(
    (await nydusify(['convert', '--work-dir', 'tmp', `${host}/none:1`, `${host}/t:1`], { cwd })).status,
    3,
  );
  assert.deepEqual(await readdir(join(cwd, 'tmp')), ['precious']);
  assert.equal((await nydusify(['convert', '--work-dir', 'new', source, `${host}/t:1`], { cwd })).status, 0);
  assert.equal(
    (await nydusify(['convert', '--work-dir', 'new', `${host}/none:1`, `${host}/t:1`], { cwd })).status,
    3,
  );
  assert.deepEqual(await readdir(cwd), ['tmp']);
});

test('I2: SIGINT in the middle leaves no tag and no temporary file', async (t) => {
  const last = image.parts[LAYERS.length - 1];
  const stuck = await registry(t, {
    // The last layer never comes.
    intercept: (request) =>
      request.method === 'GET' && (request.url ?? '').endsWith(last?.descriptor.digest ?? '-'),
  });
  const target = await registry(t);
  const source = await stuck.put('app:1', image);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const cwd = await tempFolder(t);
    let sent = false;
    const { status, stderr, stdout } = await nydusify(
      ['convert', '--work-dir', 'tmp', '--merge-platform', source, `${target.host}/app:1`],
      {
        cwd,
        onStderr: (seen, kill) => {
          if (sent || !seen.includes('layer 1 of 3')) return;
          sent = true;
          kill(signal);
        },
      },
    );
    assert.equal(status, 130, stderr);
    assert.match(stderr, /error: interrupted\n/);
    assert.equal(stdout, '');
    assert.deepEqual(await readdir(cwd), []);
    assert.equal(await target.hasTag(`${target.host}/app:1`), false);
  }
});

test('archives by prefix and by flag', async (t) => {
  const { host, put, get } = await registry(t);
  const source = await put('app:1', image);
  const cwd = await tempFolder(t);
  const archive = join(cwd, 'app.tar');
  const one = await nydusify(['convert', '--merge-platform', source, `oci-archive:${archive}:v1`], { cwd });
  assert.equal(one.status, 0, one.stderr);
  assert.match(one.stdout, /^oci-archive:.*app\.tar:v1@sha256:[0-9a-f]{64}\n$/);
  const flags = [
    '--source',
    'h/app:1',
    '--source-archive',
    archive,
    '--target',
    `${host}/again:1`,
    '--merge-platform',
  ];
  const two = await nydusify(['convert', ...flags], { cwd });
  assert.equal(two.status, 0, two.stderr);
  assert.equal((await get(`${host}/again:1`)).digest, one.stdout.trim().split('@')[1]);
  const written = await nydusify(
    ['convert', source, `${host}/app:v2`, '--target-archive', join(cwd, 'out.tar')],
    { cwd },
  );
  assert.equal(written.status, 0, written.stderr);
  assert.match(written.stdout, /out\.tar:v2@sha256:/);
});

test('help and version need no registry, no addon and little time', async () => {
  const version = await nydusify(['--version']);
  assert.equal(version.status, 0);
  assert.ok(version.stdout.startsWith(`nydusify-ts ${VERSION}\nVersion: v${VERSION}\n`), version.stdout);
  assert.deepEqual((await nydusify(['-v'])).stdout, version.stdout);
  const help = await nydusify(['--help']);
  assert.equal(help.status, 0);
  for (const command of ['convert', 'check', 'inspect'])
    assert.match(help.stdout, new RegExp(`^ {2}${command} `, 'm'));
  const convert = await nydusify(['convert', '--help']);
  assert.equal(convert.status, 0);
  assert.match(convert.stdout, /Examples:/);
  assert.match(convert.stdout, /--merge-platform .*--multi-platform/s);
});
