/**
 * `npm run cached -- --layout FOLDER [--images LIST] [--changed IMAGE] [--runs N] [--write]`: conversions with a build cache, of images of a layout,
 * between docker-registries on this machine: the first one, the second one, the same over a slow link, and of an image in which one
 * layer has changed, for each layer of `--changed`. `--write` puts the tables into docs/cache.md.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openTarget } from '../../src/registry/open.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { productCommand } from '../../test/support/project.js';
import { type LinkTraffic, openLink } from '../../test/support/registries/link/link.js';
import { startDockerRegistry } from '../../test/support/registries/real-registries.js';
import { runTool } from '../../test/support/run-tool.js';
import { type BenchImage, benchImages } from '../bench/images.js';
import { type Cost, costOf, requireCommands, settleDisk } from '../bench/run.js';
import { writePageSection } from '../docs/page-section.js';
import { putChanged } from './changed-layer.js';

/** 50 Mbit/s. */
const LINK = { bytesPerSecond: 50e6 / 8, roundTripMs: 80 };

interface Run extends Cost {
  /** Compressed bytes of source layers that were not read. */
  readonly savedBytes: number;
}

interface Linked {
  readonly cost: Run;
  readonly traffic: LinkTraffic;
}

interface Measured {
  readonly image: BenchImage;
  readonly bytes: number;
  readonly first: Run;
  /** The fastest. */
  readonly second: Run;
  readonly linkedFirst: Linked;
  readonly linkedSecond: Linked;
}

interface Changed {
  readonly number: number;
  readonly bytes: number;
  readonly run: Run;
  readonly linked: Linked;
}

function say(text: string): void {
  process.stderr.write(`▸ ${text}\n`);
}

async function convert(source: string, target: string, cache: string, mode: 'rw' | 'ro'): Promise<Run> {
  await settleDisk();
  const flags = ['--progress', 'json', '--build-cache', cache, '--build-cache-mode', mode];
  const cost = await costOf(process.execPath, [productCommand, 'convert', ...flags, source, target]);
  // The totals of the run; each layer has its own count before them.
  const savedBytes = /"hits":\d+,"misses":\d+,"savedBytes":(\d+)/.exec(cost.said)?.[1];
  return { ...cost, savedBytes: Number(savedBytes) };
}

/** Both registries are behind the link: that of the source, and that of target and cache, by doors of their own. */
async function overLink(
  host: string,
  run: (source: string, target: string) => Promise<Run>,
): Promise<Linked> {
  await using link = openLink(LINK);
  const cost = await run(await link.doorTo(host), await link.doorTo(host));
  return { cost, traffic: link.traffic() };
}

async function measure(host: string, image: BenchImage, runs: number): Promise<Measured> {
  const { name } = image;
  const source = `${host}/${name}:v`;
  const cache = `${name}-cache:v`;
  const first = await convert(source, `${host}/${name}-first:v`, `${host}/${cache}`, 'rw');
  say(`${name}: first ${first.wall.toFixed(2)} s, ${first.cpu.toFixed(2)} s of CPU`);
  let second: Run | undefined;
  for (let n = 0; n < runs; n++) {
    const run = await convert(source, `${host}/${name}-again-${n}:v`, `${host}/${cache}`, 'rw');
    say(`${name}: second ${run.wall.toFixed(2)} s, ${run.cpu.toFixed(2)} s of CPU`);
    if (second === undefined || run.wall < second.wall) second = run;
  }
  if (second === undefined) throw new Error('no runs were asked for');
  const linked = (to: string, by: string) =>
    overLink(host, (a, b) => convert(`${a}/${name}:v`, `${b}/${name}-${to}:v`, `${b}/${by}`, 'rw'));
  const linkedFirst = await linked('linked', `${name}-other-cache:v`);
  const linkedSecond = await linked('linked-again', cache);
  say(`${name}: over the link ${linkedFirst.cost.wall.toFixed(1)} s, ${linkedSecond.cost.wall.toFixed(1)} s`);
  const bytes = image.layers.reduce((sum, { size }) => sum + size, 0);
  return { image, bytes, first, second, linkedFirst, linkedSecond };
}

async function measureChanged(
  host: string,
  image: BenchImage,
  layout: string,
  folder: string,
): Promise<readonly Changed[]> {
  const { name } = image;
  const changed: Changed[] = [];
  for (const number of image.layers.keys()) {
    const tag = `${name}:changed-${number}`;
    await using target = openTarget(`${host}/${tag}`, { credentials: anonymous });
    const bytes = await putChanged(target, image, layout, number, folder);
    const to = `${name}-changed-${number}`;
    const run = await convert(`${host}/${tag}`, `${host}/${to}:v`, `${host}/${name}-cache:v`, 'ro');
    const linked = await overLink(host, (a, b) =>
      convert(`${a}/${tag}`, `${b}/${to}-linked:v`, `${b}/${name}-cache:v`, 'ro'),
    );
    say(`${tag}: ${run.wall.toFixed(2)} s, over the link ${linked.cost.wall.toFixed(1)} s`);
    changed.push({ number, bytes, run, linked });
  }
  return changed;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e6 ? 3 : 1);
const beside = (second: number, first: number, digits: number): string =>
  `${second.toFixed(digits)} (${(second / first).toFixed(3)})`;

function report(measured: readonly Measured[], changed: readonly Changed[], of: string): string {
  const plain = measured.map(({ image, bytes, first, second }) => [
    `${image.name}, ${image.layers.length} layers, ${megabytes(bytes)} MB`,
    first.wall.toFixed(2),
    beside(second.wall, first.wall, 2),
    first.cpu.toFixed(2),
    beside(second.cpu, first.cpu, 2),
    megabytes(bytes - second.savedBytes),
  ]);
  const linked = measured.flatMap(({ image, linkedFirst, linkedSecond }) =>
    [linkedFirst, linkedSecond].map(({ cost, traffic }, n) => [
      `${image.name}, ${n === 0 ? 'first' : 'second'}`,
      cost.wall.toFixed(1),
      megabytes(traffic.down),
      megabytes(traffic.up),
      String(traffic.requests),
    ]),
  );
  const total = measured.find(({ image }) => image.name === of)?.bytes ?? 0;
  const rows = changed.map(({ number, bytes, run, linked: { cost, traffic } }) => {
    const own = measured.find(({ image }) => image.name === of)?.image.layers[number]?.size ?? 0;
    return [
      String(number + 1),
      megabytes(bytes),
      megabytes(total - own + bytes - run.savedBytes),
      run.wall.toFixed(2),
      run.cpu.toFixed(2),
      cost.wall.toFixed(1),
      megabytes(traffic.down),
      megabytes(traffic.up),
    ];
  });
  return [
    'Second conversions of images that have not changed, from and to a docker-registry on the same machine. In parentheses: by the first.',
    markdownTable(
      ['image', 'wall, first', 'wall, second', 'CPU, first', 'CPU, second', 'MB of layers read'],
      plain,
      'numbers',
    ),
    `The same over a link of ${(LINK.bytesPerSecond * 8) / 1e6} Mbit/s in each direction with a round trip of ${LINK.roundTripMs} ms:`,
    markdownTable(['conversion', 'seconds', 'MB down', 'MB up', 'requests'], linked, 'numbers'),
    `One layer of ${of} has changed, and the cache has the others:`,
    markdownTable(
      [
        'changed layer',
        'its MB',
        'MB of layers read',
        'seconds',
        'CPU seconds',
        'seconds over the link',
        'MB down',
        'MB up',
      ],
      rows,
      'numbers',
    ),
  ].join('\n\n');
}

async function main(args: readonly string[]): Promise<void> {
  requireCommands({ 'docker-registry': 'docker-registry', time: 'time' });
  const { values } = parseArgs({
    args: [...args],
    options: {
      layout: { type: 'string' },
      images: { type: 'string', default: 'node-app,bigblob' },
      changed: { type: 'string', default: 'node-app' },
      runs: { type: 'string', default: '3' },
      write: { type: 'boolean', default: false },
    },
  });
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-cached-'));
  try {
    const names = values.images.split(',');
    const { layout, images } = await benchImages({ layout: values.layout, names }, folder, say);
    await using registry = await startDockerRegistry();
    const measured: Measured[] = [];
    for (const image of images) {
      const to = `${registry.host}/${image.name}:v`;
      await runTool(process.execPath, [productCommand, 'copy', `oci:${layout}:${image.name}`, to]);
      measured.push(await measure(registry.host, image, Number(values.runs)));
    }
    const image = images.find(({ name }) => name === values.changed);
    const changed = image === undefined ? [] : await measureChanged(registry.host, image, layout, folder);
    const text = report(measured, changed, values.changed);
    if (values.write) await writePageSection('cache.md', 'cached', text);
    else process.stdout.write(`${text}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
