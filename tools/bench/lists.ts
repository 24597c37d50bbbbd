/** How the time of a command grows with what an image lists: labels, history, entries, tags, names. One row of a table each. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  buildImage,
  buildIndex,
  type BuiltImage,
  putImage,
} from '../../test/support/images/image-builder.js';
import {
  endMarker,
  file,
  hardlink,
  layer,
  tarBytes,
  type TarItem,
  whiteout,
} from '../../test/support/images/tar.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { productCommand } from '../../test/support/project.js';
import { openTarget } from '../../src/registry/open.js';
import { costOf } from './run.js';

const SMALL = layer(file('a', '1'));

function numbered<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function record(count: number, make: (i: number) => unknown): Record<string, unknown> {
  return Object.fromEntries(numbered(count, (i) => [`k${i}`, make(i)]));
}

function config(fields: object): BuiltImage {
  return buildImage({ layers: [SMALL], config: fields });
}

function names(count: number, ...makers: readonly ((i: number) => TarItem)[]): BuiltImage {
  const tars = makers.map((make) => tarBytes([file('d/x', '1'), ...numbered(count, make), endMarker()]));
  return buildImage({ layers: tars });
}

interface Lists {
  readonly largest: number;
  readonly make: (count: number) => BuiltImage;
}

const HISTORY = { created_by: 'step' };
const DOCUMENT = 16_000;
const NAMES = 200_000;

const LISTS: Readonly<Record<string, Lists>> = {
  labels: { largest: DOCUMENT, make: (n) => config({ config: { Labels: record(n, String) } }) },
  environment: {
    largest: DOCUMENT,
    make: (n) => config({ config: { Env: numbered(n, (i) => `K${i}=v`) } }),
  },
  'history without layers': {
    largest: DOCUMENT,
    make: (n) => config({ history: [...numbered(n, () => ({ ...HISTORY, empty_layer: true })), HISTORY] }),
  },
  'history longer than the layers': {
    largest: DOCUMENT,
    make: (n) => config({ history: numbered(n, () => HISTORY) }),
  },
  'annotations of a manifest': {
    largest: DOCUMENT,
    make: (n) => buildImage({ layers: [SMALL], manifest: { annotations: record(n, String) } }),
  },
  'layers, all the same': {
    largest: 4000,
    make: (n) => buildImage({ layers: numbered(n, () => SMALL) }),
  },
  'entries of an index': {
    largest: DOCUMENT,
    make: (n) => {
      const image = buildImage({ layers: [SMALL] });
      const platform = (architecture: string): object => ({ platform: { os: 'linux', architecture } });
      return buildIndex([
        { image, fields: platform('amd64') },
        ...numbered(n, (i) => ({ image: { root: image.root, parts: [] }, fields: platform(`a${i}`) })),
      ]);
    },
  },
  'names in a folder': { largest: NAMES, make: (n) => names(n, (i) => file(`d/f${i}`)) },
  'hard links to a file': { largest: NAMES, make: (n) => names(n, (i) => hardlink(`d/h${i}`, 'd/x')) },
  'folders without an entry': { largest: NAMES, make: (n) => names(n, (i) => file(`d${i}/e/f`)) },
  whiteouts: {
    largest: NAMES,
    make: (n) =>
      names(
        n,
        (i) => file(`d/f${i}`),
        (i) => whiteout(`d/f${i}`),
      ),
  },
};

const COMMANDS: Readonly<Record<string, (from: string, to: string) => readonly string[]>> = {
  convert: (from, to) => ['convert', '--progress', 'none', '--platform', 'linux/amd64', from, to],
  check: (from, to) => ['check', to, from],
  inspect: (from) => ['inspect', '--platform', 'linux/amd64', from],
};

/** Markdown. The power of the growth is that of the time beyond a start with one item. */
export async function measureLists(work: string, say: (text: string) => void): Promise<string> {
  const rows: string[][] = [];
  for (const [name, { largest, make }] of Object.entries(LISTS)) {
    const counts = [1, largest / 4, largest];
    const costs: Record<string, number>[] = [];
    for (const count of counts) costs.push(await costsOf(join(work, 'lists'), make(count)));
    say(`${name} ${largest}: ${JSON.stringify(costs)}`);
    const cells = Object.keys(COMMANDS).flatMap((command) => {
      const [start = 0, some = 0, all = 0] = costs.map((cost) => cost[command] ?? 0);
      const power = Math.log(Math.max(all - start, 0.01) / Math.max(some - start, 0.01)) / Math.log(4);
      return [some.toFixed(2), all.toFixed(2), all - start < 0.1 ? 'none' : power.toFixed(2)];
    });
    rows.push([name, largest.toLocaleString('en'), ...cells]);
  }
  const head = Object.keys(COMMANDS).flatMap((command) => [`${command} n/4`, 'n', 'power']);
  return [
    '**What an image lists** (CPU seconds; a power of 1 is linear, none is less than 0.1 s more than one item)',
    markdownTable(['of', 'n', ...head], rows, 'numbers'),
  ].join('\n\n');
}

/** Seconds of CPU of every command on an image. */
async function costsOf(folder: string, image: BuiltImage): Promise<Record<string, number>> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const [from, to] = [`oci:${join(folder, 'from')}:v`, `oci:${join(folder, 'to')}:v`];
  await using target = openTarget(from);
  await putImage(target, image);
  const costs: Record<string, number> = {};
  for (const [name, args] of Object.entries(COMMANDS))
    costs[name] = (await costOf(process.execPath, [productCommand, ...args(from, to)])).cpu;
  return costs;
}
