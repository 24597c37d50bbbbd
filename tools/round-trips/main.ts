/**
 * `npm run round-trips -- --layout FOLDER [--names LIST] [--write]`: images converted in each format and back. Of one format the trees are compared as umoci
 * unpacks them, and the rebuilt image is made twice; every other format must give the same tars. `--write` puts the rows into
 * the table of docs/reverse.md, which keeps those of other images.
 */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { convertImage } from '../../src/convert/convert.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { reverseImage } from '../../src/reverse/reverse.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { treeDifferences } from '../../test/support/images/tree-differences.js';
import { umociTree } from '../../test/support/references/umoci.js';
import { projectRoot } from '../../test/support/project.js';
import { sectionRows, writePageSection } from '../docs/page-section.js';
import { say } from '../say.js';

type Format = Partial<ConvertOptions>;

const VERSIONS: readonly Format[] = [{ fsVersion: 6 }, { fsVersion: 5 }];
const CODECS: readonly Format[] = [
  {},
  { compressor: 'lz4_block' },
  { compressor: 'none' },
  { batchSize: 0x10_0000 },
];
const SCOPES: readonly Format[] = [{ dedup: 'layer' }, { dedup: 'image' }];

/** All combinations; RAFS 5 has no batches. */
const FORMATS: readonly Format[] = VERSIONS.flatMap((version) =>
  CODECS.flatMap((codec) => SCOPES.map((scope) => ({ ...version, ...codec, ...scope }))),
).filter(({ fsVersion, batchSize }) => fsVersion === 6 || batchSize === undefined);

/** The images of the benchmark, in the order of the table. */
const NAMES = ['tiny', 'debian', 'manyfiles', 'node-app', 'bigblob'];
const HEAD = [
  'image',
  'flatten',
  'formats',
  'same tars and manifest',
  'tree as umoci unpacks the source',
  'made twice',
  'seconds',
];

interface Row {
  readonly image: string;
  readonly flatten: string;
  readonly formats: number;
  /** Formats whose tars are those of the first one. */
  readonly equal: number;
  readonly isTreeEqual: boolean;
  readonly isTwiceEqual: boolean;
  readonly seconds: number;
}

async function convertAndBack(from: string, folder: string, format: Format): Promise<readonly string[]> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  await using source = openSource(from, { credentials: anonymous });
  await using nydus = openTarget(`oci:${join(folder, 'nydus')}:v`, { credentials: anonymous });
  await convertImage({ source, target: nydus }, format);
  return await back(folder, 'back');
}

async function back(folder: string, name: string): Promise<readonly string[]> {
  await using source = openSource(`oci:${join(folder, 'nydus')}:v`, { credentials: anonymous });
  await using target = openTarget(`oci:${join(folder, name)}:v`, { credentials: anonymous });
  const options = { mode: 'rebuild', compression: { compressor: 'none' } } as const;
  const { root, images } = await reverseImage({ source, target }, options);
  return [root.digest, ...images.flatMap(({ layers }) => layers.map(({ diffId }) => diffId))];
}

/** The source and the image made of it unpack to one tree. */
async function isSameTree(from: string, folder: string): Promise<boolean> {
  const [, layout = '', tag = ''] = /^oci:(.*):([^:]*)$/.exec(from) ?? [];
  const works = [join(folder, 'before'), join(folder, 'after')] as const;
  for (const work of works) await mkdir(work);
  const before = await umociTree(layout, tag, works[0]);
  const after = await umociTree(join(folder, 'back'), 'v', works[1]);
  const differences = treeDifferences(after.tree, before.tree, {
    wholeSeconds: true,
    dropEmptyXattrs: true,
    unpackedSince: before.startedSeconds,
  });
  for (const line of differences.slice(0, 5)) say(line);
  for (const work of works) await rm(work, { recursive: true, force: true });
  return differences.length === 0;
}

async function roundTrips(
  from: string,
  folder: string,
  image: string,
  flatten: 'none' | 'layers',
): Promise<Row> {
  const started = performance.now();
  let [first, equal]: [readonly string[], number] = [[], 0];
  let [isTreeEqual, isTwiceEqual] = [false, false];
  for (const format of FORMATS) {
    const made = await convertAndBack(from, folder, { ...format, flatten });
    if (first.length === 0) {
      first = made;
      isTwiceEqual = String(await back(folder, 'again')) === String(made);
      await rm(join(folder, 'again'), { recursive: true });
      isTreeEqual = await isSameTree(from, folder);
    }
    // The name of the manifest counts, too.
    if (String(made) === String(first)) equal++;
    say(
      `${image}, flatten ${flatten}, ${JSON.stringify(format)}: ${String(made) === String(first) ? 'equal' : 'OTHER'}`,
    );
  }
  await rm(folder, { recursive: true, force: true });
  const seconds = (performance.now() - started) / 1000;
  return { image, flatten, formats: FORMATS.length, equal, isTreeEqual, isTwiceEqual, seconds };
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      layout: { type: 'string' },
      names: { type: 'string', default: NAMES.join(',') },
      write: { type: 'boolean', default: false },
    },
  });
  if (values.layout === undefined) throw new Error('--layout FOLDER: a layout with the images');
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-round-trips-'));
  try {
    const rows: Row[] = [];
    for (const name of values.names.split(','))
      for (const flatten of ['none', 'layers'] as const)
        rows.push(await roundTrips(`oci:${values.layout}:${name}`, join(folder, 'image'), name, flatten));
    const cells = rows.map(({ image, flatten, formats, equal, isTreeEqual, isTwiceEqual, seconds }) => [
      image,
      flatten,
      String(formats),
      String(equal),
      isTreeEqual ? 'equal' : 'OTHER',
      isTwiceEqual ? 'equal bytes' : 'OTHER',
      seconds.toFixed(0),
    ]);
    process.stdout.write(`${markdownTable(HEAD, cells)}\n`);
    if (!values.write) return;
    const page = await readFile(join(projectRoot, 'docs', 'reverse.md'), 'utf8');
    const kept = sectionRows(page, 'round-trips').filter(
      ([image, flatten]) => !cells.some((row) => row[0] === image && row[1] === flatten),
    );
    const place = ([image = '']: readonly string[]): number => NAMES.indexOf(image);
    const all = [...kept, ...cells].sort((a, b) => place(a) - place(b));
    await writePageSection('reverse.md', 'round-trips', markdownTable(HEAD, all));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
