/**
 * `npm run copies -- --layout FOLDER [--names LIST] [--write]`: `nydusify copy` beside `skopeo copy`, for every image of a layout, from each kind of
 * store into each: seconds between docker-registries, requests as a registry of our own counts them, and whether the copy has the
 * digest of its source. The last image is a merged index that is made of the first one. `--killed` instead: copies into a registry that are
 * killed and run again. `--write` puts the table into docs/copy.md.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startRegistry } from '../../src/embedded-registry/server.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource } from '../../src/registry/open.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { productCommand } from '../../test/support/project.js';
import { startDockerRegistry } from '../../test/support/registries/real-registries.js';
import { runTool } from '../../test/support/run-tool.js';
import { benchImages } from '../bench/images.js';
import { type Cost, costOf, requireCommands } from '../bench/run.js';
import { writePageSection } from '../docs/page-section.js';
import { killedCopies } from './killed.js';
import { say } from '../say.js';

const KINDS = ['registry', 'layout', 'archive'] as const;
type Kind = (typeof KINDS)[number];

const MERGED = 'merged index';

interface Tool {
  readonly name: string;
  readonly copy: (from: string, to: string) => Promise<Cost>;
}

const OURS: Tool = {
  name: 'nydusify copy',
  copy: (from, to) => costOf(process.execPath, [productCommand, 'copy', '--progress', 'none', from, to]),
};
const SKOPEO: Tool = {
  name: 'skopeo copy --all',
  copy: (from, to) =>
    costOf('skopeo', [
      'copy',
      '--all',
      '-q',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      asSkopeo(from),
      asSkopeo(to),
    ]),
};

function asSkopeo(location: string): string {
  return /^oci(-archive)?:/.test(location) ? location : `docker://${location}`;
}

interface Cell {
  readonly image: string;
  readonly from: Kind;
  readonly to: Kind;
  readonly tool: string;
  readonly cost: Cost;
  readonly requests: number;
  readonly isEqual: boolean;
}

async function digestOf(location: string): Promise<string> {
  await using source = openSource(location, { credentials: anonymous });
  return (await source.resolve()).digest;
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      layout: { type: 'string' },
      names: { type: 'string', default: 'tiny,debian,manyfiles,node-app,bigblob' },
      runs: { type: 'string', default: '3' },
      killed: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  requireCommands({ time: 'time', skopeo: 'skopeo' });
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-copies-'));
  try {
    const names = values.names.split(',');
    const { layout } = await benchImages({ layout: values.layout, names }, folder, say);
    if (values.killed) {
      const table = await killedCopies(names, layout, folder, say);
      if (values.write) await writePageSection('copy.md', 'killed', table);
      else process.stdout.write(`${table}\n`);
      return;
    }
    const merged = `oci:${join(folder, 'merged')}:v`;
    await runTool(process.execPath, [
      productCommand,
      'convert',
      '--merge-platform',
      '--all-platforms',
      '--progress',
      'none',
      `oci:${layout}:${names[0] ?? ''}`,
      merged,
    ]);
    const cells: Cell[] = [];
    for (const image of [...names, MERGED]) {
      const source = image === MERGED ? merged : `oci:${layout}:${image}`;
      cells.push(...(await copies(image, source, join(folder, 'copies'), Number(values.runs))));
    }
    const text = report(cells, Number(values.runs));
    if (values.write) await writePageSection('copy.md', 'copies', text);
    else process.stdout.write(`${text}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** All cells of one image. */
async function copies(image: string, source: string, folder: string, runs: number): Promise<Cell[]> {
  const digest = await digestOf(source);
  await using real = await startDockerRegistry();
  let requests = 0;
  await using counted = await startRegistry({
    root: join(folder, 'counted'),
    observe: () => (requests += 1),
  });
  const places = (host: string, name: string): Readonly<Record<Kind, string>> => ({
    registry: `${host}/${name}:v`,
    layout: `oci:${join(folder, name)}:v`,
    archive: `oci-archive:${join(folder, `${name}.tar`)}:v`,
  });
  const [from, fromCounted] = [places(real.host, 'from'), places(counted.host, 'from')];
  for (const to of new Set([...Object.values(from), fromCounted.registry])) await OURS.copy(source, to);
  const cells: Cell[] = [];
  let number = 0;
  for (const kind of KINDS) {
    for (const to of KINDS) {
      const fastest = new Map<string, Cost>();
      const equal = new Map<string, boolean>();
      for (let run = 0; run < runs; run++) {
        for (const { name, copy } of [OURS, SKOPEO]) {
          const target = places(real.host, `to-${number++}`)[to];
          const cost = await copy(from[kind], target);
          const before = fastest.get(name);
          if (before === undefined || cost.wall < before.wall) fastest.set(name, cost);
          equal.set(name, (await digestOf(target)) === digest);
          await removeFiles(folder, target);
        }
      }
      for (const { name, copy } of [OURS, SKOPEO]) {
        const target = places(counted.host, `to-${number++}`)[to];
        const before = requests;
        await copy(fromCounted[kind], target);
        const made = requests - before;
        await removeFiles(folder, target);
        const cost = fastest.get(name);
        if (cost === undefined) continue;
        cells.push({
          image,
          from: kind,
          to,
          tool: name,
          cost,
          requests: made,
          isEqual: equal.get(name) === true,
        });
        say(
          `  ${image}: ${kind} to ${to}, ${name}: ${cost.wall.toFixed(1)} s, ${cost.cpu.toFixed(2)} s of CPU, ${made} requests`,
        );
      }
    }
  }
  await rm(folder, { recursive: true, force: true });
  return cells;
}

/** What a registry has stays until it goes. */
async function removeFiles(folder: string, target: string): Promise<void> {
  const path = /^oci(?:-archive)?:(.*):v$/.exec(target)?.[1];
  if (path?.startsWith(folder) === true) await rm(path, { recursive: true, force: true });
}

function report(cells: readonly Cell[], runs: number): string {
  const rows = cells
    .filter(({ tool }) => tool === OURS.name)
    .map((ours) => {
      const { image, from, to } = ours;
      const theirs = cells.find(
        (cell) => cell.tool === SKOPEO.name && cell.image === image && cell.from === from && cell.to === to,
      );
      const both = (show: (cell: Cell) => string): string =>
        `${show(ours)} / ${theirs === undefined ? '' : show(theirs)}`;
      return [
        image,
        `${from} → ${to}`,
        both(({ cost }) => cost.wall.toFixed(1)),
        both(({ cost }) => cost.cpu.toFixed(2)),
        from === 'registry' || to === 'registry' ? both(({ requests }) => String(requests)) : '',
        both(({ isEqual }) => (isEqual ? 'same' : 'another')),
      ];
    });
  return [
    `Each cell is \`nydusify copy\` / \`skopeo copy --all\` (1.9.3). Seconds are those of the whole command${runs === 1 ? '' : `, the fastest of ${runs} runs in turns`}, with docker-registry on the same machine; CPU seconds are those of the command alone. In a registry the copy is ` +
      'one from repository to repository, which both tools do by mounting. Requests are those that a registry counts.',
    markdownTable(['image', 'copy', 'seconds', 'CPU seconds', 'requests', 'digest'], rows),
  ].join('\n\n');
}

await main(process.argv.slice(2));
