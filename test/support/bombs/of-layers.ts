/** The bombs whose layers describe a great deal. */
import { gzipSync } from 'node:zlib';
import { dir, endMarker, file, symlink, tarBytes, whiteout } from '../images/tar.js';
import { type Bomb, OF_BOOTSTRAPS, OF_LAYERS } from './bomb.js';
import {
  behindLarge,
  globalRecords,
  gzipped,
  hardlinks,
  holes,
  impliedFolders,
  linkChain,
  linkLoop,
  localAttributes,
  manyEntries,
  numbered,
  xattr,
  zeros,
  zstandard,
} from './layers.js';
import { archive, image, layout, nydus } from './write.js';

const ATTRIBUTE = 60_000;
const TERA = 2 ** 40;

export const LAYER_BOMBS: readonly Bomb[] = [
  {
    name: 'global attribute of 60 KB on 20,000 entries',
    commands: OF_LAYERS,
    write: image(() => gzipped(globalRecords([xattr('user.x', ATTRIBUTE)], 20_000))),
  },
  {
    name: 'global attribute, zstd',
    commands: OF_LAYERS,
    write: image(() => zstandard(globalRecords([xattr('user.x', ATTRIBUTE)], 10_000))),
  },
  {
    name: '3,000 global attributes on 20,000 entries',
    commands: OF_LAYERS,
    write: image(() =>
      gzipped(
        globalRecords(
          numbered(3000, (i) => xattr(`user.${i}`, 1)),
          20_000,
        ),
      ),
    ),
  },
  {
    name: '3,500 refused global attributes on 20,000 entries',
    commands: OF_LAYERS,
    write: image(() =>
      gzipped(
        globalRecords(
          numbered(3000, (i) => xattr(`x.${i}`, 1)),
          20_000,
        ),
      ),
    ),
  },
  {
    name: 'global attribute in 4 layers',
    commands: OF_LAYERS,
    write: async (folder) =>
      layout(folder, {
        layers: numbered(4, (i) => gzipped(globalRecords([xattr(`user.${i}`, ATTRIBUTE)], 5000))),
      }),
  },
  {
    name: 'equal attributes of 60 KB on 1,500 entries',
    commands: OF_LAYERS,
    write: image(() => gzipped(localAttributes(1500, ATTRIBUTE))),
  },
  { name: 'a hole of 16 TiB', commands: OF_LAYERS, write: image(() => gzipped(holes(1, 16 * TERA))) },
  {
    name: 'a hole of 16 TiB, for which the limit is raised',
    commands: ['convert'],
    options: ['--max-metadata', '300M'],
    write: image(() => gzipped(holes(1, 16 * TERA))),
  },
  {
    name: 'a hole of nearly 4 TiB',
    commands: OF_LAYERS,
    write: image(() => gzipped(holes(1, 4 * TERA - 2 ** 33 - 1))),
  },
  {
    name: 'a hole of 60 GiB in chunks of 4 KiB',
    commands: ['convert'],
    options: ['--fs-chunk-size', '0x1000'],
    write: image(() => gzipped(holes(1, 60 * 2 ** 30))),
  },
  {
    name: 'a hole of 16 TiB in chunks of 4 KiB',
    commands: ['convert'],
    options: ['--fs-chunk-size', '0x1000'],
    write: image(() => gzipped(holes(1, 16 * TERA))),
  },
  { name: '1,000 holes of 1 TiB', commands: OF_LAYERS, write: image(() => gzipped(holes(1000, TERA))) },
  { name: 'a hole of 8 EiB', commands: OF_LAYERS, write: image(() => gzipped(holes(1, 2 ** 62))) },
  {
    name: 'a file of 2 GiB of zeros, gzip',
    commands: OF_LAYERS,
    write: image(() => gzipped(...zeros('z', 2044))),
  },
  {
    name: 'a file of 8 GiB of zeros, zstd',
    commands: OF_LAYERS,
    write: image(() => zstandard(...zeros('z', 8188))),
  },
  {
    name: 'two bytes behind 1 GiB of different chunks, zstd',
    commands: ['cat', 'convert'],
    path: '/small',
    write: image(() => zstandard(...behindLarge(1024))),
  },
  {
    name: 'two bytes behind 1 GiB of different chunks, gzip',
    commands: ['cat'],
    path: '/small',
    write: image(() => gzipped(...behindLarge(1024))),
  },
  {
    name: '2,000 paths of 1,000 implied folders each',
    commands: OF_LAYERS,
    write: image(() => gzipped(impliedFolders(2000, 1000))),
  },
  {
    name: '100 paths of 2,040 implied folders each',
    commands: OF_LAYERS,
    write: image(() => gzipped(impliedFolders(100, 2040))),
  },
  {
    name: 'a chain of 39 links with long targets, 3,000 files through it',
    commands: OF_LAYERS,
    write: image(() => gzipped(linkChain(3000))),
  },
  {
    name: 'a loop of links, 10,000 files through it',
    commands: OF_LAYERS,
    write: image(() => gzipped(linkLoop(10_000))),
  },
  {
    name: 'a chain of 100,000 hard links',
    commands: OF_LAYERS,
    write: image(() => gzipped(hardlinks(100_000))),
  },
  {
    name: '200,000 entries',
    commands: [...OF_LAYERS, 'tree', 'ls --json', 'diff with itself', 'stat'],
    write: image(() => gzipped(manyEntries(200_000, (i) => file(`f${i}`)))),
  },
  {
    name: '200,000 whiteouts',
    commands: OF_LAYERS,
    write: image(() => gzipped(manyEntries(200_000, (i) => whiteout(`f${i}`)))),
  },
  {
    name: '100,000 entries of one path',
    commands: OF_LAYERS,
    write: image(() => gzipped(manyEntries(100_000, () => file('same', 'x')))),
  },
  {
    name: '100,000 folders that become files and back',
    commands: OF_LAYERS,
    write: image(() => gzipped(manyEntries(100_000, (i) => (i % 2 === 0 ? dir('d') : file('d'))))),
  },
  {
    name: '50,000 symlinks of 4,095 bytes',
    commands: OF_LAYERS,
    write: image(() => gzipped(manyEntries(20_000, (i) => symlink(`s${i}`, 'x'.repeat(4095))))),
  },
  {
    name: 'a layer listed 4,000 times',
    commands: OF_LAYERS,
    write: image(() => gzipped(manyEntries(100, (i) => file(`f${i}`))), { times: 4000 }),
  },
  {
    name: 'a large layer listed 1,000 times',
    commands: OF_LAYERS,
    write: image(() => gzipped(manyEntries(20_000, (i) => file(`f${i}`))), { times: 1000 }),
  },
  {
    name: 'an image listed 2,000 times',
    commands: OF_LAYERS,
    write: image(() => gzipped(...zeros('z', 64)), { listed: 2000 }),
  },
  {
    name: 'a bootstrap of 2 GiB of zeros',
    commands: OF_BOOTSTRAPS,
    write: nydus(() => gzipped(...zeros('image/image.boot', 2044))),
  },
  {
    name: 'a file of 2 GiB beside the bootstrap',
    commands: OF_BOOTSTRAPS,
    write: nydus(() => gzipped(...zeros('image/other', 2044))),
  },
  {
    name: 'a bootstrap that claims 2 GiB and ends',
    commands: OF_BOOTSTRAPS,
    write: nydus(() => gzipped(tarBytes([file('image/image.boot', '', { size: 2047 << 20 })]))),
  },
  {
    name: 'a bootstrap layer of 200,000 files',
    commands: OF_BOOTSTRAPS,
    write: nydus(() => gzipped(manyEntries(200_000, (i) => file(`image/${i}.blob.meta`)))),
  },
  {
    name: 'a compressed archive of 4 GiB of zeros',
    commands: OF_LAYERS,
    write: archive(() => gzipped(...numbered(1024, () => Buffer.alloc(4 << 20))).bytes),
  },
  {
    name: 'a compressed archive that is no tar',
    commands: OF_LAYERS,
    write: archive(() => Buffer.concat(numbered(256, () => gzipSync(Buffer.alloc(4 << 20, 'x'))))),
  },
  {
    name: 'a compressed archive with a member of 8 GiB',
    commands: OF_LAYERS,
    write: archive(() => gzipped(...zeros('blobs/x', 2044), ...zeros('blobs/y', 2044)).bytes),
  },
  {
    name: '100,000 empty gzip members',
    commands: OF_LAYERS,
    write: image(() => ({
      ...gzipped(tarBytes([endMarker()])),
      bytes: Buffer.concat([...numbered(100_000, () => EMPTY_MEMBER), gzipSync(tarBytes([endMarker()]))]),
    })),
  },
];

const EMPTY_MEMBER = gzipSync(Buffer.alloc(0));
