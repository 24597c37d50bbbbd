/** Whiteouts in every form in which builders have stored them: umoci says which names an image has, in both ways of reading it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import { FormatError } from '../../src/errors.js';
import { openFilesystem } from '../../src/look/open.js';
import { walk } from '../../src/rafs-builder/index.js';
import { openSource } from '../../src/registry/open.js';
import { convertFrom, store } from '../support/images/folder-conversion.js';
import { buildImage } from '../support/images/image-builder.js';
import {
  block,
  char,
  dir,
  entry,
  fifo,
  file,
  hardlink,
  layer,
  symlink,
  type TarItem,
} from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { runTool, tryRun } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

/** The forms that an entry of this path may have. */
const KINDS: Readonly<Record<string, (path: string, folder: string) => TarItem>> = {
  'a file': (path) => file(path),
  'a file with content': (path) => file(path, 'content'),
  'a contiguous file': (path) => entry('7', path),
  'a sparse file': (path) =>
    file(path, 'abc', {
      pax: [
        ['GNU.sparse.major', '0'],
        ['GNU.sparse.minor', '1'],
        ['GNU.sparse.map', '0,3'],
        ['GNU.sparse.size', '10'],
        ['GNU.sparse.numblocks', '1'],
      ],
    }),
  'a file with a slash at its end': (path) => file(`${path}/`),
  'a file with a dot at its end': (path) => file(`${path}/.`),
  'a directory': (path) => dir(path),
  'a symlink': (path) => symlink(path, 'other'),
  'a symlink without a target': (path) => symlink(path, ''),
  'a symlink to a path of 5000 bytes': (path) => symlink(path, 'a'.repeat(5000)),
  'a hard link to a file of the lower layer': (path, folder) => hardlink(path, `${folder}/other`),
  'a hard link to nothing': (path) => hardlink(path, 'no/where'),
  'a hard link to itself': (path) => hardlink(path, path),
  'a hard link to the root': (path) => hardlink(path, '/'),
  'a hard link without a target': (path) => hardlink(path, ''),
  'a character device': (path) => char(path, 0, 0),
  'a device with a number out of range': (path) => char(path, 5000, 3),
  'a block device': (path) => block(path, 1, 1),
  'a named pipe': (path) => fifo(path),
  'of an unknown type': (path) => entry('Z', path),
  'a volume label': (path) => entry('V', path),
};

/** Entries of an upper layer in a folder that has `key`, `other` and `sub/x` below. */
const CASES: Readonly<Record<string, (folder: string) => readonly TarItem[]>> = {
  ...Object.fromEntries(
    ['.wh.key', '.wh..wh..opq'].flatMap((name) =>
      Object.entries(KINDS).map(([kind, make]) => [
        `${name} is ${kind}`,
        (folder: string): TarItem[] => [make(`${folder}/${name}`, folder)],
      ]),
    ),
  ),
  ...Object.fromEntries(
    [
      '.wh..wh.',
      '.wh..wh.plnk',
      '.wh..wh..opqx',
      '.wh..opq',
      '.wh.none',
      '.wh.sub',
      '.wh....',
      '.WH.key',
    ].map((name) => [`a file ${name}`, (folder: string): TarItem[] => [file(`${folder}/${name}`)]]),
  ),
  'a file in a folder that is named like a whiteout': (at) => [file(`${at}/.wh.key/inside`, '1')],
  'a whiteout that is a directory, and a file in it': (at) => [
    dir(`${at}/.wh.key`, { mode: 0o700 }),
    file(`${at}/.wh.key/inside`, '1'),
  ],
  'a whiteout that is a file, and a file in it': (at) => [file(`${at}/.wh.key`), file(`${at}/.wh.key/in`)],
  'a whiteout that is a symlink, and a file in it': (at) => [
    symlink(`${at}/.wh.key`, 'sub'),
    file(`${at}/.wh.key/inside`, '1'),
  ],
  'a file in a whiteout that comes later': (at) => [file(`${at}/.wh.key/inside`, '1'), file(`${at}/.wh.key`)],
  'a whiteout in a whiteout': (at) => [dir(`${at}/.wh.sub`), file(`${at}/.wh.sub/.wh.x`)],
  'a file in an opaque marker': (at) => [dir(`${at}/.wh..wh..opq`), file(`${at}/.wh..wh..opq/x`)],
  'a symlink to a whiteout, and a file behind it': (at) => [
    dir(`${at}/.wh.key`),
    symlink(`${at}/link`, '.wh.key'),
    file(`${at}/link/x`, '1'),
  ],
  'the whiteout again and again': (at) => [
    file(`${at}/.wh.key`),
    hardlink(`${at}/.wh.key`, 'x'),
    dir(`${at}/.wh.key`),
    fifo(`${at}/.wh.key`),
  ],
  'the name before its whiteout': (at) => [file(`${at}/key`, 'new'), hardlink(`${at}/.wh.key`, `${at}/key`)],
  'the name after its whiteout': (at) => [hardlink(`${at}/.wh.key`, `${at}/other`), file(`${at}/key`, 'new')],
  'a whiteout below a file': (at) => [file(`${at}/other/.wh.x`)],
  'a whiteout below a folder that is nowhere': (at) => [file(`${at}/no/where/.wh.x`)],
  'a whiteout behind a slash': (at) => [file(`${at}/.wh./key`)],
};

function foldersOf(): readonly (readonly [folder: string, items: readonly TarItem[]])[] {
  return Object.values(CASES).map((make, i) => [`c${i}`, make(`c${i}`)]);
}

async function paths(location: string): Promise<readonly string[]> {
  await using source = openSource(location);
  const filesystem = await openFilesystem(source);
  return Array.from(walk(filesystem.root), ({ path }) => path)
    .filter((path) => path !== '')
    .sort();
}

async function listed(folder: string): Promise<readonly string[]> {
  const found = (await runTool('find', [folder, '-mindepth', '1', '-printf', '%P\\n'])).toString('utf8');
  return found.split('\n').slice(0, -1).sort();
}

function byCase(all: readonly string[]): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.keys(CASES).map((name, i) => [name, all.filter((path) => path.startsWith(`c${i}/`))]),
  );
}

test('a name alone makes a whiteout: converted and ordinary images have the names that umoci unpacks', async (t) => {
  if (!needs(t, 'umoci', 'root')) return;
  const lower = foldersOf().flatMap(([folder]) => [
    dir(folder),
    file(`${folder}/key`, 'k'),
    file(`${folder}/other`, 'o'),
    dir(`${folder}/sub`),
    file(`${folder}/sub/x`, 'x'),
  ]);
  const upper = foldersOf().flatMap(([, items]) => items);
  const from = await store(t, buildImage({ layers: [layer(...lower), layer(...upper)] }));
  const bundle = join(await tempFolder(t), 'bundle');
  await runTool('umoci', ['unpack', '--image', from.replace('oci:', ''), bundle]);
  const wanted = byCase(await listed(join(bundle, 'rootfs')));
  const { location } = await convertFrom(t, from);
  assert.deepEqual(byCase(await paths(location)), wanted);
  assert.deepEqual(byCase(await paths(from)), wanted);
  await using target = openSource(location);
  await using source = openSource(from);
  assert.deepEqual((await checkImage({ target, source })).findings, []);
});

test('whiteouts of a lowest layer leave no names, whatever they are', async (t) => {
  if (!needs(t, 'umoci', 'root')) return;
  const items = foldersOf().flatMap(([folder, list]) =>
    list.some((item) => 'path' in item && item.path.toString().includes(`${folder}/other`)) ? [] : list,
  );
  const from = await store(t, buildImage({ layers: [layer(...items)] }));
  const bundle = join(await tempFolder(t), 'bundle');
  await runTool('umoci', ['unpack', '--image', from.replace('oci:', ''), bundle]);
  const wanted = await listed(join(bundle, 'rootfs'));
  assert.deepEqual(await paths(from), wanted);
  assert.deepEqual(await paths((await convertFrom(t, from)).location), wanted);
});

test('what no runtime unpacks is refused: a whiteout of a folder itself, a hard link to a whiteout', async (t) => {
  const refused: readonly (readonly [items: readonly TarItem[], reason: RegExp])[] = [
    [[file('d/.wh.')], /"d\/\.wh\." at offset 0: it is a whiteout that removes no name$/],
    [[file('d/.wh..')], /a whiteout that removes no name$/],
    [[symlink('.wh...', 'x')], /a whiteout that removes no name$/],
    [[file('d/.wh.key', 'k'), hardlink('d/new', 'd/.wh.key')], /which has no entry before it in this layer$/],
  ];
  for (const [items, reason] of refused) {
    const from = await store(t, buildImage({ layers: [layer(dir('d'), file('d/key')), layer(...items)] }));
    const isRefusal = (error: unknown): boolean => error instanceof FormatError && reason.test(error.message);
    await assert.rejects(convertFrom(t, from), isRefusal);
    await assert.rejects(paths(from), isRefusal);
    const bundle = join(await tempFolder(t), 'bundle');
    if (!needs(t, 'umoci', 'root')) return;
    const { status } = await tryRun('umoci', ['unpack', '--image', from.replace('oci:', ''), bundle]);
    assert.notEqual(status, 0);
  }
});
