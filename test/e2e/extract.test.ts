/** Files of images in directories and tars: everything that an image holds, and nothing outside of the directory. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rm, symlink as makeLink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { convertImage } from '../../src/convert/convert.js';
import { ContentMismatchError, LocalIoError } from '../../src/errors.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { extractToDirectory, type Extracted } from '../../src/extract/to-directory.js';
import { tarOf } from '../../src/extract/to-tar.js';
import { NydusFilesystem } from '../../src/look/nydus.js';
import type { ChunkedFilesystem } from '../../src/look/filesystem.js';
import { openChunked, openFilesystem } from '../../src/look/open.js';
import type { TreeNode } from '../../src/rafs-builder/model/tree.js';
import { nydusify, registry } from '../support/command.js';
import { diskTree } from '../support/images/disk-tree.js';
import { edgeImages } from '../support/images/edge-images.js';
import { referenceCases, referenceLayers, referenceText } from '../support/images/fixtures.js';
import { buildImage } from '../support/images/image-builder.js';
import { flip, sourceImage, withBytes } from '../support/images/memory-conversion.js';
import { noise } from '../support/images/opaque-image.js';
import { dir, file, hardlink, layer, symlink } from '../support/images/tar.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { needs } from '../support/needs.js';
import { productCommand } from '../support/project.js';
import { listTree, referenceTool } from '../support/references/reference-builder.js';
import { pathOrSkip } from '../support/references/tools.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { runTool } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

const FORMATS: Readonly<Record<string, Partial<ConvertOptions>>> = {
  'v6 zstd': {},
  'v6 batches, chunks of lower layers referred to': { batchSize: 0x10_0000, dedup: 'image' },
  'v5 lz4': { fsVersion: 5, compressor: 'lz4_block' },
};

/** The same layers without a conversion. */
async function ordinary(
  t: TestContext,
  layers: Parameters<typeof sourceImage>[0],
): Promise<ChunkedFilesystem> {
  const filesystem = await openChunked(sourceImage(layers), { workDir: await tempFolder(t) });
  t.after(() => filesystem[Symbol.asyncDispose]());
  assert.equal(filesystem.kind, 'oci');
  return filesystem;
}

async function filesystemOf(
  layers: Parameters<typeof sourceImage>[0],
  options: Partial<ConvertOptions> = {},
): Promise<NydusFilesystem> {
  const target = new MemoryStore('memory.test/nydus:1');
  await convertImage({ source: sourceImage(layers), target }, { threads: 2, ...options });
  const filesystem = await openFilesystem(target);
  assert.ok(filesystem instanceof NydusFilesystem);
  return filesystem;
}

function extract(filesystem: ChunkedFilesystem, directory: string): Promise<Extracted> {
  return extractToDirectory(filesystem, filesystem.root, directory, {}, {});
}

async function writeTar(filesystem: ChunkedFilesystem, path: string): Promise<void> {
  const parts: Uint8Array[] = [];
  for await (const bytes of tarOf(filesystem, filesystem.root)) parts.push(bytes);
  await writeFile(path, Buffer.concat(parts));
}

for (const name of referenceCases()) {
  test(`${name} is extracted from every format as the tree that the reference builder sees`, async (t) => {
    if (!needs(t, 'root') || pathOrSkip(t, referenceTool()) === undefined) return;
    const expected = diskTree(referenceText(name, 'expected.tree'));
    const folder = await tempFolder(t);
    const layers = referenceLayers(name);
    const filesystems = [['an ordinary image', await ordinary(t, layers)]] as [string, ChunkedFilesystem][];
    for (const [format, options] of Object.entries(FORMATS))
      filesystems.push([format, await filesystemOf(layers, options)]);
    for (const [format, filesystem] of filesystems) {
      const directory = join(folder, format);
      await extract(filesystem, directory);
      assert.deepEqual(treeDifferences(await listTree(directory), expected), [], format);
      const again = await extract(filesystem, directory);
      assert.equal(again.kept, again.files, `${format}: nothing is fetched again`);
      assert.deepEqual(treeDifferences(await listTree(directory), expected), [], `${format}, again`);
    }
  });
}

test('GNU tar makes the same tree of the tar', async (t) => {
  if (!needs(t, 'root') || pathOrSkip(t, referenceTool()) === undefined) return;
  const folder = await tempFolder(t);
  for (const [name, { layers, options }] of Object.entries(edgeImages())) {
    const filesystem = await filesystemOf(layers, { chunkSize: options?.chunkSize ?? 0x10_0000 });
    if (bytesOf(filesystem.root) > LARGE) continue;
    const [directory, unpacked] = [join(folder, 'directory'), join(folder, 'unpacked')];
    await extract(filesystem, directory);
    await writeTar(filesystem, join(folder, 'tar'));
    await mkdir(unpacked);
    const exact = ['--xattrs', '--xattrs-include=*', '--same-owner', '--same-permissions', '--numeric-owner'];
    await runTool('tar', ['-x', '-f', join(folder, 'tar'), '-C', unpacked, ...exact]);
    assert.deepEqual(treeDifferences(await listTree(directory), await listTree(unpacked)), [], name);
    for (const one of [directory, unpacked]) await rm(one, { recursive: true });
  }
});

function bytesOf({ inode, children }: TreeNode): number {
  const below = [...(children?.values() ?? [])].reduce((sum, child) => sum + bytesOf(child), 0);
  return below + (inode.kind === 'file' ? inode.size : 0);
}

/** A tar of more is not held in memory. */
const LARGE = 100_000_000;

const LAYERS = [
  layer(
    dir('etc', { mode: 0o700 }),
    dir('etc/ssl', { mtime: 5 }),
    file('etc/ssl/cert', 'one'),
    file('etc/passwd', 'two', { mode: 0o640 }),
    dir('usr'),
    dir('usr/bin'),
    file('usr/bin/tool', noise(6_000_000, 3), { mode: 0o4755 }),
    hardlink('usr/bin/same', 'usr/bin/tool'),
    symlink('bin', 'usr/bin'),
  ),
];

function sortedLines(text: Buffer): readonly string[] {
  return text.toString().split('\n').sort();
}

interface Lab {
  readonly image: string;
  readonly source: string;
  readonly folder: string;
}

async function lab(t: TestContext): Promise<Lab> {
  const store = await registry(t);
  const source = await store.put('library/app:1', buildImage({ layers: LAYERS }));
  const image = `${store.host}/library/app:1-nydus`;
  assert.equal((await nydusify(['convert', source, image])).status, 0);
  return { image, source, folder: await tempFolder(t) };
}

test('extract, as a person calls it', async (t) => {
  const { image, source, folder } = await lab(t);
  const out = join(folder, 'out');

  await t.test('paths land at their place, with the directories that lead to them', async () => {
    const { status, stdout } = await nydusify(['extract', image, '/etc/ssl', '/bin/tool', out]);
    assert.equal(status, 0);
    assert.match(stdout, /^\S+out has 2 files, 5 directories of the image, 6\.00 MB\n$/);
    assert.deepEqual((await readdir(out, { recursive: true })).sort(), [
      'etc',
      'etc/ssl',
      'etc/ssl/cert',
      'usr',
      'usr/bin',
      'usr/bin/tool',
    ]);
  });

  await t.test('what is there is kept, and the rest is added', async () => {
    const { status, stdout } = await nydusify(['extract', image, '--json', out]);
    assert.equal(status, 0);
    const { files, kept, others, leftOut } = JSON.parse(stdout) as Record<string, unknown>; // docs/schemas/extract.json
    // The first of two names is new, and the file that was there becomes the other one.
    assert.deepEqual({ files, kept, others, leftOut }, { files: 3, kept: 1, others: 2, leftOut: [] });
    const again = await nydusify(['extract', image, out]);
    assert.match(again.stdout, /: all were there already\n$/);
  });

  await t.test('a file with other content is an error, and is replaced when asked', async () => {
    await writeFile(join(out, 'etc/passwd'), 'mine');
    const refused = await nydusify(['extract', image, out]);
    assert.equal(refused.status, 5);
    assert.match(refused.stderr, /etc\/passwd is there already, and is something else\n.*--overwrite/);
    assert.equal(await readFile(join(out, 'etc/passwd'), 'utf8'), 'mine');
    assert.equal((await nydusify(['extract', '--overwrite', image, out])).status, 0);
    assert.equal(await readFile(join(out, 'etc/passwd'), 'utf8'), 'two');
  });

  await t.test('a link that another has put there leads no write out of the directory', async () => {
    const [trap, outside] = [join(folder, 'trap'), join(folder, 'outside')];
    await mkdir(trap);
    await mkdir(outside);
    await makeLink(outside, join(trap, 'etc'));
    const { status, stderr } = await nydusify(['extract', '--overwrite', image, trap]);
    assert.equal(status, 5, stderr);
    assert.deepEqual(await readdir(outside), []);
  });

  await t.test('a tar goes to standard output', async () => {
    const child = spawn(process.execPath, [productCommand, 'extract', image, '/etc', '-'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const list = spawn('tar', ['-tf', '-'], { stdio: [child.stdout, 'pipe', 'inherit'] });
    let names = '';
    list.stdout.on('data', (data: Buffer) => (names += data.toString()));
    await once(list, 'close');
    assert.deepEqual(names.split('\n'), ['./', 'etc/', 'etc/passwd', 'etc/ssl/', 'etc/ssl/cert', '']);
  });

  await t.test('no other user can do what the image would let its owner do', async () => {
    if (!needs(t, 'root')) return;
    const own = join(folder, 'own');
    assert.equal((await nydusify(['extract', '--owner', 'self', image, own])).status, 0);
    const tree = await runTool('stat', ['-c', '%a %U', join(own, 'usr/bin/tool')]);
    assert.equal(tree.toString(), '755 root\n');
  });

  await t.test('an ordinary image gives the same files, and leaves nothing in the work folder', async () => {
    const [ordinaryOut, work] = [join(folder, 'ordinary'), join(folder, 'work')];
    await mkdir(work);
    const { status, stderr } = await nydusify(['extract', '--work-dir', work, source, ordinaryOut]);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /note: this is no Nydus image: its 1 layer \(\S+ \S+\) must be pulled/);
    const nydusOut = join(folder, 'nydus');
    assert.equal((await nydusify(['extract', image, nydusOut])).status, 0);
    const listed = (at: string): Promise<Buffer> =>
      runTool('find', [at, '-printf', '%P %y %s %T@ %m %n %l\n']);
    assert.deepEqual(sortedLines(await listed(ordinaryOut)), sortedLines(await listed(nydusOut)));
    await runTool('diff', ['-r', ordinaryOut, nydusOut]);
    assert.deepEqual(await readdir(work), []);
    assert.match((await nydusify(['extract', source, ordinaryOut])).stdout, /: all were there already\n$/);
  });
});

test('no file is written of an ordinary image whose layer is not what its digest says', async (t) => {
  const folder = await tempFolder(t);
  const damaged = withBytes(sourceImage(LAYERS), 0, flip(3_000_000));
  await assert.rejects(openChunked(damaged, { workDir: folder }), ContentMismatchError);
  assert.deepEqual(await readdir(folder), []);
});

for (const kind of ['a Nydus image', 'an ordinary image'])
  test(`a run on ${kind} that is killed leaves whole files alone, and the next one makes the rest`, async (t) => {
    const { folder, ...made } = await lab(t);
    const image = kind === 'a Nydus image' ? made.image : made.source;
    const out = join(folder, 'out');
    const expected = join(folder, 'expected');
    assert.equal((await nydusify(['extract', image, expected])).status, 0);
    const wanted = await runTool('find', [expected, '-type', 'f', '-printf', '%P %s %T@ %m\n']);
    for (let delay = 100; delay < 700; delay += 60) {
      const child = spawn(process.execPath, [productCommand, 'extract', image, out], { stdio: 'ignore' });
      setTimeout(() => child.kill('SIGKILL'), delay);
      await once(child, 'close');
      const found = await readdir(out, { recursive: true }).catch(() => []);
      for (const name of found.filter((path) => path.endsWith('usr/bin/tool')))
        assert.deepEqual(await readFile(join(out, name)), await readFile(join(expected, name)));
      if (delay % 120 === 0) await rm(out, { recursive: true, force: true });
    }
    const { status, stderr } = await nydusify(['extract', image, out]);
    assert.equal(status, 0, stderr);
    assert.deepEqual(await runTool('find', [out, '-type', 'f', '-printf', '%P %s %T@ %m\n']), wanted);
  });

test('a file in the place of the directory is one sentence', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'file'), '');
  for (const place of ['file', 'file/in'])
    await assert.rejects(
      extract(await ordinary(t, [layer(file('f', 'x'))]), join(folder, place)),
      (error) => error instanceof LocalIoError && /: it is no directory$/.test(error.message),
    );
});

test('without root, what cannot be made is named, and everything else is there', async (t) => {
  if (!needs(t, 'root', 'setpriv')) return;
  const store = await registry(t);
  const folder = await tempFolder(t);
  await chmod(folder, 0o755);
  const out = join(folder, 'out');
  await mkdir(out);
  await chmod(out, 0o777);
  const [devices] = Object.entries(edgeImages()).filter(([name]) => name.includes('device'));
  assert.ok(devices !== undefined);
  const source = await store.put('library/dev:1', buildImage({ layers: devices[1].layers }));
  assert.equal((await nydusify(['convert', source, `${source}-nydus`])).status, 0);
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, productCommand];
  const child = spawn('setpriv', [...nobody, 'extract', `${source}-nydus`, out], {
    env: { PATH: process.env['PATH'], HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const [status] = (await once(child, 'close')) as [number];
  assert.equal(status, 0, said);
  assert.match(said, /warning: char of \/\S+( and \d+ mores?)? left out: Operation not permitted/);
  assert.ok((await readdir(out)).length > 0);
});
