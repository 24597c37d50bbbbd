/** The main package and that of this machine's platform, whose addon is the one that `npm run setup` has built. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
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
export async function packMain(destination: string): Promise<string> {
  mkdirSync(destination, { recursive: true });
  const { name, version } = ownManifest();
  await prepack();
  try {
    const options = ['--ignore-scripts', '--pack-destination', destination];
    const { status, stderr } = spawnSync('npm', ['pack', ...options], { cwd: projectRoot, encoding: 'utf8' });
    if (status !== 0) throw new Error(`the package cannot be packed: ${stderr}`);
  } finally {
    postpack();
  }
  return join(destination, `${name}-${version}.tgz`);
}
