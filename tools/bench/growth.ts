/** How time and memory grow with files, layers and bytes: generated images through the command, a table and a plot each. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startDockerRegistry } from '../../test/support/registries/real-registries.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { type GeneratedLayer, GeneratedRegistry } from './generated.js';
import { plot } from './plot.js';
import { type Cost, costOf, settleDisk } from './run.js';
import { productCommand, projectRoot } from '../../test/support/project.js';

interface Series {
  readonly name: string;
  /** The unit of the x axis. */
  readonly unit: string;
  readonly title: string;
  readonly points: readonly { readonly x: number; readonly layers: readonly GeneratedLayer[] }[];
}

export interface Point {
  readonly x: number;
  readonly cost: Cost;
}

const SERIES: readonly Series[] = [
  {
    name: 'files',
    unit: 'files',
    title: 'One layer of files of 100 bytes',
    points: [1e3, 1e4, 1e5, 1e6].map((files) => ({ x: files, layers: [{ files, bytes: 100 }] })),
  },
  {
    name: 'layers',
    unit: 'layers',
    title: 'Layers of 1000 files of 10 kB',
    points: [1, 4, 16, 64, 127].map((count) => ({
      x: count,
      layers: Array.from({ length: count }, () => ({ files: 1000, bytes: 10_000 })),
    })),
  },
  {
    name: 'bytes',
    unit: 'MB',
    title: 'One file in each of ten layers',
    points: [10, 100, 1000, 5000, 20_000].map((megabytes) => ({
      x: megabytes,
      layers: Array.from({ length: 10 }, () => ({ files: 1, bytes: megabytes * 1e5 })),
    })),
  },
  {
    name: 'one-file',
    unit: 'MB',
    title: 'One layer of one file',
    points: [10, 100, 1000, 10_000].map((megabytes) => ({
      x: megabytes,
      layers: [{ files: 1, bytes: megabytes * 1e6 }],
    })),
  },
];

/** Markdown; plots go to docs/images when `write` is set. `names` chooses among the series. */
export async function measureGrowth(
  names: readonly string[] | undefined,
  write: boolean,
  say: (text: string) => void,
): Promise<string> {
  const sections: string[] = [];
  for (const series of SERIES.filter(({ name }) => names?.includes(name) ?? true)) {
    const points: Point[] = [];
    for (const { x, layers } of series.points) {
      const cost = await measure(layers);
      say(
        `${series.name} ${x}: ${cost.wall.toFixed(2)} s, ${cost.cpu.toFixed(2)} CPU s, ${(cost.memory / 1e6).toFixed(0)} MB`,
      );
      points.push({ x, cost });
    }
    sections.push(await section(series, points, write));
  }
  return sections.join('\n\n');
}

async function measure(layers: readonly GeneratedLayer[]): Promise<Cost> {
  await using source = await GeneratedRegistry.start();
  await using target = await startDockerRegistry();
  const from = source.add('image', layers);
  await settleDisk();
  return await costOf(process.execPath, [
    productCommand,
    ...['convert', '--progress', 'none', '--platform', 'linux/amd64'],
    ...['--work-dir', join(projectRoot, '.cache', 'bench', 'tmp')],
    ...[from, `${target.host}/growth/image:made`],
  ]);
}

async function section(series: Series, points: readonly Point[], write: boolean): Promise<string> {
  const { name, unit, title } = series;
  const rows = points.map(({ x, cost }) => [
    x.toLocaleString('en'),
    cost.wall.toFixed(2),
    cost.cpu.toFixed(2),
    (cost.memory / 1e6).toFixed(0),
  ]);
  const parts = [
    `**${title}**`,
    markdownTable([unit, 'wall s', 'CPU s', 'peak MB'], rows, 'numbers'),
    slopes(points, unit),
  ];
  if (write) {
    const folder = join(projectRoot, 'docs', 'images');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `growth-${name}.svg`), plot(title, unit, points));
    parts.push(`![${title}](images/growth-${name}.svg)`);
  }
  return parts.join('\n\n');
}

/** The cost of one more unit over the last step, and the exponent there: 1 is linear, less is better. */
function slopes(points: readonly Point[], unit: string): string {
  const [before, last] = points.slice(-2);
  const [first] = points;
  if (first === undefined || before === undefined || last === undefined) return '';
  const steps = last.x - before.x;
  const one = unit.replace(/s$/, '');
  const cpu = ((last.cost.cpu - before.cost.cpu) / steps) * 1e6;
  const memory = (last.cost.memory - first.cost.memory) / (last.x - first.x);
  const exponent = Math.log(last.cost.cpu / before.cost.cpu) / Math.log(last.x / before.x);
  return `One ${one} more: ${cpu.toPrecision(3)} CPU µs over the last step (time grows with the power ${exponent.toFixed(2)}), ${memory.toPrecision(3)} bytes of memory over all.`;
}
