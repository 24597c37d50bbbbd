/** What each format costs: bytes, conversion, check, memory, and what a reader of ten files fetches. One table an image. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { markdownTable } from '../../test/support/markdown-table.js';
import { productCommand } from '../../test/support/project.js';
import { judgeImage, type JudgeOptions } from '../../test/support/references/judges.js';
import { type RealRegistry, startDockerRegistry } from '../../test/support/registries/real-registries.js';
import { type UmociTree, umociTree } from '../../test/support/references/umoci.js';
import { runTool } from '../../test/support/run-tool.js';
import { madeBlobs } from './bound.js';
import type { BenchImage } from './images.js';
import { type Cost, costOf, median, settleDisk } from './run.js';

/** The first is the yardstick of the others. */
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  'v6 zstd, 1 MiB (default)': [],
  'level 9': ['--compressor', 'zstd:9'],
  lz4: ['--compressor', 'lz4_block'],
  none: ['--compressor', 'none'],
  'batches 128 KiB': ['--batch-size', '0x20000'],
  'batches 1 MiB': ['--batch-size', '0x100000'],
  'batches auto': ['--batch-size', 'auto'],
  v5: ['--fs-version', '5'],
  'chunks 64 KiB': ['--fs-chunk-size', '0x10000'],
  'chunks 256 KiB': ['--fs-chunk-size', '0x40000'],
  'chunks 4 MiB': ['--fs-chunk-size', '0x400000'],
};
const READ_FILES = 10;

interface Figures {
  readonly convert: Cost[];
  readonly check: Cost[];
  bytesOut: number;
  fetched: string;
  judges: string;
}

export interface FormatsChoice {
  readonly runs: number;
  /** Whether Linux, the reference crates and umoci read every file too. */
  readonly judge: boolean;
  readonly work: string;
  /** The OCI layout that holds the images. */
  readonly layout: string;
}

/** Markdown: the formats of one image, in turn, `runs` times. */
export async function measureFormats(
  image: BenchImage,
  source: RealRegistry,
  { runs, judge, work, layout }: FormatsChoice,
  say: (text: string) => void,
): Promise<string> {
  const figures = new Map<string, Figures>(
    Object.keys(FORMATS).map((name) => [
      name,
      { convert: [], check: [], bytesOut: 0, fetched: '', judges: '' },
    ]),
  );
  const unpackedIn = join(work, `unpacked-${image.name}`);
  if (judge) await mkdir(unpackedIn);
  let tree: Promise<UmociTree> | undefined;
  const unpacked = (): Promise<UmociTree> => (tree ??= umociTree(layout, image.name, unpackedIn));
  const from = `${source.host}/bench/${image.name}:latest`;
  for (let run = 0; run < runs; run++) {
    for (const [name, flags] of Object.entries(FORMATS)) {
      await using target = await startDockerRegistry();
      await settleDisk();
      const to = `${target.host}/bench/${image.name}:made`;
      const options = ['--progress', 'none', '--dedup', 'layer', '--work-dir', join(work, 'tmp'), ...flags];
      const entry = figures.get(name);
      if (entry === undefined) continue;
      entry.convert.push(await costOf(process.execPath, [productCommand, 'convert', ...options, from, to]));
      entry.check.push(await costOf(process.execPath, [productCommand, 'check', to, from]));
      say(`${image.name} ${run + 1}/${runs} ${name}: ${entry.convert.at(-1)?.wall.toFixed(2) ?? ''} s`);
      if (run > 0) continue;
      const blobs = join(work, 'blobs');
      entry.bytesOut = (await madeBlobs(target.host, `bench/${image.name}`, 'made', blobs)).bytes;
      await rm(blobs, { recursive: true, force: true });
      entry.fetched = await fetchedByReading(to);
      if (judge)
        entry.judges = await verdictsOn(to, { layout, tag: image.name }, { unpacked, clients: false });
    }
  }
  await rm(unpackedIn, { recursive: true, force: true });
  return `**${image.name}**\n\n${tableOf(figures, judge)}`;
}

function tableOf(figures: ReadonlyMap<string, Figures>, judge: boolean): string {
  const middle = (costs: readonly Cost[], of: (cost: Cost) => number): number => median(costs.map(of));
  const yardstick = [...figures.values()][0];
  const wall = (cost: Cost): number => cost.wall;
  const cpu = (cost: Cost): number => cost.cpu;
  const rows = [...figures].map(([name, { convert, check, bytesOut, fetched, judges }]) => {
    const against = yardstick?.convert ?? [];
    return [
      name,
      (bytesOut / 1e6).toFixed(1),
      (bytesOut / (yardstick?.bytesOut ?? bytesOut)).toFixed(2),
      middle(convert, wall).toFixed(2),
      (middle(convert, wall) / middle(against, wall)).toFixed(2),
      middle(convert, cpu).toFixed(2),
      (middle(convert, cpu) / middle(against, cpu)).toFixed(2),
      (middle(convert, ({ memory }) => memory) / 1e6).toFixed(0),
      middle(check, wall).toFixed(2),
      fetched,
      ...(judge ? [judges] : []),
    ];
  });
  const head = ['format', 'MB out', '÷', 'convert s', '÷', 'CPU s', '÷', 'peak MB', 'check s'];
  return markdownTable(
    [...head, `fetched for ${READ_FILES} files`, ...(judge ? ['judges'] : [])],
    rows,
    'numbers',
  );
}

interface Listed {
  readonly entries: readonly { readonly path: string; readonly type: string; readonly size?: number }[];
}

/** Reads files that lie evenly over the image; gives the bytes that their reader asked the registry for. */
async function fetchedByReading(target: string): Promise<string> {
  const listed = await runTool(process.execPath, [productCommand, 'ls', '-R', '--json', target, '/']);
  const { entries } = JSON.parse(listed.toString('utf8')) as Listed; // docs/schemas/ls.json
  const files = entries.filter(({ type, size = 0 }) => type === 'file' && size > 0);
  const every = Math.max(1, Math.floor(files.length / READ_FILES));
  const chosen = files.filter((_, i) => i % every === 0).slice(0, READ_FILES);
  const paths = chosen.map(({ path }) => path);
  const { said } = await costOf(process.execPath, [productCommand, 'cat', '--stats', target, ...paths]);
  const stats = /^(\d+) requests?, ([\d.]+ \w+)/m.exec(said);
  return `${stats?.[2] ?? '?'} in ${stats?.[1] ?? '?'}`;
}

async function verdictsOn(
  target: string,
  source: { readonly layout: string; readonly tag: string },
  options: JudgeOptions,
): Promise<string> {
  const verdicts = await judgeImage(target, source, options);
  const failed = verdicts.filter(({ outcome }) => outcome === 'failed');
  if (failed.length > 0) return failed.map(({ judge, detail }) => `${judge}: ${detail}`).join('; ');
  return `${verdicts.filter(({ outcome }) => outcome === 'ok').length} agree`;
}
