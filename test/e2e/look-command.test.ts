/** The commands that look inside, as a person calls them, against a registry that watches. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { sha256 } from '../../src/oci/digest.js';
import { buildImage, buildIndex } from '../support/images/image-builder.js';
import { writeLayout } from '../support/images/oci-layout.js';
import { noise } from '../support/images/opaque-image.js';
import { dir, file, layer, symlink, whiteout } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';
import { nydusify, registry, type TestRegistry } from '../support/command.js';
import { productCommand } from '../support/project.js';

const layers = [
  layer(
    dir('etc'),
    file('etc/os-release', 'NAME=test\n'),
    file('etc/gone', 'x'),
    dir('usr'),
    dir('usr/bin'),
    file('usr/bin/tool', noise(3_000_000, 7), { mode: 0o755 }),
    symlink('bin', 'usr/bin'),
  ),
  layer(dir('etc'), whiteout('etc/gone'), file('etc/a\nb', 'odd'), file(Buffer.from([0x65, 0xff]), 'bytes')),
];

interface Lab {
  readonly lab: TestRegistry;
  readonly source: string;
  readonly target: string;
}

async function prepare(t: TestContext): Promise<Lab> {
  const lab = await registry(t);
  const source = await lab.put('library/app:1', buildImage({ layers }));
  const target = `${lab.host}/library/app:1-nydus`;
  assert.equal((await nydusify(['convert', '--merge-platform', source, target])).status, 0);
  return { lab, source, target };
}

/** Standard output as bytes. */
async function bytesOf(...args: readonly string[]): Promise<Buffer> {
  const child = spawn(process.execPath, [productCommand, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const parts: Buffer[] = [];
  for await (const part of child.stdout) parts.push(part as Buffer); // a Readable without encoding
  return Buffer.concat(parts);
}

test('looking inside', async (t) => {
  const { lab, source, target } = await prepare(t);
  const since = (): (() => readonly string[]) => {
    const start = lab.requests.length;
    return () =>
      lab.requests.slice(start).map(({ method, path, headers }) => {
        const range = headers['range'];
        return `${method} ${path.split('/').at(-2) ?? ''}${range === undefined ? '' : ' by range'}`;
      });
  };

  await t.test(
    'ls lists a directory, one name a line outside of a terminal, with odd names escaped',
    async () => {
      const asked = since();
      const { stdout, stderr, status } = await nydusify(['ls', '--stats', target, '/', 'etc']);
      assert.equal(status, 0, stderr);
      assert.equal(stdout, '/:\nbin\netc\ne\\xff\nusr\n\n/etc:\na\\x0ab\nos-release\n');
      assert.match(stderr, /^4 requests, [\d.]+ kB, [\d.]+ % of the [\d.]+ MB of the image\n$/);
      const requests = asked().filter((request) => !request.endsWith(' v2'));
      assert.deepEqual(
        requests.filter((request) => !request.startsWith('GET  ')),
        ['HEAD manifests', 'GET manifests', 'GET manifests', 'GET blobs'],
        'the index, the manifest, the bootstrap layer, and nothing else',
      );
    },
  );

  await t.test('ls -l, -R, -d and letters together', async () => {
    const long = await nydusify(['ls', '-lR', target, '/usr']);
    assert.equal(
      long.stdout,
      '/usr:\ndrwxr-xr-x  2  0:0  (1)  2023-11-14T22:13:20  bin\n\n' +
        '/usr/bin:\n-rwxr-xr-x  1  0:0  3000000  2023-11-14T22:13:20  tool\n',
    );
    assert.equal(
      (await nydusify(['ls', target, '/bin'])).stdout,
      'tool\n',
      'a link to a directory is followed',
    );
    const link = await nydusify(['ls', '-l', target, '/bin']);
    assert.match(link.stdout, /^lrwxrwxrwx {2}1 {2}0:0 {2}7 .* {2}\/bin -> usr\/bin\n$/);
    assert.equal((await nydusify(['ls', '-d', target, '/usr'])).stdout, '/usr\n');
  });

  await t.test('ls --json gives names that are no text as bytes too', async () => {
    const { stdout } = await nydusify(['ls', '--json', target]);
    const { entries, images, traffic } = JSON.parse(stdout) as {
      entries: { path: string; pathBase64?: string; type: string; mode: string }[];
      images: { platform: string; kind: string }[];
      traffic: { requests: number; bytes: number; imageBytes: number };
    };
    assert.deepEqual(
      images.map(({ platform, kind }) => [platform, kind]),
      [['linux/amd64', 'nydus']],
    );
    assert.equal(traffic.requests, 4);
    const odd = entries.find(({ pathBase64 }) => pathBase64 !== undefined);
    assert.deepEqual(Buffer.from(odd?.pathBase64 ?? '', 'base64'), Buffer.from([0x2f, 0x65, 0xff]));
  });

  await t.test(
    'cat prints bytes as they are, through links, and fetches no more than their chunks',
    async () => {
      const asked = since();
      assert.ok((await bytesOf('cat', target, '/bin/tool')).equals(Buffer.from(noise(3_000_000, 7))));
      const blobs = asked().filter((request) => request.includes('blobs'));
      assert.deepEqual(blobs, ['GET blobs', 'GET blobs by range']);
      assert.equal((await bytesOf('cat', target, '/etc/a\\x0ab', 'e\\xff')).toString(), 'oddbytes');
      assert.equal((await bytesOf('cat', source, 'etc/os-release')).toString(), 'NAME=test\n');
    },
  );

  await t.test('what is not there ends with exit code 1, and with what may have been meant', async () => {
    const missing = await nydusify(['cat', target, '/etc/os-relase']);
    assert.deepEqual(
      [missing.status, missing.stdout, missing.stderr],
      [1, '', 'error: /etc/os-relase: there is no os-relase in /etc\nhint: did you mean os-release?\n'],
    );
    const directory = await nydusify(['cat', target, '/usr']);
    assert.equal(directory.status, 1);
    assert.match(directory.stderr, /^error: \/usr is a directory, not a file\nhint: nydusify ls .* \/usr\n$/);
    const some = await nydusify(['cat', target, '/none', '/etc/os-release']);
    assert.deepEqual([some.status, some.stdout], [1, 'NAME=test\n'], 'the others are printed all the same');
    assert.equal((await nydusify(['ls', `${lab.host}/library/none:1`])).status, 3);
    assert.equal((await nydusify(['ls'])).status, 2);
  });

  await t.test('stat tells attributes and where the bytes lie', async () => {
    const { stdout } = await nydusify(['stat', target, '/usr/bin/tool']);
    for (const line of [
      /^path +\/usr\/bin\/tool$/m,
      /^mode +0755 \(-rwxr-xr-x\)$/m,
      /^size +3000000 \(3\.00 MB\)$/m,
      /^ +2 +2097152 +902848 +[0-9a-f]{16} +[0-9a-f]{12} +\d+ +\d+$/m,
    ])
      assert.match(stdout, line);
    const json = JSON.parse((await nydusify(['stat', '-L', '--json', target, '/bin'])).stdout) as {
      path: string;
    };
    assert.equal(json.path, '/usr/bin');
  });

  await t.test('tree draws, du weighs', async () => {
    const tree = await nydusify(['tree', target]);
    assert.equal(
      tree.stdout,
      '/\n├── bin -> usr/bin\n├── etc\n│   ├── a\\x0ab\n│   └── os-release\n├── e\\xff\n└── usr\n    └── bin\n        └── tool\n\n' +
        '3 directories, 5 files\n',
    );
    assert.equal(
      (await nydusify(['tree', '-d', '-L', '1', target])).stdout,
      '/\n├── etc\n└── usr\n\n2 directories\n',
    );
    interface Branch {
      readonly path: string;
      readonly children?: readonly Branch[];
    }
    const json = JSON.parse((await nydusify(['tree', '--json', '-L', '2', target])).stdout) as {
      tree: Branch;
    };
    const paths = ({ path, children = [] }: Branch): readonly string[] => [path, ...children.flatMap(paths)];
    assert.deepEqual(paths(json.tree), [
      '/',
      '/bin',
      '/etc',
      '/etc/a\\x0ab',
      '/etc/os-release',
      '/e\\xff',
      '/usr',
      '/usr/bin',
    ]);
    const du = await nydusify(['du', '-b', '-d', '2', target, '/usr']);
    assert.match(
      du.stdout,
      /^files +size +chunks +stored +own +shared +path\n +1 +3000000 +3000000 +\d+ +\d+ +0 +\/usr\n/,
    );
    assert.equal(du.stdout.trimEnd().split('\n').length, 3);
  });

  await t.test('diff: 0 for an image and its conversion, 1 for another one', async () => {
    const same = await nydusify(['diff', source, target]);
    assert.equal(same.status, 0, same.stderr);
    assert.match(same.stdout, /^the files are the same\nto download: 6 chunks, /);
    assert.match(same.stderr, /^note: this is no Nydus image: its 2 layers \([\d.]+ MB\) must be pulled/);
    const small = `${lab.host}/library/app:1-small-chunks`;
    assert.equal((await nydusify(['convert', '--chunk-size', '0x10000', source, small])).status, 0);
    const read = await nydusify(['diff', '-q', target, small]);
    assert.deepEqual(
      [read.status, read.stderr],
      [0, 'note: chunks have 1048576 bytes here and 65536 there, so files of the same size are read\n'],
    );
    assert.match(read.stdout, /^the files are the same\n/);
    const next = await lab.put(
      'library/app:2',
      buildImage({
        layers: [...layers, layer(dir('opt'), file('opt/x', '12'), file('opt/y', '34'), whiteout('bin'))],
      }),
    );
    const other = await nydusify(['diff', target, next]);
    assert.equal(other.status, 1);
    assert.match(
      other.stdout,
      /^- \/bin {2}symlink\n\+ \/opt\/ {2}2 entries, 4 B\n3 added, 1 removed, 0 changed\n/,
    );
  });

  await t.test('inspect sums up both halves; a bootstrap can be looked at without a file', async () => {
    const { stdout } = await nydusify(['inspect', target]);
    assert.match(stdout, /^linux\/amd64 {2}OCI image, for all other clients$/m);
    assert.match(stdout, /^linux\/amd64 {2}Nydus image, for Nydus clients$/m);
    assert.match(stdout, /^ {2}RAFS {6}v6, zstd, blake3, chunks of 1024 KiB/m);
    const json = JSON.parse((await nydusify(['inspect', '--json', target])).stdout) as {
      images: { kind: string }[];
    };
    assert.deepEqual(
      json.images.map(({ kind }) => kind),
      ['oci', 'nydus'],
    );
    assert.match((await nydusify(['inspect', '--dump', target])).stdout, /^I \/usr\/bin\/tool f 0755 /m);
    assert.match((await nydusify(['inspect', '--at', '1024', target])).stdout, /SuperBlock\.magic = /);
    assert.equal((await nydusify(['inspect', '--diff', target, target])).stdout, '');
  });

  await t.test(
    '--half and --platform choose, and say what there is when there is no such image',
    async () => {
      const oci = await nydusify(['ls', '--half', 'oci', target, '/usr']);
      assert.deepEqual([oci.status, oci.stdout], [0, 'bin\n']);
      const none = await nydusify(['ls', '--platform', 'linux/arm64', target]);
      assert.deepEqual(
        [none.status, none.stderr.split('\n')[1]],
        [2, 'hint: say which one with --platform: linux/amd64'],
      );
      const entries = (['riscv64', 's390x'] as const).map((architecture) => ({
        image: buildImage({ layers, platform: { os: 'linux', architecture } }),
        fields: { platform: { os: 'linux', architecture } },
      }));
      const many = await lab.put('library/many:1', buildIndex(entries));
      const unclear = await nydusify(['ls', many]);
      assert.equal(unclear.status, 2);
      assert.match(unclear.stderr, /--platform: linux\/riscv64, linux\/s390x/);
      assert.equal((await nydusify(['ls', '--platform', 'linux/s390x', many, '/usr'])).stdout, 'bin\n');
    },
  );

  await t.test('check --bootstrap-only reads no blob whole', async () => {
    const asked = since();
    const { status, stdout } = await nydusify(['check', '--bootstrap-only', target]);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^linux\/amd64: 2 layers, .*, chunk data not read$/m);
    const whole = asked().filter((request) => request === 'GET blobs');
    // Two configs and the bootstrap layer.
    assert.equal(whole.length, 3);
    assert.ok(asked().includes('GET blobs by range'));
  });
});

test('archives of docker save and of OCI layouts are looked into as they lie', async (t) => {
  const folder = await tempFolder(t);
  const [first, second] = layers.map((tar) => Buffer.from(tar));
  assert.ok(first !== undefined && second !== undefined);
  const docker = join(folder, 'docker.tar');
  const config = {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: [sha256(first), sha256(second)] },
  };
  const manifest = [{ Config: 'c.json', RepoTags: ['app:1'], Layers: ['1/layer.tar', '2/layer.tar'] }];
  await writeFile(
    docker,
    layer(
      file('c.json', JSON.stringify(config)),
      file('1/layer.tar', first),
      file('2/layer.tar', second),
      file('manifest.json', JSON.stringify(manifest)),
    ),
  );
  const layout = join(folder, 'layout');
  await writeLayout(layout, '1', [
    { tar: first, compression: 'gzip' },
    { tar: second, compression: 'none' },
  ]);
  const oci = join(folder, 'oci.tar');
  const blobs = await readdir(join(layout, 'blobs', 'sha256'));
  const members = ['oci-layout', 'index.json', ...blobs.map((name) => `blobs/sha256/${name}`)];
  await writeFile(
    oci,
    layer(
      ...(await Promise.all(members.map(async (name) => file(name, await readFile(join(layout, name)))))),
    ),
  );
  for (const location of [
    `docker-archive:${docker}`,
    `docker-archive:${docker}:app:1`,
    `oci-archive:${oci}:1`,
  ]) {
    const { status, stdout, stderr } = await nydusify(['ls', location, '/etc']);
    assert.deepEqual([status, stdout], [0, 'a\\x0ab\nos-release\n'], `${location}: ${stderr}`);
    assert.ok(
      (await bytesOf('cat', location, '/bin/tool')).equals(Buffer.from(noise(3_000_000, 7))),
      location,
    );
    assert.equal((await nydusify(['ls', location, '/etc/gone'])).status, 1);
  }
  const same = await nydusify(['diff', '-q', `docker-archive:${docker}`, `oci-archive:${oci}`]);
  assert.deepEqual([same.status, same.stdout.split('\n')[0]], [0, 'the files are the same']);
});
