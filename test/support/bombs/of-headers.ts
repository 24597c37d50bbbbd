/** The bombs whose headers, records and compressed members claim more than they hold. */
import {
  block,
  char,
  dir,
  endMarker,
  fifo,
  file,
  hardlink,
  opaque,
  symlink,
  tarBytes,
  whiteout,
} from '../images/tar.js';
import { type Bomb, OF_LAYERS } from './bomb.js';
import {
  emptyBlocks,
  emptyZstdBlocks,
  entriesWith,
  gzipName,
  largeDictionary,
  largeWindow,
  longHeader,
  nestedGzip,
  paxRecord,
  repeatedByte,
  skippable,
  SPARSE,
  stargz,
  withRecords,
} from './headers.js';
import { behindLarge, gzipped, manyEntries, numbered, zeros, zstandard } from './layers.js';
import { image, layout } from './write.js';

const RUNS = 100_000;

export const HEADER_BOMBS: readonly Bomb[] = [
  ...(['x', 'g', 'L', 'K'] as const).map((type): Bomb => ({
    name: `a header of type ${type} that announces 2 GiB`,
    commands: OF_LAYERS,
    write: image(() => gzipped(...longHeader(type, 2044))),
  })),
  {
    name: 'a pax header of a million records',
    commands: OF_LAYERS,
    write: image(() => gzipped(withRecords(numbered(250_000, () => paxRecord('a', ''))))),
  },
  {
    name: 'a pax record that says its length in a million digits',
    commands: OF_LAYERS,
    write: image(() => gzipped(withRecords([Buffer.from(`${'0'.repeat(1_000_000)}9 a=b\n`)]))),
  },
  {
    name: 'sizes, owners and times of 60,000 digits',
    commands: OF_LAYERS,
    write: image(() =>
      gzipped(
        entriesWith(200, (i) => [
          [
            ['size', 'uid', 'mtime'][i % 3] ?? '',
            i % 3 === 2 ? `1.${'9'.repeat(60_000)}` : `${'0'.repeat(60_000)}1`,
          ],
        ]),
      ),
    ),
  },
  {
    name: 'paths of 1 MiB',
    commands: OF_LAYERS,
    write: image(() => gzipped(entriesWith(100, (i) => [['path', `${'d/'.repeat(500_000)}${i}`]]))),
  },
  {
    name: 'names of 255 bytes that are no text',
    commands: [...OF_LAYERS, 'tree', 'ls --json'],
    write: image(() =>
      gzipped(
        manyEntries(30_000, (i) => file(Buffer.concat([Buffer.alloc(245, 0xff), Buffer.from(String(i))]))),
      ),
    ),
  },
  {
    name: 'attributes of 60 KB with names and values of their own',
    commands: [...OF_LAYERS, 'stat'],
    path: '/f0',
    write: image(() =>
      gzipped(
        entriesWith(500, (i) => [
          [`SCHILY.xattr.user.${i}`, Buffer.alloc(60_000, String.fromCharCode(97 + (i % 26)))],
        ]),
      ),
    ),
  },
  {
    name: '1,500 attributes on each of 200 entries',
    commands: OF_LAYERS,
    write: image(() =>
      gzipped(
        entriesWith(200, (i) =>
          numbered(1500, (n): readonly [string, string] => [`SCHILY.xattr.user.${i}.${n}`, '']),
        ),
      ),
    ),
  },
  ...(Object.keys(SPARSE) as (keyof typeof SPARSE)[]).map((form): Bomb => ({
    name: `a sparse file of 100,000 runs, GNU ${form}`,
    commands: OF_LAYERS,
    write: image(() => gzipped(SPARSE[form](RUNS))),
  })),
  {
    name: '200,000 devices and pipes',
    commands: OF_LAYERS,
    write: image(() =>
      gzipped(
        manyEntries(
          200_000,
          (i) => [char(`c${i}`, 4095, i), block(`b${i}`, 1, i), fifo(`p${i}`)][i % 3] ?? fifo('p'),
        ),
      ),
    ),
  },
  {
    name: '50,000 names of a file of 1 GiB',
    commands: [...OF_LAYERS, 'stat'],
    path: '/large',
    write: image(() =>
      zstandard(
        ...behindLarge(1024).slice(0, -1),
        manyEntries(50_000, (i) => hardlink(`l${i}`, 'large')),
      ),
    ),
  },
  {
    name: 'a file of 1 GiB in chunks of 4 KiB',
    commands: ['convert'],
    options: ['--fs-chunk-size', '0x1000'],
    write: image(() => zstandard(...zeros('z', 1024))),
  },
  {
    name: '4 GiB of zeros behind the end of the archive',
    commands: OF_LAYERS,
    write: image(() =>
      zstandard(tarBytes([file('small', 'hi'), endMarker()]), ...zeros('', 4092).slice(1, -1)),
    ),
  },
  {
    name: '2,000 layers that hide one another',
    commands: OF_LAYERS,
    write: async (folder) =>
      layout(folder, {
        layers: [
          gzipped(manyEntries(500, (i) => file(`d/f${i}`))),
          gzipped(tarBytes([opaque('d'), opaque(''), endMarker()])),
          gzipped(manyEntries(500, (i) => whiteout(`d/f${i}`))),
        ],
        times: 660,
      }),
  },
  {
    name: 'a layer of 1,000 folders in one another, listed 2,000 times',
    commands: OF_LAYERS,
    write: image(() => gzipped(tarBytes([file(`${'d/'.repeat(1000)}f`), endMarker()])), { times: 2000 }),
  },
  {
    name: 'an empty layer listed 20,000 times',
    commands: [...OF_LAYERS, 'convert --merge-platform', 'inspect', 'plan'],
    write: image(() => gzipped(tarBytes([endMarker()])), { times: 20_000 }),
  },
  {
    name: '1,000 empty layers, none like another',
    commands: OF_LAYERS,
    write: async (folder) =>
      layout(folder, {
        layers: numbered(1000, (i) => gzipped(tarBytes([dir('d', { mtime: i }), endMarker()]))),
      }),
  },
  {
    name: '20,000 folders of a lower layer through a link of it',
    commands: OF_LAYERS,
    write: async (folder) =>
      layout(folder, {
        layers: [
          gzipped(tarBytes([symlink('a', `${'x/../'.repeat(500)}b`), dir('x'), dir('b'), endMarker()])),
          gzipped(manyEntries(20_000, (i) => file(`a/d${i}/f`))),
        ],
      }),
  },
  { name: 'a gzip header whose name is 16 MiB', commands: OF_LAYERS, write: image(() => gzipName(16 << 20)) },
  {
    name: 'a million empty blocks of deflate',
    commands: OF_LAYERS,
    write: image(() => emptyBlocks(1_000_000)),
  },
  { name: 'a gzip in a gzip in a gzip', commands: OF_LAYERS, write: image(() => nestedGzip(3)) },
  { name: 'a zstd window of 2 GiB', commands: OF_LAYERS, write: image(() => largeWindow()) },
  {
    name: 'a million zstd frames to pass over',
    commands: OF_LAYERS,
    write: image(() => skippable(1_000_000)),
  },
  {
    name: 'a million empty blocks of zstd',
    commands: OF_LAYERS,
    write: image(() => emptyZstdBlocks(1_000_000)),
  },
  {
    name: 'a byte repeated in 100,000 blocks of zstd',
    commands: OF_LAYERS,
    write: image(() => repeatedByte(100_000)),
  },
  { name: 'an xz dictionary of 4 GiB', commands: OF_LAYERS, write: image(() => largeDictionary()) },
  {
    name: 'a table of contents of eStargz with 100,000 files of 1 TiB',
    commands: OF_LAYERS,
    write: image(() => stargz(100_000)),
  },
];
