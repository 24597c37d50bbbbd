/** `nydusify optimize` from the command line. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nydusify, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { dir, file, hardlink, layer, symlink } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';

const words = (word: string): string => `${word} `.repeat(4000);
const image = buildImage({
  layers: [
    layer(
      dir('bin'),
      file('bin/app', words('app')),
      hardlink('bin/again', 'bin/app'),
      file('bin/cold', words('cold')),
      dir('lib'),
      ...Array.from({ length: 9 }, (_, i) => file(`lib/${i}.so`, words(`library ${i}`))),
      symlink('lib64', 'lib'),
    ),
  ],
});

interface Document {
  readonly image: string;
  readonly digest: string;
  readonly unchanged: boolean;
  readonly platforms: readonly {
    readonly blob: { readonly digest: string };
    readonly replaced?: { readonly digest: string };
    readonly prefetch: { readonly missing: number; readonly files: { readonly listed: number } };
    readonly reads: Readonly<
      Record<'before' | 'after', { readonly requests: number; readonly bytes: number }>
    >;
  }[];
  readonly copied: readonly { readonly outcome: string }[];
}

/** One list in the forms of several tools. */
const LISTS: Readonly<Record<string, string>> = {
  'list.txt': '/lib64/8.so\n/bin/again\n/lib/1.so\n/none\n',
  'upstream.json': JSON.stringify({
    version: 'v1',
    files: [
      { path: '/lib64/8.so', ranges: [[0, 10]] },
      { path: '/bin/again' },
      { path: '/lib/1.so' },
      { path: '/none' },
    ],
  }),
  'strace.log': ['/lib64/8.so', '/bin/again', '/lib/1.so', '/none']
    .map((path) => `7 openat(AT_FDCWD, "${path}", O_RDONLY|O_CLOEXEC) = 3\n`)
    .join(''),
};

test('a list in any form gives one image, in the same repository and in another registry, with fewer requests', async (t) => {
  const [lab, other] = [await registry(t), await registry(t)];
  const folder = await tempFolder(t);
  const source = await lab.put('app:1', image);
  const nydus = `${lab.host}/app:nydus`;
  const converted = await nydusify(['convert', source, nydus]);
  assert.equal(converted.status, 0, converted.stderr);
  const digests = new Set<string>();
  for (const [name, text] of Object.entries(LISTS)) {
    const list = join(folder, name);
    await writeFile(list, text);
    const made = await nydusify([
      'optimize',
      '--json',
      '--prefetch-files',
      list,
      nydus,
      `${lab.host}/app:${name}`,
    ]);
    assert.equal(made.status, 0, made.stderr);
    assert.match(made.stderr, /1 of 4 patterns of the prefetch list are not there: \/none$/m);
    const document = JSON.parse(made.stdout) as Document;
    digests.add(document.digest);
    const [platform] = document.platforms;
    assert.equal(platform?.prefetch.files.listed, 3);
    assert.deepEqual([platform.reads.before.requests, platform.reads.after.requests], [2, 1]);
    assert.ok(document.copied.every(({ outcome }) => outcome === 'present'));
    assert.match(made.stderr, /to read these files a client needs 1 request \(.*\); before: 2 requests/);
  }
  assert.equal(digests.size, 1);
  const away = `${other.host}/else/app:fast`;
  const digestFile = join(folder, 'digest');
  const flags = ['--prefetch-files', '-', '--digest-file', digestFile];
  const moved = await nydusify(['optimize', ...flags, '--source', nydus, '--target', away], {
    input: LISTS['list.txt'] ?? '',
    env: { OPTIMIZE_POLICY: 'separated-blob-with-prefetch-files' },
  });
  assert.equal(moved.status, 0, moved.stderr);
  const digest = await readFile(digestFile, 'utf8');
  assert.deepEqual([...digests], [digest]);
  assert.equal(moved.stdout, `${other.host}/else/app@${digest}\n`);
  const checked = await nydusify(['check', '--source', source, '--target', away], { cwd: folder });
  assert.equal(checked.status, 0, checked.stdout);
  // In its own place, with the same list and with another one.
  const again = await nydusify(['optimize', '--prefetch-files', join(folder, 'list.txt'), away, away]);
  assert.match(again.stderr, /^already there: /m);
  const replaced = await nydusify(['optimize', '--json', '--prefetch-files', '-', away, away], {
    input: '/bin\n',
  });
  assert.equal(replaced.status, 0, replaced.stderr);
  const [platform] = (JSON.parse(replaced.stdout) as Document).platforms;
  assert.ok(platform?.replaced !== undefined);
  assert.equal((await nydusify(['check', '--source', source, '--target', away], { cwd: folder })).status, 0);
  const back = await nydusify(['reverse', '--reverse-mode', 'rebuild', away, `${other.host}/else/app:back`]);
  assert.equal(back.status, 0, back.stderr);
  const differs = await nydusify(['diff', away, `${other.host}/else/app:back`]);
  assert.equal(differs.status, 0, differs.stdout);
});

test('what is missing, or is no Nydus image, is said', async (t) => {
  const lab = await registry(t);
  const source = await lab.put('app:1', image);
  const none = await nydusify(['optimize', source, `${lab.host}/app:2`]);
  assert.deepEqual([none.status, /"prefetch-files" not set/.test(none.stderr)], [2, true]);
  const ordinary = await nydusify(['optimize', '--prefetch-files', '-', source, `${lab.host}/app:2`], {
    input: '/bin\n',
  });
  assert.equal(ordinary.status, 5);
  assert.match(ordinary.stderr, /is no Nydus image, so there is nothing to optimise/);
  const policy = await nydusify(['optimize', '--policy', 'x', '--prefetch-files', '-', source, 'x'], {
    input: '/bin\n',
  });
  assert.equal(policy.status, 2);
});

test('the source may have its blobs in a storage backend, and both ends may be files, as upstream names them', async (t) => {
  const lab = await registry(t);
  const folder = await tempFolder(t);
  const [list, blobs] = [join(folder, 'list.txt'), join(folder, 'blobs')];
  await writeFile(list, '/lib/1.so\n');
  const config = JSON.stringify({ dir: blobs });
  const backend = ['--backend-type', 'localfs', '--backend-config', config];
  const source = await lab.put('app:1', image);
  const backed = await nydusify(['convert', ...backend, source, `${lab.host}/app:backed`]);
  assert.equal(backed.status, 0, backed.stderr);
  const usual = await nydusify(['convert', source, `${lab.host}/app:usual`]);
  assert.equal(usual.status, 0, usual.stderr);
  const from = backend.map((word) => word.replace(/^--/, '--source-'));
  const upstream = ['--prefetch-files', list, '--source', `${lab.host}/app:backed`, '--target'];
  const tar = `file://${join(folder, 'fast.tar')}`;
  const made = await nydusify(['optimize', ...from, ...upstream, tar]);
  assert.equal(made.status, 0, made.stderr);
  const again = await nydusify(['optimize', '--prefetch-files', list, tar, `${lab.host}/app:fast`]);
  assert.equal(again.status, 0, again.stderr);
  const checked = await nydusify(['check', `${lab.host}/app:fast`, source]);
  assert.equal(checked.status, 0, checked.stdout);
  const lone = await nydusify(['optimize', ...upstream, tar, '--source-backend-type', 's3']);
  assert.equal(lone.status, 2);
  assert.match(lone.stderr, /please specify option '--source-backend-config'/);
});
