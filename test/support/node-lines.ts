/** The maintained lines of Node, as binaries from npm's registry. */
import { execFileSync, type ExecFileSyncOptions } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { projectRoot } from './project.js';

/** The oldest version that package.json's `engines` allows, and a version of each line after it. */
export const NODE_LINES = ['20.18.1', '22.23.3', '24.21.0', '26.10.0'] as const;

const NODES = join(projectRoot, '.cache', 'nodes');

/**
 * Returns the folder that holds `node` of a version, and its LICENSE; it is downloaded once. Throws when the registry cannot be
 * reached.
 */
export function nodeFolder(version: string, processor: string = process.arch): string {
  const folder = join(NODES, processor === process.arch ? version : `${version}-${processor}`);
  if (existsSync(join(folder, 'LICENSE'))) return folder;
  mkdirSync(NODES, { recursive: true });
  const work = mkdtempSync(join(NODES, 'download-'));
  try {
    const name = `node-${process.platform}-${processor}`;
    const quiet: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'pipe'] };
    execFileSync('npm', ['pack', '--silent', '--pack-destination', work, `${name}@${version}`], quiet);
    const tarball = join(work, `${name}-${version}.tgz`);
    execFileSync('tar', ['-C', work, '-xzf', tarball, 'package/bin/node', 'package/LICENSE'], quiet);
    mkdirSync(folder, { recursive: true });
    for (const file of ['bin/node', 'LICENSE'])
      renameSync(join(work, 'package', file), join(folder, basename(file)));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}
