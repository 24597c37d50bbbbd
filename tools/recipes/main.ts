/**
 * `npm run recipes -- [--layout FOLDER] [--names LIST] [--write]`: tars of other programs, layers of other encoders, and the layers of the images
 * of a layout, converted with recipes and back: how many come back with their diffID and digest, and what the recipes cost. `--write` puts
 * the tables into docs/reverse.md. Programs that this machine lacks are left out, and said.
 */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { convertImage } from '../../src/convert/convert.js';
import { sha256 } from '../../src/oci/digest.js';
import { parseConfig } from '../../src/oci/manifest.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import type { ImageSource, ImageTarget } from '../../src/registry/stores/store.js';
import { collect } from '../../src/io/streams.js';
import { chooseImage } from '../../src/image/choose.js';
import { readReference } from '../../src/image/reference-tree.js';
import { reverseImage } from '../../src/reverse/reverse.js';
import { encoderTar } from '../../test/support/images/encoder-tar.js';
import { storedImage } from '../../test/support/images/memory-conversion.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { findCommand } from '../../test/support/needs.js';
import { projectRoot } from '../../test/support/project.js';
import { TAR_WRITERS, writeTree } from '../../test/support/references/tar-writers.js';
import { MemoryStore } from '../../test/support/registries/memory-store.js';
import { writePageSection } from '../docs/page-section.js';
import { say } from '../say.js';

interface Row {
  readonly name: readonly string[];
  readonly layers: number;
  /** Layers whose tar has the diffID that it had. */
  readonly exact: number;
  /** Layers that have the digest that they had. */
  readonly same: number;
  readonly recipeBytes: number;
  /** Compressed bytes of the layers. */
  readonly layerBytes: number;
}

/** Converts with recipes and back; returns how many diffIDs and digests came back. */
async function roundTrip(
  { source, nydus, back }: { source: ImageSource; nydus: ImageSource & ImageTarget; back: ImageTarget },
  diffIds: readonly string[],
  digests: readonly string[],
): Promise<Pick<Row, 'exact' | 'same' | 'recipeBytes'>> {
  const { images } = await convertImage({ source, target: nydus }, { keepTarRecipe: true });
  const { images: reversed } = await reverseImage({ source: nydus, target: back }, { mode: 'rebuild' });
  const made = reversed.flatMap(({ layers }) => layers);
  return {
    exact: made.filter(({ diffId }, i) => diffId === diffIds[i]).length,
    same: made.filter(({ layer }, i) => layer.digest === digests[i]).length,
    recipeBytes: images.reduce((sum, image) => sum + image.recipeBytes, 0),
  };
}

function memory(): { readonly nydus: MemoryStore; readonly back: MemoryStore } {
  return { nydus: new MemoryStore('memory.test/nydus:1'), back: new MemoryStore('memory.test/back:1') };
}

interface Stream {
  readonly encoder: string;
  readonly origin: string;
  readonly base64: string;
}

/** One tar, compressed by other programs. */
async function ofEncoders(): Promise<readonly Row[]> {
  const path = join(projectRoot, 'fixtures', 'gzip', 'streams.json');
  const tar = encoderTar();
  const rows: Row[] = [];
  for (const { encoder, origin, base64 } of JSON.parse(await readFile(path, 'utf8')) as readonly Stream[]) {
    const bytes = Buffer.from(base64, 'base64');
    const source = storedImage([bytes], [tar]);
    const counts = await roundTrip({ source, ...memory() }, [sha256(tar)], [sha256(bytes)]);
    rows.push({ name: [encoder, origin], layers: 1, ...counts, layerBytes: bytes.length });
    say(`${encoder}: ${counts.same} of 1, ${counts.recipeBytes} bytes`);
  }
  return rows;
}

async function ofWriters(folder: string): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [i, { program, format, needs, isShort = false, write }] of TAR_WRITERS.entries()) {
    const missing = needs.find((command) => findCommand(command) === undefined);
    if (missing !== undefined) {
      say(`left out: ${program}, ${format}: there is no ${missing}`);
      continue;
    }
    const tree = join(folder, `tree${i}`);
    await mkdir(tree);
    await writeTree(tree, isShort);
    const place = join(folder, `made${i}`);
    await mkdir(place);
    await write(tree, join(place, 'made.tar'));
    const tar = await readFile(join(place, 'made.tar'));
    const source = storedImage([tar], [tar]);
    const counts = await roundTrip({ source, ...memory() }, [sha256(tar)], [sha256(tar)]);
    rows.push({ name: [program, format], layers: 1, ...counts, layerBytes: gzipSync(tar).length });
    say(`${program}, ${format}: ${counts.exact} of 1, ${counts.recipeBytes} bytes`);
  }
  return rows;
}

async function ofLayout(layout: string, names: readonly string[], folder: string): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const name of names) {
    const at = (place: string): string => `oci:${join(folder, name, place)}:v`;
    await using source = openSource(`oci:${layout}:${name}`, { credentials: anonymous });
    const image = await chooseImage(
      await readReference(source, {}),
      { platform: undefined, preferred: undefined, half: 'oci' },
      {},
    );
    const { config, layers } = image.manifest.value;
    const { diffIds } = parseConfig(await collect(source.fetch(config), config.size, 'config'));
    await mkdir(join(folder, name), { recursive: true });
    await using nydus = openTarget(at('nydus'), { credentials: anonymous });
    await using back = openTarget(at('back'), { credentials: anonymous });
    const { images } = await convertImage({ source, target: nydus }, { keepTarRecipe: true });
    await using made = openSource(at('nydus'), { credentials: anonymous });
    const reversed = await reverseImage({ source: made, target: back }, { mode: 'rebuild' });
    const found = reversed.images.flatMap((one) => one.layers);
    rows.push({
      name: [name],
      layers: layers.length,
      exact: found.filter(({ diffId }, i) => diffId === diffIds[i]).length,
      same: found.filter(({ layer }, i) => layer.digest === layers[i]?.digest).length,
      recipeBytes: images.reduce((sum, one) => sum + one.recipeBytes, 0),
      layerBytes: layers.reduce((sum, { size }) => sum + size, 0),
    });
    await rm(join(folder, name), { recursive: true });
    say(`${name}: ${rows.at(-1)?.exact ?? 0} tars and ${rows.at(-1)?.same ?? 0} layers of ${layers.length}`);
  }
  return rows;
}

function tableOf(head: readonly string[], rows: readonly Row[]): string {
  return markdownTable(
    [...head, 'layers', 'exact diffID', 'exact layer', 'recipes, bytes', 'of the layers, gzip'],
    rows.map(({ name, layers, exact, same, recipeBytes, layerBytes }) => [
      ...name,
      String(layers),
      String(exact),
      String(same),
      recipeBytes.toLocaleString('en'),
      `${((recipeBytes / layerBytes) * 100).toFixed(3)} %`,
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
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-recipes-'));
  try {
    const tables = new Map<string, string>();
    tables.set('recipes-of-encoders', tableOf(['program', 'version'], await ofEncoders()));
    tables.set('recipes-of-writers', tableOf(['program', 'format'], await ofWriters(folder)));
    if (values.layout !== undefined)
      tables.set(
        'recipes-of-images',
        tableOf(['image'], await ofLayout(values.layout, values.names.split(','), folder)),
      );
    for (const [section, table] of tables) {
      process.stdout.write(`${table}\n`);
      if (values.write) await writePageSection('reverse.md', section, table);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
