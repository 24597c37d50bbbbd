/** The maintained lines of Node, as binaries from npm's registry. */
import { execFileSync, type ExecFileSyncOptions } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './project.js';

/** The oldest version that package.json's `engines` allows, and a version of each line after it. */
export const NODE_LINES = ['20.18.1', '22.23.3', '24.21.0', '26.10.0'] as const;

const NODES = join(projectRoot, '.cache', 'nodes');

/** Returns the folder that holds `node` of a version; it is downloaded once. Throws when the registry cannot be reached. */
export function nodeFolder(version: string): string {
  const folder = join(NODES, version);
  if (existsSync(join(folder, 'node'))) return folder;
  mkdirSync(NODES, { recursive: true });
  const work = mkdtempSync(join(NODES, 'download-'));
  try {
    const name = `node-${process.platform}-${process.arch}`;
    const quiet: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'pipe'] };
    execFileSync('npm', ['pack', '--silent', '--pack-destination', work, `${name}@${version}`], quiet);
    const unpacking = ['--strip-components=2', '-C', work, '-xzf', join(work, `${name}-${version}.tgz`)];
    execFileSync('tar', [...unpacking, 'package/bin/node'], quiet);
    mkdirSync(folder, { recursive: true });
    renameSync(join(work, 'node'), join(folder, 'node'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}
