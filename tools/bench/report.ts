/** Measurements as tables. */
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { runTool } from '../../test/support/run-tool.js';
import { type Bound, boundWall, clientCpu } from './bound.js';
import { serialPart } from './cores.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import type { BenchImage } from './images.js';
import { type Profile, profileTable } from './profile.js';
import { type Cost, median, spread } from './run.js';

export interface Measured {
  readonly image: BenchImage;
  /** By contestant. */
  readonly costs: ReadonlyMap<string, readonly Cost[]>;
  /** None when it was not asked for. */
  readonly bounds: readonly Bound[];
  /** Compressed bytes of all layers that were made. */
  readonly bytesOut: number;
  readonly profile: Profile | undefined;
}

/** One line on what the figures were measured with. */
export async function machine(): Promise<string> {
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU';
  const versions = [`Node ${process.version}`];
  for (const [tool, args] of [
    ['skopeo', ['--version']],
    ['docker-registry', ['--version']],
  ] as const) {
    versions.push((await runTool(tool, args)).toString('utf8').trim().split('\n')[0] ?? tool);
  }
  return `${availableParallelism()} cores of ${model}${await memoryText()}; ${versions.join('; ')}`;
}

async function memoryText(): Promise<string> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kibibytes = /^MemTotal:\s+(\d+)/m.exec(text)?.[1];
  return kibibytes === undefined ? '' : `, ${Math.round(Number(kibibytes) / 2 ** 20)} GiB`;
}

const HEAD = [
  'image',
  'skopeo s',
  'convert s',
  'bound s',
  '÷ skopeo',
  '÷ bound',
  'CPU s',
  'bound CPU s',
  'CPU ÷ bound',
  'peak MB',
  'MB in',
  'MB out',
];

/** The whole of a bench, as Markdown. */
export function renderResults(measured: readonly Measured[], where: string, command: string): string {
  return [
    `\`${command}\` on ${where}. Medians of the runs; ± is half of their range.`,
    markdownTable(HEAD, measured.map(row), 'numbers'),
    ...mergeTable(measured),
    ...checkTable(measured),
    ...coresTable(measured),
    ...stepTable(measured),
    ...measured.flatMap(({ image, profile }) =>
      profile === undefined ? [] : [profileTable(image.name, profile)],
    ),
    'Inputs, by digest of the manifest:',
    measured.map(({ image }) => `- ${image.name} ${image.digest}`).join('\n'),
  ].join('\n\n');
}

function row({ image, costs, bounds, bytesOut }: Measured): string[] {
  const walls = (name: string): number[] => (costs.get(name) ?? []).map(({ wall }) => wall);
  const convert = costs.get('convert') ?? [];
  const [wall, skopeo] = [median(walls('convert')), median(walls('skopeo'))];
  const cpu = median(convert.map((cost) => cost.cpu));
  const bound = bounds.length === 0 ? undefined : median(bounds.map(boundWall));
  const boundCpu = bounds.length === 0 ? undefined : median(bounds.map(clientCpu));
  return [
    image.name,
    withSpread(walls('skopeo')),
    withSpread(walls('convert')),
    bound?.toFixed(2) ?? '–',
    (wall / skopeo).toFixed(2),
    ratio(wall, bound),
    cpu.toFixed(2),
    boundCpu?.toFixed(2) ?? '–',
    ratio(cpu, boundCpu),
    (median(convert.map(({ memory }) => memory)) / 1e6).toFixed(0),
    megabytes(image.layers.reduce((sum, { size }) => sum + size, 0)),
    megabytes(bytesOut),
  ];
}

function mergeTable(measured: readonly Measured[]): string[] {
  return besideTable(measured, {
    name: 'merge',
    yardstick: 'skopeo',
    title: 'With `--merge-platform`, which also copies the source layers:',
    head: ['image', 'convert s', '÷ skopeo', 'CPU s', 'peak MB'],
  });
}

function checkTable(measured: readonly Measured[]): string[] {
  return besideTable(measured, {
    name: 'check',
    yardstick: 'convert',
    title: '`check --source --target` of what was made, every chunk and the whole tree:',
    head: ['image', 'check s', '÷ convert', 'CPU s', 'peak MB'],
  });
}

interface Beside {
  readonly name: string;
  /** The contestant whose wall time is the measure. */
  readonly yardstick: string;
  readonly title: string;
  readonly head: readonly string[];
}

/** One contestant beside another; nothing when it did not run. */
function besideTable(measured: readonly Measured[], { name, yardstick, title, head }: Beside): string[] {
  const rows = measured.flatMap(({ image, costs }) => {
    const own = costs.get(name) ?? [];
    if (own.length === 0) return [];
    const walls = own.map(({ wall }) => wall);
    const by = median((costs.get(yardstick) ?? []).map(({ wall }) => wall));
    const cpu = median(own.map((cost) => cost.cpu)).toFixed(2);
    const memory = (median(own.map((cost) => cost.memory)) / 1e6).toFixed(0);
    return [[image.name, withSpread(walls), (median(walls) / by).toFixed(2), cpu, memory]];
  });
  return rows.length === 0 ? [] : [title, markdownTable(head, rows, 'numbers')];
}

function coresTable(measured: readonly Measured[]): string[] {
  const rows = measured.flatMap(({ image, costs }) => {
    const walls = (costs.get('one-core') ?? []).map(({ wall }) => wall);
    if (walls.length === 0) return [];
    const one = median(walls);
    const all = median((costs.get('convert') ?? []).map(({ wall }) => wall));
    return [
      [
        image.name,
        withSpread(walls),
        all.toFixed(2),
        (one / all).toFixed(2),
        serialPart(one, all).toFixed(2),
      ],
    ];
  });
  if (rows.length === 0) return [];
  const cores = availableParallelism();
  return [
    `The same with command and registries on one core of the ${cores}. The serial part is what more cores do not shorten:`,
    markdownTable(
      ['image', 'one core s', `${cores} cores s`, 'times faster', 'serial part'],
      rows,
      'numbers',
    ),
  ];
}

/** The parts of the bound. */
function stepTable(measured: readonly Measured[]): string[] {
  const withBound = measured.flatMap(({ image, bounds }) => {
    const [first] = bounds;
    return first === undefined ? [] : [{ image, bounds, first }];
  });
  const [some] = withBound;
  if (some === undefined) return [];
  const names = Object.keys(some.first.steps);
  const rows = withBound.map(({ image, bounds }) => [
    image.name,
    ...names.map((name) => median(bounds.map(({ steps }) => steps[name] ?? 0)).toFixed(2)),
    median(bounds.map(({ socket }) => socket)).toFixed(2),
    median(bounds.map(({ registries }) => registries)).toFixed(2),
  ]);
  return [
    'The bound, in CPU seconds of one thread; their sum divided by the cores is the wall time:',
    markdownTable(['image', ...names, 'socket', 'registries'], rows, 'numbers'),
  ];
}

function ratio(value: number, by: number | undefined): string {
  return by === undefined ? '–' : (value / by).toFixed(2);
}

function withSpread(values: readonly number[]): string {
  return `${median(values).toFixed(2)} ± ${(spread(values) * 100).toFixed(0)} %`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
