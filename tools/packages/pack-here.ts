/** The main package and that of this machine's platform, whose addon is the one that `npm run setup` has built. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { withFileLock } from '../../src/io/file-lock.js';
import { PLATFORMS, thisPlatform } from '../../src/native/platforms.js';
import { projectRoot } from '../../test/support/project.js';
import { postpack, prepack } from './main-package.js';
import { ownManifest } from './manifest.js';
import { packPlatform } from './platform-package.js';

/** The folder of tarballs. */
export const TARBALLS = join(projectRoot, 'dist', 'packages');

/** Returns the paths of two tarballs. */
export async function packHere(destination = TARBALLS): Promise<readonly [main: string, platform: string]> {
  const here = thisPlatform();
  const platform = PLATFORMS.find(({ name }) => name === here);
  if (platform === undefined) throw new Error(`${here} has no package`);
  return [
    await packMain(destination),
    packPlatform(platform, join(projectRoot, 'native', 'nydusify.node'), destination),
  ];
}

/** Packs the main package as `npm pack` does, without setting up again. */
export function packMain(destination: string): Promise<string> {
  return alone(async () => {
    mkdirSync(destination, { recursive: true });
    const { name, version } = ownManifest();
    await prepack();
    try {
      const options = ['--ignore-scripts', '--pack-destination', destination];
      const { status, stderr } = spawnSync('npm', ['pack', ...options], {
        cwd: projectRoot,
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`the package cannot be packed: ${stderr}`);
    } finally {
      postpack();
    }
    return join(destination, `${name}-${version}.tgz`);
  });
}

/** Runs a step that needs the bundle and the manifest of this folder as they are: packing changes both for a while. */
export function alone<T>(step: () => Promise<T>): Promise<T> {
  const folder = join(projectRoot, '.cache');
  mkdirSync(folder, { recursive: true });
  return withFileLock(join(folder, 'packing.lock'), step);
}
