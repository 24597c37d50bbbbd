/**
 * `npm test [-- --no-skips] [-- NAME…]`: sets up, brings in the real parts that the tests use, runs everything.
 * With NAMEs only test files and titles that match are run, and no other checks. With `--all-nodes` unit and end-to-end tests, or
 * those that are named, run with every maintained line of Node.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { orSay, root, run, runCompiled, setup } from './setup.mjs';

/** Command, and the Debian package it comes from. */
const REAL_PARTS = [
  ['docker-registry', 'docker-registry'],
  ['skopeo', 'skopeo'],
  ['umoci', 'umoci'],
  ['bwrap', 'bubblewrap'],
  ['zsh', 'zsh'],
  ['fish', 'fish'],
  ['shellcheck', 'shellcheck'],
  ['rsync', 'rsync'],
  ['java', 'default-jre-headless'],
  ['promtool', 'prometheus'],
  ['mandoc', 'mandoc'],
  ['man', 'man-db'],
  ['podman', 'podman'],
  ['ctr', 'containerd'],
  ['fsck.erofs', 'erofs-utils'],
  ['openssl', 'openssl'],
  ['chromium', 'chromium'],
  ['python3', 'python3'],
  ['zstd', 'zstd'],
  ['pkg-config', 'pkg-config'],
  ['pass', 'pass'],
  ['cadaver', 'cadaver'],
  ['rclone', 'rclone'],
  ['docker-credential-pass', 'golang-docker-credential-helpers'],
];
const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
const isThere = (command) => folders.some((folder) => existsSync(join(folder, command)));

/** With root and apt the missing ones are installed; otherwise their tests will be skipped by name and reason. */
function installRealParts() {
  const packages = REAL_PARTS.filter(([command]) => !isThere(command)).map(([, name]) => name);
  if (!existsSync('/usr/include/openssl/ssl.h')) packages.push('libssl-dev');
  if (packages.length === 0) return;
  if (process.getuid?.() !== 0 || !isThere('apt-get')) {
    process.stderr.write(`  not here, and no root with apt to install them: ${packages.join(', ')}\n`);
    return;
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  try {
    run('apt-get update', 'apt-get', ['update', '-qq'], { env });
    run(
      `apt-get install ${packages.join(' ')}`,
      'apt-get',
      ['install', '-y', '-qq', '--no-install-recommends', ...packages],
      { env },
    );
  } catch (error) {
    process.stderr.write(`  ${error.message}; the tests that need them are skipped\n`);
  }
}

/** The published reference builder, a judge of ours: its own workspace, only for tests. */
function buildReference() {
  if (!existsSync(join(root, 'native', 'reference', 'Cargo.toml'))) return;
  try {
    run(
      'reference builder (dev only)',
      'cargo',
      ['build', '--locked', '--manifest-path', 'native/reference/Cargo.toml'],
      {
        env: { OPENSSL_NO_VENDOR: '1' },
      },
    );
  } catch (error) {
    process.stderr.write(`  ${error.message}; the tests that need it are skipped\n`);
  }
}

orSay(() => {
  const args = process.argv.slice(2);
  process.stderr.write('setting up\n');
  setup();
  if (args.every((argument) => argument.startsWith('-'))) {
    installRealParts();
    buildReference();
  }
  process.chdir(root);
  runCompiled(args.includes('--all-nodes') ? 'test/all-nodes.js' : 'test/run.js', args);
});
