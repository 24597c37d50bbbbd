/** Builds the addon from copies of its sources in two places, each from nothing, and compares the bytes. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { projectRoot } from '../../test/support/project.js';

/** Parts of native/ that are made, or that the addon is not built from. */
const LEFT_OUT = new Set(['target', 'nydusify.node', 'fuzz', 'reference']);

/** The digests of two builds, whose folders have other names and depths. */
export function buildTwice(): readonly [string, string] {
  const folder = mkdtempSync(join(tmpdir(), 'nydusify-build-'));
  try {
    return [buildIn(join(folder, 'one')), buildIn(join(folder, 'another', 'place', 'with a long name'))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds as in a clone, and returns the digest of the addon. */
function buildIn(clone: string): string {
  const sources = join(projectRoot, 'native');
  const native = join(clone, 'native');
  mkdirSync(clone, { recursive: true });
  cpSync(join(projectRoot, 'rust-toolchain.toml'), join(clone, 'rust-toolchain.toml'));
  cpSync(sources, native, {
    recursive: true,
    filter: (path) => !LEFT_OUT.has(relative(sources, path)),
  });
  const { status } = spawnSync(process.execPath, [join(native, 'build.mjs')], {
    cwd: clone,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error('the addon cannot be built');
  return createHash('sha256')
    .update(readFileSync(join(native, 'nydusify.node')))
    .digest('hex');
}
