/** The package that holds the addon for one platform, made from an addon that is already built. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageOf, type Platform } from '../../src/native/platforms.js';
import { projectRoot } from '../../test/support/project.js';
import { compiledCrates } from './crates.js';
import { addonFile, ownManifest, platformManifest } from './manifest.js';
import { setPlainModes } from './plain-modes.js';
import { targetOf } from './targets.js';
import { thirdPartyNotices } from './third-party.js';

/** Writes the package's folder and packs it into `destination`; returns the path of the tarball. */
export function packPlatform(platform: Platform, addon: string, destination: string): string {
  const manifest = ownManifest();
  const name = packageOf(platform.name);
  const folder = join(destination, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const write = (file: string, text: string): void => {
    writeFileSync(join(folder, file), text);
  };
  write('package.json', `${JSON.stringify(platformManifest(manifest, platform), null, 2)}\n`);
  write(
    'README.md',
    `# ${name}\n\nThe native addon of \`${manifest.name}\` for ${platform.name}. Install that package, which brings this one.\n`,
  );
  write('THIRD-PARTY.md', thirdPartyNotices(compiledCrates(targetOf(platform.name).triple)));
  copyFileSync(join(projectRoot, 'LICENSE'), join(folder, 'LICENSE'));
  copyFileSync(addon, join(folder, addonFile(platform)));
  setPlainModes(folder);
  const { status, stderr } = spawnSync(
    'npm',
    ['pack', '--ignore-scripts', '--pack-destination', destination, folder],
    { cwd: projectRoot, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`${name} cannot be packed: ${stderr}`);
  return join(destination, `${name}-${manifest.version}.tgz`);
}
