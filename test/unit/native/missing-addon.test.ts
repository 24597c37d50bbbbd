/** A start without an addon names the platform, the cause and what helps, with an exit code of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AddonError } from '../../../src/errors.js';
import { missingAddon, refusedAddon } from '../../../src/native/missing-addon.js';
import { packageOf, PLATFORMS, thisPlatform } from '../../../src/native/platforms.js';
import { projectRoot } from '../../support/project.js';
import { tempFolder } from '../../support/temp-folder.js';

function says(error: AddonError): string {
  return `${error.message} / ${error.hint ?? ''}`;
}

test('this process runs on a platform that has an addon', () => {
  assert.ok(PLATFORMS.some(({ name }) => name === thisPlatform()));
});

test('a platform without an addon is named, and those with one', () => {
  const error = missingAddon({ platform: 'linux-riscv64-gnu', installed: [], version: '1.2.3' });
  assert.match(says(error), /no native addon for linux-riscv64-gnu; .*linux-x64-gnu, .*darwin-arm64 .*Rust/);
  assert.equal(error.platform, 'linux-riscv64-gnu');
  assert.equal(error.exitCode, 7);
});

test('a package that npm has left out is named, with its version', () => {
  const error = missingAddon({ platform: 'linux-arm64-musl', installed: [], version: '1.2.3' });
  assert.match(
    says(error),
    /nydusify-ts-linux-arm64-musl.* not installed .*--omit=optional.*npm install nydusify-ts-linux-arm64-musl@1\.2\.3/,
  );
});

test('node_modules of another C library or another system is named as such', () => {
  const libc = missingAddon({
    platform: 'linux-x64-musl',
    installed: ['linux-x64-gnu'],
    version: undefined,
  });
  assert.match(says(libc), /installed for linux-x64-gnu, but .* runs on linux-x64-musl .*C librar/);
  const system = missingAddon({ platform: 'linux-x64-gnu', installed: ['darwin-arm64'], version: '1.2.3' });
  assert.match(says(system), /installed for darwin-arm64, but .* linux-x64-gnu .*another platform/);
});

test('an addon that needs a newer glibc says which', () => {
  const cause = new Error("/lib64/libc.so.6: version `GLIBC_2.34' not found (required by x.node)");
  assert.match(says(refusedAddon('x.node', 'linux-x64-gnu', cause)), /linux-x64-gnu .*glibc 2\.34 or newer/);
  const other = refusedAddon('x.node', 'linux-x64-gnu', new Error('file too short'));
  assert.match(says(other), /does not load on linux-x64-gnu .*install the package again/);
});

/** A package as it is installed, with what `place` puts beside it; the outcome of loading its addon. */
async function load(
  root: string,
  place: (modules: string, name: string) => Promise<void>,
): Promise<{ readonly code: string; readonly message: string; readonly loaded?: boolean }> {
  const modules = join(root, 'node_modules');
  const home = join(modules, 'nydusify-ts');
  await mkdir(join(home, 'dist', 'src'), { recursive: true });
  for (const part of ['errors.js', 'native']) {
    await cp(join(projectRoot, 'dist', 'src', part), join(home, 'dist', 'src', part), { recursive: true });
  }
  await symlink(join(projectRoot, 'node_modules', 'detect-libc'), join(modules, 'detect-libc'));
  const manifest = { name: 'nydusify-ts', version: '1.2.3', type: 'module' };
  await writeFile(join(home, 'package.json'), JSON.stringify(manifest));
  await place(modules, packageOf(thisPlatform()));
  const script = `
    const { addon } = await import(${JSON.stringify(join(home, 'dist/src/native/addon.js'))});
    try { console.log(JSON.stringify({ loaded: addon().version() !== '' })); }
    catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return JSON.parse(stdout) as { readonly code: string; readonly message: string };
}

async function placePackage(modules: string, name: string, addon: Uint8Array | 'real'): Promise<void> {
  await mkdir(join(modules, name));
  await writeFile(
    join(modules, name, 'package.json'),
    JSON.stringify({ name, version: '1.2.3', main: 'addon.node' }),
  );
  const path = join(modules, name, 'addon.node');
  if (addon === 'real') await symlink(join(projectRoot, 'native', 'nydusify.node'), path);
  else await writeFile(path, addon);
}

test('an installed package finds the addon in the package for its platform, and says when it is not there', async (t) => {
  const none = await load(await tempFolder(t), () => Promise.resolve());
  assert.equal(none.code, 'ADDON');
  assert.match(none.message, /is not installed/);
  const other = await load(await tempFolder(t), async (modules) => {
    await placePackage(modules, packageOf('darwin-arm64'), Buffer.from('of another system'));
  });
  assert.match(other.message, /installed for darwin-arm64/);
  // npm may have seen another C library than we do; if the system takes the addon, npm was right.
  const fits = await load(await tempFolder(t), async (modules) => {
    await placePackage(modules, packageOf('linux-arm64-musl'), 'real');
  });
  assert.equal(fits.loaded, true);
  const torn = await load(await tempFolder(t), async (modules, name) => {
    await placePackage(modules, name, Buffer.from('no addon'));
  });
  assert.match(torn.message, /does not load on/);
  const whole = await load(await tempFolder(t), async (modules, name) => {
    await placePackage(modules, name, 'real');
  });
  assert.equal(whole.loaded, true);
});
