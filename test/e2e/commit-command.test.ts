/** `nydusify commit` from the command line. */
import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nydusify, registry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { dir, file, layer, whiteout } from '../support/images/tar.js';
import { runTool } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

const BELOW = layer(dir('etc'), file('etc/old', 'old'), file('etc/kept', 'kept'.repeat(9000)));
const CHANGES = layer(whiteout('etc/old'), file('etc/new', 'new'));

interface Document {
  readonly image: string;
  readonly digest: string;
  readonly times: number;
  readonly ordinary?: object;
  readonly copied: readonly { readonly outcome: string }[];
}

test('changes come from a file or a pipe, and go to a registry, a folder or an archive', async (t) => {
  const lab = await registry(t);
  const folder = await tempFolder(t);
  const source = await lab.put('app:1', buildImage({ layers: [BELOW] }));
  const all = await lab.put('app:all', buildImage({ layers: [BELOW, CHANGES] }));
  const nydus = `${lab.host}/app:nydus`;
  assert.equal((await nydusify(['convert', source, nydus])).status, 0);
  const [diff, pipe] = [join(folder, 'changes.tar'), join(folder, 'pipe')];
  await writeFile(diff, CHANGES);
  const digestFile = join(folder, 'digest');
  const made = await nydusify([
    'commit',
    '--json',
    '--digest-file',
    digestFile,
    ...['--diff-tar', diff, '--base', nydus, '--target', `${lab.host}/app:new`],
  ]);
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stderr, /3 changes|2 changes/);
  const document = JSON.parse(made.stdout) as Document;
  assert.equal(document.times, 1);
  assert.equal(await readFile(digestFile, 'utf8'), document.digest);
  assert.ok(document.copied.every(({ outcome }) => outcome === 'present'));
  await runTool('mkfifo', [pipe]);
  const writer = createWriteStream(pipe);
  writer.end(CHANGES);
  const archive = `oci-archive:${join(folder, 'out.tar')}:new`;
  const piped = await nydusify(['commit', '--diff-tar', pipe, nydus, archive]);
  assert.equal(piped.status, 0, piped.stderr);
  const stored = await nydusify(['commit', '--diff-tar', diff, nydus, `oci:${join(folder, 'out')}:new`]);
  assert.equal(stored.status, 0, stored.stderr);
  for (const target of [`${lab.host}/app:new`, archive, `oci:${join(folder, 'out')}:new`]) {
    const checked = await nydusify(['check', target, all]);
    assert.equal(checked.status, 0, checked.stdout);
    assert.match((await nydusify(['ls', target, '/etc'])).stdout, /new/);
  }
});

test('a merged index stays one, and another repository gets the blobs', async (t) => {
  const lab = await registry(t);
  const folder = await tempFolder(t);
  const source = await lab.put('app:1', buildImage({ layers: [BELOW] }));
  const merged = `${lab.host}/app:merged`;
  assert.equal((await nydusify(['convert', '--merge-platform', source, merged])).status, 0);
  const diff = join(folder, 'changes.tar');
  await writeFile(diff, CHANGES);
  const made = await nydusify(['commit', '--json', '--diff-tar', diff, merged, `${lab.host}/other:new`]);
  assert.equal(made.status, 0, made.stderr);
  const document = JSON.parse(made.stdout) as Document;
  assert.ok(document.ordinary !== undefined);
  assert.ok(document.copied.some(({ outcome }) => outcome === 'mounted'));
  const checked = await nydusify(['check', `${lab.host}/other:new`]);
  assert.equal(checked.status, 0, checked.stdout);
});

test('a container is refused with the way that is there, and what is missing is named', async (t) => {
  const folder = await tempFolder(t);
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [
      ['--container', 'abc', '--target', 'a:1'],
      2,
      /^error: --container is not supported.*\nhint: .*--diff-tar/,
    ],
    [['--target', 'a:1'], 2, /Required flags "base, diff-tar" not set/],
    [['--base', 'oci:/nowhere:1', '--diff-tar', folder, '--target', 'a:1'], 6, /it is a folder/],
    [['--base', 'a:1', '--diff-tar', '/no/file', '--target', 'b:1'], 6, /cannot read \/no\/file/],
    [['--base', 'a:1', '--diff-tar', '/dev/null', '--target', 'b:1'], 6, /neither a file nor a pipe/],
    [
      ['--base', 'a:1', '--diff-tar', '/no/file', '--dedup', 'all', '--target', 'b:1'],
      2,
      /--dedup should be/,
    ],
  ];
  for (const [argv, status, says] of cases) {
    const { status: code, stderr } = await nydusify(['commit', ...argv]);
    assert.equal(code, status, stderr);
    assert.match(stderr, says);
  }
});
