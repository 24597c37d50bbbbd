/** Builds the addon twice, each time from nothing, and compares the bytes. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';

/** The digests of two builds in folders of their own. */
export function buildTwice(): readonly [string, string] {
  return [buildOnce(), buildOnce()];
}

function buildOnce(): string {
  const target = mkdtempSync(join(tmpdir(), 'nydusify-build-'));
  try {
    const args = [
      'build',
      '--release',
      '--locked',
      '--manifest-path',
      'native/Cargo.toml',
      '-p',
      'nydus-node',
    ];
    const { status } = spawnSync('cargo', [...args, '--target-dir', target], {
      cwd: projectRoot,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if (status !== 0) throw new Error('the addon cannot be built');
    const release = join(target, 'release');
    const library = readdirSync(release).find((name) => /^libnydus_node\.(so|dylib)$/.test(name));
    if (library === undefined) throw new Error('the build made no addon');
    return createHash('sha256')
      .update(readFileSync(join(release, library)))
      .digest('hex');
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}
