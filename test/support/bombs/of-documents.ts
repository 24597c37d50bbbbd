/** The bombs whose documents, manifests and indexes above all, describe a great deal. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endMarker, file, tarBytes } from '../images/tar.js';
import { type Bomb, type Command, OF_DOCUMENTS } from './bomb.js';
import { gzipped, numbered } from './layers.js';
import { archive, INDEX, type Layout, layout, MANIFEST, type Named, putImage, startLayout } from './write.js';

const SMALL = gzipped(tarBytes([file('small', 'hi'), endMarker()]));

/** As many members as a document may have, but for a few. */
const MOST = 120_000;

function record(count: number, value = 'v'): Readonly<Record<string, string>> {
  return Object.fromEntries(numbered(count, (i) => [`k${i}`, value]));
}

/** An image of one small layer with other members in its config. */
function configured(name: string, members: () => object, commands: readonly Command[] = OF_DOCUMENTS): Bomb {
  return { name, commands, write: async (folder) => layout(folder, { layers: [SMALL], config: members() }) };
}

/** The same with a config that is no JSON of ours. */
function written(name: string, text: () => string): Bomb {
  const config = (): string => {
    const rootfs = JSON.stringify({ type: 'layers', diff_ids: [SMALL.diffId] });
    return `{"architecture":"amd64","os":"linux","rootfs":${rootfs},${text()}}`;
  };
  return {
    name,
    commands: OF_DOCUMENTS,
    write: async (folder) => layout(folder, { layers: [SMALL], configBytes: Buffer.from(config()) }),
  };
}

function manifested(name: string, members: () => object): Bomb {
  return {
    name,
    commands: OF_DOCUMENTS,
    write: async (folder) => layout(folder, { layers: [SMALL], manifest: members() }),
  };
}

/** An index of these entries. */
function indexed(
  name: string,
  entries: (image: Named, put: Layout['put']) => Promise<readonly object[]> | readonly object[],
  commands: readonly Command[] = [...OF_DOCUMENTS, 'convert --all-platforms'],
): Bomb {
  return {
    name,
    commands,
    write: async (folder) => {
      const { put, name: tag } = await startLayout(folder);
      const manifests = await entries(await putImage(put, [SMALL]), put);
      return tag(await put(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests }));
    },
  };
}

const AMD64 = { os: 'linux', architecture: 'amd64' };
/** Content that is nowhere. */
function absent(i: number): Named {
  return { mediaType: MANIFEST, digest: `sha256:${i.toString(16).padStart(64, '0')}`, size: 500 };
}

export const DOCUMENT_BOMBS: readonly Bomb[] = [
  configured('120,000 labels', () => ({ config: { Labels: record(MOST) } })),
  configured('60,000 steps of history', () => ({ history: numbered(MOST / 2, () => ({})) })),
  configured('400,000 steps of history', () => ({ history: numbered(400_000, () => ({})) })),
  configured('120,000 variables', () => ({ config: { Env: numbered(MOST, (i) => `V${i}=1`) } })),
  configured('120,000 diffIDs', () => ({
    rootfs: { type: 'layers', diff_ids: numbered(100_000, () => SMALL.diffId) },
  })),
  configured('120,000 features of the system', () => ({ 'os.features': numbered(MOST, (i) => `f${i}`) })),
  configured('a version of the system of 4 MiB', () => ({ 'os.version': 'v'.repeat(4 << 20) })),
  written('a number of 8 million digits', () => `"n":${'9'.repeat(8_000_000)}`),
  written('a string of 8 MB of escapes', () => `"config":{"Labels":{"l":"${'\\u001b'.repeat(1_300_000)}"}}`),
  written('8 MB of blanks', () => `${' '.repeat(8_000_000)}"n":1`),
  written('120,000 members of one name', () => numbered(MOST, () => '"created":"x"').join(',')),
  written(
    '60,000 variables of 120 bytes',
    () =>
      `"config":{"Env":[${numbered(60_000, (i) => JSON.stringify(`V${i}=${'é'.repeat(60)}`)).join(',')}]}`,
  ),
  manifested('120,000 annotations', () => ({ annotations: record(MOST) })),
  manifested('an annotation of 8 MB', () => ({ annotations: { a: '\u0007'.repeat(1_300_000) } })),
  manifested('a subject with 60,000 annotations, and 60,000 members that nobody knows', () => ({
    subject: { ...absent(1), annotations: record(60_000) },
    unknown: record(60_000),
  })),
  manifested('a descriptor with 100,000 places and 6 MB of data', () => ({
    config: { ...absent(2), urls: numbered(100_000, () => 'http://x'), data: 'A'.repeat(6_000_000) },
  })),
  indexed('an index of 16,000 images that are nowhere, and one that is there', (image) => [
    { ...image, platform: AMD64 },
    ...numbered(16_000, (i) => ({ ...absent(i), platform: { os: 'linux', architecture: `a${i}` } })),
  ]),
  indexed('an index of 16,000 images without a platform', (image) => [
    { ...image, platform: AMD64 },
    ...numbered(16_000, (i) => absent(i)),
  ]),
  indexed('an image that is listed for 2,000 platforms', (image) =>
    numbered(2000, (i) => ({
      ...image,
      platform: { ...AMD64, ...(i === 0 ? {} : { architecture: `a${i}` }) },
    })),
  ),
  indexed('300 images of one layer', async (_, put) =>
    Promise.all(
      numbered(300, async (i) => ({
        ...(await putImage(put, [SMALL], { config: { author: String(i) } })),
        platform: { ...AMD64, variant: `v${i}` },
      })),
    ),
  ),
  indexed('an index of 1,000 entries that is listed for 1,000 platforms', async (image, put) => {
    const inner = await put(INDEX, {
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: numbered(1000, (i) => absent(i)),
    });
    return [
      { ...image, platform: AMD64 },
      ...numbered(1000, (i) => ({ ...inner, platform: { os: 'linux', architecture: `a${i}` } })),
    ];
  }),
  indexed('indexes in one another, each twice in the next', async (image, put) => {
    let inner: object = { ...image, platform: AMD64 };
    for (let i = 0; i < 7; i++)
      inner = await put(INDEX, {
        schemaVersion: 2,
        mediaType: INDEX,
        manifests: numbered(12, (n) => ({ ...inner, annotations: { n: String(n) } })),
      });
    return [inner];
  }),
  indexed('16,000 attestations', (image) => [
    { ...image, platform: AMD64 },
    ...numbered(10_000, (i) => ({
      ...absent(i),
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: {
        'vnd.docker.reference.digest': image.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      },
    })),
  ]),
  {
    name: 'a layout with 20,000 tags',
    commands: OF_DOCUMENTS,
    write: async (folder) => {
      const { put, name } = await startLayout(folder);
      const image = await putImage(put, [SMALL]);
      const tagged = numbered(20_000, (i) => ({
        ...image,
        annotations: { 'org.opencontainers.image.ref.name': `t${i}` },
      }));
      return name(image, ...tagged);
    },
  },
  {
    name: 'a layout with 16,000 artifacts that refer to the image',
    commands: OF_DOCUMENTS,
    write: async (folder) => {
      const { put, name } = await startLayout(folder);
      return name(await putImage(put, [SMALL]), ...numbered(16_000, (i) => absent(i)));
    },
  },
  {
    name: 'a docker archive with 100,000 tags',
    commands: OF_DOCUMENTS,
    write: archive(
      () =>
        dockerArchive([
          { Config: 'c.json', RepoTags: numbered(100_000, (i) => `r/n:${i}`), Layers: ['l.tar'] },
        ]),
      'docker-archive',
    ),
  },
  {
    name: 'a docker archive with one layer 20,000 times',
    commands: OF_DOCUMENTS,
    write: archive(
      () => dockerArchive([{ Config: 'c.json', RepoTags: ['r:1'], Layers: numbered(20_000, () => 'l.tar') }]),
      'docker-archive',
    ),
  },
  {
    name: 'a docker archive with 20,000 images',
    commands: OF_DOCUMENTS,
    write: archive(
      () =>
        dockerArchive(
          numbered(20_000, (i) => ({ Config: 'c.json', RepoTags: [`r:${i}`], Layers: ['l.tar'] })),
        ),
      'docker-archive',
    ),
  },
  {
    name: 'an archive with 200,000 members',
    commands: OF_DOCUMENTS,
    write: async (folder) => {
      const path = join(folder, 'image.tar');
      await writeFile(path, tarBytes([...numbered(200_000, (i) => file(`blobs/sha256/${i}`)), endMarker()]));
      return `oci-archive:${path}`;
    },
  },
];

function dockerArchive(list: readonly object[]): Uint8Array {
  const config = { ...AMD64, rootfs: { type: 'layers', diff_ids: [SMALL.diffId] } };
  return gzipped(
    tarBytes([
      file('manifest.json', JSON.stringify(list)),
      file('c.json', JSON.stringify(config)),
      file('l.tar', SMALL.bytes),
      endMarker(),
    ]),
  ).bytes;
}
