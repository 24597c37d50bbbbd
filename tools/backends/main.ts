/**
 * `npm run backends -- --layout FOLDER [--names LIST] [--write]`: converts every image of a layout twice, with its blobs in a layout and with its
 * blobs on a real server of S3, and says whether both have the same bytes, which requests the server saw by its own log, and what the
 * command took. A second run into the same backend must send nothing. `--write` puts the table into docs/backends.md.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource } from '../../src/registry/open.js';
import { collect } from '../../src/io/streams.js';
import { startVersityGateway, type VersityGateway } from '../../test/support/backends/versitygw.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { productCommand } from '../../test/support/project.js';
import { goProgram } from '../../test/support/references/tools.js';
import { tryRun } from '../../test/support/run-tool.js';
import { benchImages } from '../bench/images.js';
import { type Cost, costOf, requireCommands } from '../bench/run.js';
import { writePageSection } from '../docs/page-section.js';
import { say } from '../say.js';

interface Row {
  readonly image: string;
  readonly blobs: number;
  readonly bytes: number;
  readonly areEqual: boolean;
  readonly requests: string;
  readonly again: string;
  readonly plain: Cost;
  readonly backed: Cost;
}

function convert(args: readonly string[]): Promise<Cost> {
  return costOf(process.execPath, [productCommand, 'convert', '--progress', 'none', ...args]);
}

/** The blobs that the manifest of an image lists, without the bootstrap, which is the last layer. */
async function blobsOf(
  location: string,
): Promise<readonly { readonly hex: string; readonly size: number }[]> {
  await using source = openSource(location, { credentials: anonymous });
  const root = await source.resolve();
  const text = (await collect(source.fetch(root), root.size, 'manifest')).toString('utf8');
  const { layers } = JSON.parse(text) as { layers: { digest: string; size: number }[] }; // the command wrote it
  const blobs = layers
    .slice(0, -1)
    .map(({ digest, size }) => ({ hex: digest.slice('sha256:'.length), size }));
  return [...new Map(blobs.map((blob) => [blob.hex, blob])).values()];
}

/** Counts the lines of the server's log by operation, behind those of before. */
async function requestsOf(
  server: VersityGateway,
  from: number,
): Promise<{ readonly text: string; readonly all: number }> {
  const operations = Array.from((await server.log()).matchAll(/ s3_(\w+) /g), ([, name = '']) => name);
  const counts = new Map<string, number>();
  for (const operation of operations.slice(from)) counts.set(operation, (counts.get(operation) ?? 0) + 1);
  const text = [...counts].sort().map(([operation, count]) => `${count} ${operation}`);
  return { text: text.join(', '), all: operations.length };
}

async function measured(image: string, source: string, folder: string, gateway: string): Promise<Row> {
  say(image);
  const [plainAt, backedAt] = [join(folder, 'plain'), join(folder, 'backed')];
  await using server = await startVersityGateway(gateway);
  const settings = join(folder, 's3.json');
  await writeFile(settings, JSON.stringify(server.settings));
  const flags = ['--backend-type', 's3', '--backend-config-file', settings];
  const plain = await convert([source, `oci:${plainAt}:v`]);
  const backed = await convert([...flags, source, `oci:${backedAt}:v`]);
  const first = await requestsOf(server, 0);
  await convert([...flags, source, `oci:${backedAt}:again`]);
  const second = await requestsOf(server, first.all);
  const blobs = await blobsOf(`oci:${plainAt}:v`);
  const stored = join(server.folder, 'root', 'blobs');
  const verdicts = await Promise.all(
    blobs.map(({ hex }) => tryRun('cmp', [join(plainAt, 'blobs', 'sha256', hex), join(stored, hex)])),
  );
  const names = (await server.names()).toSorted();
  const areEqual =
    verdicts.every(({ status }) => status === 0) &&
    names.join() ===
      blobs
        .map(({ hex }) => hex)
        .toSorted()
        .join();
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
  for (const path of [plainAt, backedAt]) await rm(path, { recursive: true });
  return {
    image,
    blobs: blobs.length,
    bytes,
    areEqual,
    requests: first.text,
    again: second.text,
    plain,
    backed,
  };
}

function report(rows: readonly Row[]): string {
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
  return markdownTable(
    [
      'image',
      'blobs',
      'same bytes as in a registry',
      'requests',
      'of a second run',
      'time, to a layout',
      'peak of memory, to a layout',
    ],
    rows.map(({ image, blobs, bytes, areEqual, requests, again, plain, backed }) => [
      image,
      `${blobs}, ${mb(bytes)}`,
      areEqual ? 'yes' : '**no**',
      requests,
      again,
      `${backed.wall.toFixed(1)} s, ${plain.wall.toFixed(1)} s`,
      `${mb(backed.memory)}, ${mb(plain.memory)}`,
    ]),
  );
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      layout: { type: 'string' },
      names: { type: 'string', default: 'tiny,debian,manyfiles,node-app,bigblob' },
      write: { type: 'boolean', default: false },
    },
  });
  requireCommands({ time: 'time' });
  const gateway = await goProgram('versitygw');
  if (gateway.path === undefined) throw new Error(gateway.missing);
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-backends-'));
  try {
    const names = values.names.split(',');
    const { layout } = await benchImages({ layout: values.layout, names }, folder, say);
    const rows: Row[] = [];
    for (const name of names) rows.push(await measured(name, `oci:${layout}:${name}`, folder, gateway.path));
    const table = report(rows);
    if (values.write) await writePageSection('backends.md', 'backends', table);
    else process.stdout.write(`${table}\n`);
    if (rows.some(({ areEqual }) => !areEqual)) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
