/**
 * `npm run release -- X.Y.Z`: makes everything that a release publishes, in release/X.Y.Z, from the commit that is checked out. It publishes
 * nothing: docs/releasing.md says what a person does then.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLATFORMS } from '../../src/native/platforms.js';
import { projectRoot } from '../../test/support/project.js';
import { readLock } from '../image/lock.js';
import { makeImage } from '../image/make-image.js';
import { buildPlatforms } from '../packages/build-platforms.js';
import { compiledCrates } from '../packages/crates.js';
import { ownManifest } from '../packages/manifest.js';
import { packMain } from '../packages/pack-here.js';
import { targetOf } from '../packages/targets.js';
import { thirdPartyNotices } from '../packages/third-party.js';
import { crates, npmPackages } from '../supply/dependencies.js';
import { billOfMaterials } from '../supply/sbom.js';
import { assembleRelease } from './assemble.js';
import { sectionsOf } from './changelog.js';
import { obstacles } from './obstacles.js';

const WORK = join(projectRoot, 'dist', 'release');

const [version = ''] = process.argv.slice(2);
const changelog = readFileSync(join(projectRoot, 'CHANGELOG.md'), 'utf8');
const found = obstacles(version, {
  packageVersion: ownManifest().version,
  changelog,
  changed: git('status', '--porcelain')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(3)),
  tags: git('tag', '--no-contains', 'HEAD').split('\n'),
});
for (const obstacle of found) console.error(`error: ${obstacle}`);
if (found.length > 0) process.exitCode = 2;
else await release();

async function release(): Promise<void> {
  const { name } = ownManifest();
  const addons = await buildAll();
  const main = await packMain(WORK);
  const layout = join(WORK, 'image');
  const made = await makeImage({
    locked: readLock(),
    main,
    addons,
    layout,
    revision: git('rev-parse', 'HEAD').trim(),
  });
  const folder = join(projectRoot, 'release', version);
  const files = await assembleRelease(folder, {
    files: [main, ...addons.values()],
    texts: {
      'NOTES.md': `${sectionsOf(changelog).find((section) => section.version === version)?.text ?? ''}\n`,
      IMAGES: `${made.digest}  ${made.tag}\n${made.nydusDigest}  ${made.nydusTag}\n`,
      'THIRD-PARTY-program.md': readFileSync(join(projectRoot, 'dist', 'bundle', 'THIRD-PARTY.md'), 'utf8'),
      'THIRD-PARTY-addon.md': noticesOfAddons(),
      [`${name}-${version}.npm.cdx.json`]: billOfMaterials(npmPackages()),
      [`${name}-${version}.addon.cdx.json`]: billOfMaterials(crates('native')),
    },
    image: { name: `${name}-${version}-image.tar`, layout },
  });
  console.log(`release/${version}`);
  for (const file of files) console.log(`  ${file}`);
  console.log('nothing is published; docs/releasing.md says how');
}

/** The packages of all platforms: the main package names each of them. */
async function buildAll(): Promise<ReadonlyMap<string, string>> {
  const addons = new Map<string, string>();
  for (const built of await buildPlatforms(PLATFORMS, WORK)) {
    if ('reason' in built)
      throw new Error(`the addon for ${built.platform} cannot be built: ${built.reason}`);
    addons.set(built.platform, built.tarball);
  }
  return addons;
}

/** Notices of the crates that are compiled into the addon for any platform. */
function noticesOfAddons(): string {
  const compiled = PLATFORMS.flatMap(({ name }) => compiledCrates(targetOf(name).triple));
  const distinct = new Map(compiled.map((crate) => [`${crate.name} ${crate.version}`, crate]));
  return thirdPartyNotices([...distinct.values()]);
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: projectRoot, encoding: 'utf8' });
}
