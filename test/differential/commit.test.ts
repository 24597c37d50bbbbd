/**
 * Changes that Linux' own overlayfs records, as tars in three styles of whiteouts: the image has the files that the kernel shows in the
 * mount, by our own reader, by the reference crates and by the kernel's EROFS.
 */
import assert from 'node:assert/strict';
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import { commitImage } from '../../src/commit/commit.js';
import { contentOf } from '../../src/io/streams.js';
import { converted, sourceImage } from '../support/images/memory-conversion.js';
import { Random } from '../support/images/random-layers.js';
import { treeDifferences } from '../support/images/tree-differences.js';
import { fsckErofs, kernelTree } from '../support/references/erofs.js';
import { bootstrapBytes } from '../support/references/read-image.js';
import { listTree, referenceRead, referenceTool } from '../support/references/reference-builder.js';
import { needs } from '../support/needs.js';
import { pathOrSkip } from '../support/references/tools.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { runTool } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';

const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** Makes some files and folders below a folder. */
async function fill(folder: string, next: () => number, depth = 0): Promise<void> {
  for (const name of NAMES) {
    const path = join(folder, name);
    const what = next() % (depth < 2 ? 4 : 3);
    if (what === 0) await writeFile(path, `${name}${next()}`.repeat(1 + (next() % 4000)));
    else if (what === 1) await symlink(NAMES[next() % NAMES.length] ?? 'a', path);
    else if (what === 3) {
      await mkdir(path);
      await fill(path, next, depth + 1);
    }
  }
}

/** Does something to every few files of a mount. */
async function change(folder: string, next: () => number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const isFolder = (await lstat(path)).isDirectory();
    switch (next() % 7) {
      case 0:
        await rm(path, { recursive: true });
        break;
      case 1: // a folder that hides what was there
        await rm(path, { recursive: true });
        await mkdir(path);
        await writeFile(join(path, 'new'), String(next()));
        break;
      case 2:
        await rm(path, { recursive: true });
        await writeFile(path, String(next()).repeat(2000));
        break;
      case 3:
        if (!isFolder && (await lstat(path)).isFile()) await link(path, join(folder, `${name}-link`));
        break;
      case 4:
        if (!(await lstat(path)).isSymbolicLink()) await chmod(path, 0o700 + (next() % 8));
        break;
      case 5:
        if (!isFolder) await rename(path, join(folder, `${name}-moved`));
        break;
      default:
        if (isFolder) await change(path, next);
    }
  }
  await writeFile(join(folder, 'added'), String(next()));
}

/** Prints the opaque directories below a folder. */
const OPAQUE = `import os, sys
for folder, _, _ in os.walk(sys.argv[1]):
  try:
    if os.getxattr(folder, "trusted.overlay.opaque") == b"y": print(os.path.relpath(folder, sys.argv[1]))
  except OSError: pass`;

interface Marks {
  readonly whiteouts: number;
  readonly opaque: number;
}

/** An upper directory in which whiteouts and opaque directories are as layers have them; as AUFS has them, they are links of one file. */
async function asLayer(upper: string, copy: string, style: 'layer' | 'aufs'): Promise<Marks> {
  await runTool('cp', ['-a', `${upper}/.`, copy]);
  const opaque = new Set((await runTool('python3', ['-c', OPAQUE, upper])).toString().split('\n'));
  let whiteouts = 0;
  const aufs = join(copy, '.wh..wh.aufs');
  if (style === 'aufs') {
    await writeFile(aufs, '');
    for (const name of ['.wh..wh.plnk', '.wh..wh.orph']) await mkdir(join(copy, name));
  }
  const mark = (path: string): Promise<void> => (style === 'aufs' ? link(aufs, path) : writeFile(path, ''));
  const visit = async (path: string): Promise<void> => {
    const folder = join(copy, path);
    for (const entry of await readdir(join(upper, path), { withFileTypes: true })) {
      if (entry.isDirectory()) await visit(join(path, entry.name));
      if (!entry.isCharacterDevice()) continue;
      await rm(join(folder, entry.name));
      await mark(join(folder, `.wh.${entry.name}`));
      whiteouts += 1;
    }
    if (opaque.has(path)) await mark(join(folder, '.wh..wh..opq'));
    await runTool('touch', ['-r', join(upper, path), folder]);
  };
  await visit('.');
  return { whiteouts, opaque: opaque.size - 1 };
}

async function tarOf(folder: string, ...flags: readonly string[]): Promise<Buffer> {
  const path = `${folder}.tar`;
  await runTool('tar', ['--format=pax', '--sort=name', ...flags, '-C', folder, '-cf', path, '.']);
  return readFile(path);
}

/** The reference crates, and for RAFS v6 the kernel, show this tree. */
async function assertSeen(target: MemoryStore, tree: string, folder: string, version: 5 | 6): Promise<void> {
  const [blobs, devices] = [join(folder, 'blobs'), join(folder, 'devices')];
  for (const path of [blobs, devices]) await mkdir(path);
  for (const [digest, bytes] of target.content) await writeFile(join(blobs, digest.slice(7)), bytes);
  const bootstrap = join(folder, 'image.boot');
  await writeFile(bootstrap, await bootstrapBytes(target));
  const read = await referenceRead(bootstrap, blobs, version === 6 ? devices : undefined);
  assert.deepEqual(treeDifferences(read, tree), []);
  if (version !== 6) return;
  await fsckErofs(bootstrap, devices);
  assert.deepEqual(treeDifferences(await kernelTree(bootstrap, devices, folder), tree), []);
}

test('ten sets of changes, in three styles of whiteouts, give what overlayfs shows', async (t) => {
  if (pathOrSkip(t, referenceTool()) === undefined) return;
  if (!needs(t, 'root', 'python3', 'tar', 'losetup', 'fsck.erofs')) return;
  const found = { whiteouts: 0, opaque: 0 };
  for (let seed = 1; seed <= 10; seed++) {
    const numbers = new Random(seed);
    const next = (): number => numbers.below(1 << 30);
    const folder = await tempFolder(t);
    const [lower, upper, work, merged, seen] = ['lower', 'upper', 'work', 'merged', 'seen'].map((name) =>
      join(folder, name),
    ) as [string, string, string, string, string];
    for (const path of [lower, upper, work, merged, seen]) await mkdir(path);
    await fill(lower, next);
    const options = `redirect_dir=off,metacopy=off,lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    await runTool('mount', ['-t', 'overlay', 'overlay', '-o', options, merged]);
    try {
      await change(merged, next);
      await runTool('cp', ['-a', `${merged}/.`, seen]);
    } finally {
      await runTool('umount', [merged]);
    }
    const version = seed % 3 === 0 ? 5 : 6;
    const base = await converted(sourceImage([await tarOf(lower)]), { fsVersion: version });
    const wanted = sourceImage([await tarOf(seen)]);
    const tree = await listTree(seen);
    for (const style of ['overlayfs', 'layer', 'aufs'] as const) {
      const copy = join(folder, style);
      if (style !== 'overlayfs') {
        await mkdir(copy);
        const { whiteouts, opaque } = await asLayer(upper, copy, style);
        found.whiteouts += whiteouts;
        found.opaque += opaque;
      }
      const tar =
        style === 'overlayfs' ? await tarOf(upper, '--xattrs', '--xattrs-include=*') : await tarOf(copy);
      const target = new MemoryStore(`memory.test/${style}:1`);
      await commitImage({ base, target }, contentOf(tar).open(), { threads: 2 });
      const { findings } = await checkImage({ target, source: wanted });
      assert.deepEqual(
        findings
          .filter(({ id, severity }) => severity !== 'note' && id !== 'CONFIG-METADATA')
          .map(({ id, message }) => `${id}: ${message}`),
        [],
        `${seed} ${style}`,
      );
      if (style === 'overlayfs') await assertSeen(target, tree, folder, version);
    }
  }
  assert.ok(found.whiteouts > 20 && found.opaque > 10, JSON.stringify(found));
});
