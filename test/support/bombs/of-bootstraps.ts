/** The bombs whose bootstraps describe a great deal; those that are sound are converted first. */
import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { convertImage } from '../../../src/convert/convert.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { endMarker, file, hardlink, tarBytes } from '../images/tar.js';
import { type Bomb, type Command, OF_BOOTSTRAPS } from './bomb.js';
import { bootstrapLayer, foldedFolders, inode5, inode6, super5, super6 } from './bootstraps.js';
import {
  behindLarge,
  gzipped,
  impliedFolders,
  manyEntries,
  numbered,
  type PackedBytes,
  zstandard,
} from './layers.js';
import { image, layout, nydus } from './write.js';

/** What a conversion made of an image that is large and sound. */
export function converted(write: Bomb['write'], chunkSize?: number): Bomb['write'] {
  return async (folder) => {
    const from = join(folder, 'from');
    await mkdir(from, { recursive: true });
    const location = await write(from);
    const to = `oci:${join(folder, 'image')}:t`;
    await using source = openSource(location, { credentials: anonymous });
    await using target = openTarget(to, { credentials: anonymous });
    await convertImage(
      { source, target },
      { ...(chunkSize === undefined ? {} : { chunkSize }), workDir: join(folder, 'work') },
    );
    return to;
  };
}

function claims(name: string, make: () => Uint8Array): Bomb {
  return { name, commands: OF_BOOTSTRAPS, write: nydus(() => bootstrapLayer(make())) };
}

const HUGE = 2 ** 40;
const isFolder = (mode: number): boolean => mode === 0o40000;
const isFile = (mode: number): boolean => mode === 0o100000;

const SOUND: readonly Command[] = [...OF_BOOTSTRAPS, 'diff with itself', 'tree', 'ls --json', 'stat'];

export const BOOTSTRAP_BOMBS: readonly Bomb[] = [
  {
    name: 'a Nydus image of 200,000 files',
    commands: SOUND,
    path: '/f0',
    write: converted(image(() => gzipped(manyEntries(200_000, (i) => file(`f${i}`, 'x'))))),
  },
  {
    name: 'a Nydus image of 100 paths of 2,040 folders',
    commands: SOUND,
    path: '/0',
    write: converted(image(() => gzipped(impliedFolders(100, 2040)))),
  },
  {
    name: 'a Nydus image with a file of 262,144 chunks',
    commands: SOUND,
    path: '/large',
    write: converted(
      image(() => zstandard(...behindLarge(1024))),
      0x1000,
    ),
  },
  {
    name: 'a Nydus image with 100,000 names of one file',
    commands: SOUND,
    path: '/f',
    write: converted(
      image(() =>
        gzipped(tarBytes([file('f', 'x'), ...numbered(100_000, (i) => hardlink(`l${i}`, 'f')), endMarker()])),
      ),
    ),
  },
  {
    name: 'a Nydus image with names that are no text, and 200 attributes each',
    commands: SOUND,
    path: '/d',
    write: converted(
      image(() =>
        gzipped(
          manyEntries(2000, (i) =>
            file(Buffer.concat([Buffer.from('d'), Buffer.alloc(200, 0xff), Buffer.from(String(i))]), '', {
              xattrs: numbered(200, (n): readonly [string, string] => [`user.${n}`, String(i)]),
            }),
          ),
        ),
      ),
    ),
  },
  claims('folders of v6 that list each other: 16 names to the power of 60', () => foldedFolders(60, 16)),
  claims('v6 with 65,535 devices', () => super6({ extraDevices: 65_535 }, 16 << 20)),
  claims('v6 with a table of blobs of 4 GiB', () => super6({ blobTableSize: 0xffff_ff00 }, 16 << 20)),
  claims('v6 with a table of chunks of 1 TiB', () => super6({ chunkTableSize: HUGE }, 16 << 20)),
  claims('v6 with a table of chunks over all of 32 MiB', () =>
    super6({ chunkTableOffset: 0, chunkTableSize: 32 << 20 }, 32 << 20),
  ),
  claims('v6 with a list of a million inodes to load early', () =>
    super6({ prefetchTableSize: 4_000_000 }, 16 << 20),
  ),
  claims('v6 with a folder of 2^50 bytes', () => inode6('directory', { size: 2 ** 50 })),
  claims('v6 with a file of 2^50 bytes', () => inode6('file', { size: 2 ** 50 })),
  claims('v6 with a symlink of 2^40 bytes', () => inode6('symlink', { size: HUGE })),
  claims('v6 with 65,535 words of attributes', () => inode6('file', { xattrCount: 65_535 })),
  claims('v5 with a table of 4 billion inodes', () =>
    super5({ inodeTableEntries: 0xffff_ffff, inodes: 0xffff_ffff }, 16 << 20),
  ),
  claims('v5 with a table of blobs of 4 GiB', () =>
    super5({ blobTableSize: 0xffff_fff8, extendedEntries: 0xffff_ffff }, 16 << 20),
  ),
  claims('v5 with 16 MiB of blobs without a name', () => super5({ blobTableSize: 15 << 20 }, 17 << 20)),
  claims('v5 with 4 billion inodes to load early', () =>
    super5({ prefetchTableEntries: 0xffff_ffff }, 16 << 20),
  ),
  claims('v5 with a folder that has 4 billion names', () => inode5(isFolder, { childCount: 0xffff_ffff })),
  claims('v5 with a folder that lists itself', () => inode5(isFolder, { childIndex: 1, childCount: 3 })),
  claims('v5 with a file of 4 billion chunks', () =>
    inode5(isFile, { childCount: 0xffff_ffff, size: 2 ** 50 }),
  ),
  {
    name: 'a Nydus image that lists one blob 20,000 times',
    commands: OF_BOOTSTRAPS,
    write: manyBlobs(20_000),
  },
];

/** A bootstrap above a blob that stands in the manifest again and again. */
function manyBlobs(times: number): Bomb['write'] {
  return async (folder) => {
    const blob: PackedBytes = {
      ...gzipped(tarBytes([endMarker()])),
      mediaType: 'application/vnd.oci.image.layer.nydus.blob.v1',
    };
    return layout(folder, {
      layers: [...numbered(times, () => blob), bootstrapLayer(super6({}))],
      annotations: [
        ...numbered(times, () => ({ 'containerd.io/snapshot/nydus-blob': 'true' })),
        { 'containerd.io/snapshot/nydus-bootstrap': 'true' },
      ],
    });
  };
}
