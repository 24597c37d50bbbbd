/** The bombs: small inputs that describe a great deal, with the commands that meet them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { sha256 } from '../../../src/oci/digest.js';
import { dir, endMarker, file, symlink, tarBytes, whiteout } from '../images/tar.js';
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
  type PackedBytes,
  xattr,
  zeros,
  zstandard,
} from './layers.js';

type Command = 'ls' | 'cat' | 'convert' | 'check' | 'du' | 'inspect';

export interface Bomb {
  readonly name: string;
  readonly commands: readonly Command[];
  /** The path that `cat` asks for. */
  readonly path?: string;
  /** More arguments of `convert`. */
  readonly options?: readonly string[];
  /** Writes the input into the folder, and returns its location. */
  readonly write: (folder: string) => Promise<string>;
}

/** What a run may take, whatever the input: bytes of memory, bytes of disk, seconds. */
export const BOMB_BUDGET = { memory: 512 * 2 ** 20, disk: 2 ** 30 + 2 ** 28, seconds: 60 } as const;

/** The arguments of one run. */
export function argumentsOf(
  bomb: Bomb,
  command: Command,
  location: string,
  folder: string,
): readonly string[] {
  if (command === 'convert')
    return ['convert', ...(bomb.options ?? []), location, `oci:${join(folder, 'target')}:t`];
  if (command === 'cat') return ['cat', location, bomb.path ?? '/small'];
  return [command, location];
}

interface Spec {
  readonly layers: readonly PackedBytes[];
  /** How often the whole list stands in the manifest. */
  readonly times?: number;
  /** How often the manifest stands in an index. */
  readonly listed?: number;
  readonly annotations?: readonly (object | undefined)[];
}

async function layout(
  folder: string,
  { layers, times = 1, listed = 1, annotations = [] }: Spec,
): Promise<string> {
  const blobs = join(folder, 'image', 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (
    mediaType: string,
    bytes: Uint8Array,
  ): Promise<{ mediaType: string; digest: string; size: number }> => {
    const digest = sha256(bytes);
    await writeFile(join(blobs, digest.slice('sha256:'.length)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const once: object[] = [];
  for (const [i, { mediaType, bytes }] of layers.entries())
    once.push({
      ...(await put(mediaType, bytes)),
      ...(annotations[i] === undefined ? {} : { annotations: annotations[i] }),
    });
  const all = numbered(times, () => once).flat();
  const json = (value: object): Uint8Array => Buffer.from(JSON.stringify(value));
  const oci = 'application/vnd.oci.image.';
  const config = await put(
    `${oci}config.v1+json`,
    json({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: numbered(times, () => layers.map(({ diffId }) => diffId)).flat() },
    }),
  );
  const manifest = await put(
    `${oci}manifest.v1+json`,
    json({ schemaVersion: 2, mediaType: `${oci}manifest.v1+json`, config, layers: all }),
  );
  const platform = { os: 'linux', architecture: 'amd64' };
  const root =
    listed === 1
      ? manifest
      : await put(
          `${oci}index.v1+json`,
          json({
            schemaVersion: 2,
            mediaType: `${oci}index.v1+json`,
            manifests: numbered(listed, () => ({ ...manifest, platform })),
          }),
        );
  await writeFile(join(folder, 'image', 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(folder, 'image', 'index.json'),
    json({
      schemaVersion: 2,
      manifests: [{ ...root, annotations: { 'org.opencontainers.image.ref.name': 't' } }],
    }),
  );
  return `oci:${join(folder, 'image')}:t`;
}

const BOOTSTRAP = { 'containerd.io/snapshot/nydus-bootstrap': 'true' };

function nydus(layer: PackedBytes): (folder: string) => Promise<string> {
  return (folder) => layout(folder, { layers: [layer], annotations: [BOOTSTRAP] });
}

function image(
  make: () => PackedBytes | Promise<PackedBytes>,
  spec: Omit<Spec, 'layers'> = {},
): Bomb['write'] {
  return async (folder) => layout(folder, { layers: [await make()], ...spec });
}

function archive(make: () => Uint8Array): Bomb['write'] {
  return async (folder) => {
    const path = join(folder, 'image.tar.gz');
    await writeFile(path, make());
    return `oci-archive:${path}`;
  };
}

const LOOK = ['ls', 'convert'] as const;
const BOOT = ['ls', 'check', 'inspect'] as const;
const ATTRIBUTE = 60_000;
const TERA = 2 ** 40;

export const BOMBS: readonly Bomb[] = [
  {
    name: 'global attribute of 60 KB on 20,000 entries',
    commands: LOOK,
    write: image(() => gzipped(globalRecords([xattr('user.x', ATTRIBUTE)], 20_000))),
  },
  {
    name: 'global attribute, zstd',
    commands: LOOK,
    write: image(() => zstandard(globalRecords([xattr('user.x', ATTRIBUTE)], 10_000))),
  },
  {
    name: '3,000 global attributes on 20,000 entries',
    commands: LOOK,
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
    commands: LOOK,
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
    commands: ['ls', 'convert'],
    write: async (folder) =>
      layout(folder, {
        layers: numbered(4, (i) => gzipped(globalRecords([xattr(`user.${i}`, ATTRIBUTE)], 5000))),
      }),
  },
  {
    name: 'equal attributes of 60 KB on 1,500 entries',
    commands: LOOK,
    write: image(() => gzipped(localAttributes(1500, ATTRIBUTE))),
  },
  { name: 'a hole of 16 TiB', commands: LOOK, write: image(() => gzipped(holes(1, 16 * TERA))) },
  {
    name: 'a hole of 16 TiB, for which the limit is raised',
    commands: ['convert'],
    options: ['--max-metadata', '300M'],
    write: image(() => gzipped(holes(1, 16 * TERA))),
  },
  {
    name: 'a hole of nearly 4 TiB',
    commands: LOOK,
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
  { name: '1,000 holes of 1 TiB', commands: LOOK, write: image(() => gzipped(holes(1000, TERA))) },
  { name: 'a hole of 8 EiB', commands: LOOK, write: image(() => gzipped(holes(1, 2 ** 62))) },
  {
    name: 'a file of 2 GiB of zeros, gzip',
    commands: LOOK,
    write: image(() => gzipped(...zeros('z', 2044))),
  },
  {
    name: 'a file of 8 GiB of zeros, zstd',
    commands: LOOK,
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
    commands: LOOK,
    write: image(() => gzipped(impliedFolders(2000, 1000))),
  },
  {
    name: '100 paths of 2,040 implied folders each',
    commands: LOOK,
    write: image(() => gzipped(impliedFolders(100, 2040))),
  },
  {
    name: 'a chain of 39 links with long targets, 3,000 files through it',
    commands: LOOK,
    write: image(() => gzipped(linkChain(3000))),
  },
  {
    name: 'a loop of links, 10,000 files through it',
    commands: LOOK,
    write: image(() => gzipped(linkLoop(10_000))),
  },
  { name: 'a chain of 100,000 hard links', commands: LOOK, write: image(() => gzipped(hardlinks(100_000))) },
  {
    name: '200,000 entries',
    commands: ['ls', 'convert', 'du'],
    write: image(() => gzipped(manyEntries(200_000, (i) => file(`f${i}`)))),
  },
  {
    name: '200,000 whiteouts',
    commands: LOOK,
    write: image(() => gzipped(manyEntries(200_000, (i) => whiteout(`f${i}`)))),
  },
  {
    name: '100,000 entries of one path',
    commands: LOOK,
    write: image(() => gzipped(manyEntries(100_000, () => file('same', 'x')))),
  },
  {
    name: '100,000 folders that become files and back',
    commands: LOOK,
    write: image(() => gzipped(manyEntries(100_000, (i) => (i % 2 === 0 ? dir('d') : file('d'))))),
  },
  {
    name: '50,000 symlinks of 4,095 bytes',
    commands: LOOK,
    write: image(() => gzipped(manyEntries(20_000, (i) => symlink(`s${i}`, 'x'.repeat(4095))))),
  },
  {
    name: 'a layer listed 4,000 times',
    commands: ['ls', 'convert'],
    write: image(() => gzipped(manyEntries(100, (i) => file(`f${i}`))), { times: 4000 }),
  },
  {
    name: 'a large layer listed 1,000 times',
    commands: ['ls', 'convert'],
    write: image(() => gzipped(manyEntries(20_000, (i) => file(`f${i}`))), { times: 1000 }),
  },
  {
    name: 'an image listed 2,000 times',
    commands: ['ls', 'convert'],
    write: image(() => gzipped(...zeros('z', 64)), { listed: 2000 }),
  },
  {
    name: 'a bootstrap of 2 GiB of zeros',
    commands: BOOT,
    write: nydus(gzipped(...zeros('image/image.boot', 2044))),
  },
  {
    name: 'a file of 2 GiB beside the bootstrap',
    commands: BOOT,
    write: nydus(gzipped(...zeros('image/other', 2044))),
  },
  {
    name: 'a bootstrap that claims 2 GiB and ends',
    commands: BOOT,
    write: nydus(gzipped(tarBytes([file('image/image.boot', '', { size: 2047 << 20 })]))),
  },
  {
    name: 'a bootstrap layer of 200,000 files',
    commands: BOOT,
    write: nydus(gzipped(manyEntries(200_000, (i) => file(`image/${i}.blob.meta`)))),
  },
  {
    name: 'a compressed archive of 4 GiB of zeros',
    commands: ['ls', 'convert'],
    write: archive(() => gzipped(...numbered(1024, () => Buffer.alloc(4 << 20))).bytes),
  },
  {
    name: 'a compressed archive that is no tar',
    commands: ['ls', 'convert'],
    write: archive(() => Buffer.concat(numbered(256, () => gzipSync(Buffer.alloc(4 << 20, 'x'))))),
  },
  {
    name: 'a compressed archive with a member of 8 GiB',
    commands: ['ls', 'convert'],
    write: archive(() => gzipped(...zeros('blobs/x', 2044), ...zeros('blobs/y', 2044)).bytes),
  },
  {
    name: '100,000 empty gzip members',
    commands: LOOK,
    write: image(() => ({
      ...gzipped(tarBytes([endMarker()])),
      bytes: Buffer.concat([...numbered(100_000, () => EMPTY_MEMBER), gzipSync(tarBytes([endMarker()]))]),
    })),
  },
];

const EMPTY_MEMBER = gzipSync(Buffer.alloc(0));
