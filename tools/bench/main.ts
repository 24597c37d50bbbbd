/**
 * `npm run bench`: the product beside its yardsticks on one machine, in turn (A B A B), from one loopback registry to a
 * second, empty one. Prints medians, spread and ratios; `--write` puts the table into docs/performance.md.
 */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { type RealRegistry, startDockerRegistry } from '../../test/support/registries/real-registries.js';
import { runTool } from '../../test/support/run-tool.js';
import { type Bound, madeBlobs, measureBound } from './bound.js';
import { onCores, withCores } from './cores.js';
import { measureFormats } from './formats.js';
import { measureGrowth } from './growth.js';
import { type BenchImage, benchImages } from './images.js';
import { type Profile, profileOf } from './profile.js';
import { measureLists } from './lists.js';
import { machine, type Measured, renderResults } from './report.js';
import { type Cost, costOf, requireCommands, settleDisk } from './run.js';
import { measureStartup } from './startup.js';
import { writePageSection } from '../docs/page-section.js';
import { productCommand, projectRoot } from '../../test/support/project.js';

const USAGE = `npm run bench -- [options]

  --layout DIR         OCI layout with a tag an image; without one, images are generated (1.5 GB, once)
  --registry HOST/P    plain-HTTP registry that has P/NAME:latest, instead of a layout
  --images A,B,…       which of them; default: all
  --runs N             runs of each, in turn; default 5
  --merge              also convert with --merge-platform
  --check              also check what was made, against its source
  --one-core           also convert with everything, registries too, on one core
  --start-up           also how long the command takes to start
  --no-bound           leave out the bound
  --profile            one more run of each: what every stage did with its time, and a .cpuprofile
  --formats        instead: every compressor, RAFS version, batch and chunk size beside the default
  --judge          with --formats: Linux, the reference crates and umoci read what each made
  --growth [--images files,layers,bytes,one-file,lists]
                       instead: how time and memory grow, over generated images up to 20 GB, and with what images list
  --write              put tables into docs/performance.md, and plots into docs/images
`;

const { values: flags } = parseArgs({
  options: {
    layout: { type: 'string' },
    registry: { type: 'string' },
    images: { type: 'string' },
    runs: { type: 'string', default: '5' },
    merge: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    'one-core': { type: 'boolean', default: false },
    'start-up': { type: 'boolean', default: false },
    bound: { type: 'boolean', default: true },
    profile: { type: 'boolean', default: false },
    formats: { type: 'boolean', default: false },
    judge: { type: 'boolean', default: false },
    growth: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

function say(text: string): void {
  process.stderr.write(`▸ ${text}\n`);
}

/** One way to bring an image from registry to registry. */
interface Contestant {
  readonly name: string;
  command(source: string, target: string): readonly [string, ...string[]];
}

const product = productCommand;
const work = join(projectRoot, '.cache', 'bench');

const SKOPEO: Contestant = {
  name: 'skopeo',
  command: (source, target) => [
    'skopeo',
    ...['copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false'],
    ...[`docker://${source}`, `docker://${target}`],
  ],
};

function converter(name: string, ...more: readonly string[]): Contestant {
  return {
    name,
    command: (source, target) => [
      process.execPath,
      product,
      ...['convert', '--progress', 'none', '--platform', 'all', '--work-dir', join(work, 'tmp'), ...more],
      ...[source, target],
    ],
  };
}

const CONVERT = converter('convert');

function split([command, ...args]: readonly [string, ...string[]]): [string, readonly string[]] {
  return [command, args];
}

async function measureImage(image: BenchImage, source: RealRegistry, runs: number): Promise<Measured> {
  const contestants = [
    SKOPEO,
    CONVERT,
    ...(flags.merge ? [converter('merge', '--merge-platform')] : []),
    ...(flags['one-core'] ? [converter('one-core')] : []),
  ];
  const costs = new Map<string, Cost[]>(
    [...contestants.map(({ name }) => name), 'check'].map((name) => [name, []]),
  );
  const bounds: Bound[] = [];
  let bytesOut = 0;
  for (let run = 0; run < runs; run++) {
    for (const contestant of contestants) {
      await using target = await startDockerRegistry();
      await settleDisk();
      const from = `${source.host}/bench/${image.name}:latest`;
      const [command, ...args] = contestant.command(from, `${target.host}/bench/${image.name}:made`);
      const note = (name: string, cost: Cost): void => {
        costs.get(name)?.push(cost);
        const figures = `${cost.wall.toFixed(2)} s, ${cost.cpu.toFixed(2)} CPU s, ${(cost.memory / 1e6).toFixed(0)} MB`;
        say(`${image.name} ${run + 1}/${runs} ${name}: ${figures}`);
      };
      if (contestant.name === 'one-core') {
        const alone = split(onCores(1, [command, ...args]));
        note(contestant.name, await withCores(1, [source, target], () => costOf(...alone)));
        continue;
      }
      note(contestant.name, await costOf(command, args));
      if (contestant !== CONVERT) continue;
      if (flags.check) {
        const check = ['check', `${target.host}/bench/${image.name}:made`, from];
        note('check', await costOf(process.execPath, [product, ...check]));
      }
      const made = await madeBlobs(target.host, `bench/${image.name}`, 'made', join(work, 'blobs'));
      bytesOut = made.bytes;
      // Before and after the runs: a machine that changes its pace meanwhile shows it here.
      if (!flags.bound || (run !== 0 && run !== runs - 1)) continue;
      bounds.push(await measureBound(image, source, made, () => startDockerRegistry()));
    }
  }
  const profile = flags.profile ? await profiled(image, source) : undefined;
  return { image, costs, bounds, bytesOut, profile };
}

/** One run that logs its stages, and leaves V8's profile for a flame graph (DevTools, speedscope). */
async function profiled(image: BenchImage, source: RealRegistry): Promise<Profile> {
  await using target = await startDockerRegistry();
  const from = `${source.host}/bench/${image.name}:latest`;
  const [node, ...args] = converter('convert', '--progress', 'json').command(
    from,
    `${target.host}/bench/x:made`,
  );
  const folder = join(work, 'profiles');
  const plain = profileOf(await costOf(node, args));
  await costOf(node, [
    '--cpu-prof',
    `--cpu-prof-dir=${folder}`,
    `--cpu-prof-name=${image.name}.cpuprofile`,
    ...args,
  ]);
  say(`${image.name}: V8's profile is in ${relative(process.cwd(), folder)}`);
  return plain;
}

async function main(): Promise<void> {
  requireCommands({
    skopeo: 'skopeo',
    'docker-registry': 'docker-registry',
    time: 'time',
    sync: 'coreutils',
    ...(flags['one-core'] ? { taskset: 'util-linux' } : {}),
  });
  await mkdir(work, { recursive: true });
  const names = flags.images?.split(',');
  if (flags.growth) {
    const measured: [section: string, text: string][] = [];
    if (names === undefined || names.some((name) => name !== 'lists'))
      measured.push(['growth', await measureGrowth(names, flags.write, say)]);
    if (names?.includes('lists') ?? true) measured.push(['lists', await measureLists(work, say)]);
    for (const [section, text] of measured) {
      const page = `${text}\n\nOn ${await machine()}.`;
      process.stdout.write(`${page}\n`);
      if (flags.write) await writePageSection('performance.md', section, page);
    }
    return;
  }
  const { layout, images } = await benchImages({ ...flags, names }, work, say);
  await using source = await startDockerRegistry();
  for (const { name } of images) {
    say(`putting ${name} into the source registry`);
    const to = `docker://${source.host}/bench/${name}:latest`;
    await runTool('skopeo', ['copy', '-q', '--dest-tls-verify=false', `oci:${layout}:${name}`, to]);
  }
  if (flags.formats) {
    const tables: string[] = [];
    const choice = { runs: Number(flags.runs), judge: flags.judge, work, layout };
    const head = `\`${commandLine()}\` on ${await machine()}. Medians.`;
    process.stdout.write(`${head}\n`);
    for (const image of images) {
      const table = await measureFormats(image, source, choice, say);
      process.stdout.write(`\n${table}\n`);
      tables.push(table);
    }
    const text = [head, ...tables].join('\n\n');
    if (flags.write) await writePageSection('performance.md', 'formats', text);
    return;
  }
  const measured: Measured[] = [];
  for (const image of images) measured.push(await measureImage(image, source, Number(flags.runs)));
  const startup = flags['start-up'] ? [await measureStartup()] : [];
  const text = [renderResults(measured, await machine(), commandLine()), ...startup].join('\n\n');
  process.stdout.write(`${text}\n`);
  if (flags.write) await writePageSection('performance.md', 'bench', text);
}

/** The arguments, without those that are particular to this machine. */
function commandLine(): string {
  const given = [flags.images === undefined ? '' : `--images ${flags.images}`, `--runs ${flags.runs}`];
  const source = flags.layout !== undefined || flags.registry !== undefined ? '--layout DIR' : '';
  const more = (['formats', 'judge', 'merge', 'check', 'one-core', 'start-up', 'profile'] as const).filter(
    (flag) => flags[flag],
  );
  const words = [source, ...given, ...more.map((flag) => `--${flag}`)];
  return `npm run bench -- ${words.filter((word) => word !== '').join(' ')}`;
}

if (flags.help) process.stdout.write(USAGE);
else await main();
