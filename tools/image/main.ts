/**
 * `npm run image [-- PLATFORM…]`: makes the container image of the program in dist/image, an OCI layout, and the merged Nydus index of it. Platforms
 * are those of addons, such as `linux-x64-gnu`; without any, the image is for all. `npm run image -- --update` puts the newest files of
 * others into tools/image/lock.txt instead.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { PLATFORMS } from '../../src/native/platforms.js';
import { projectRoot } from '../../test/support/project.js';
import { buildPlatforms } from '../packages/build-platforms.js';
import { packMain, TARBALLS } from '../packages/pack-here.js';
import { ARCHITECTURES } from './architectures.js';
import { readLock, writeLock } from './lock.js';
import { makeImage } from './make-image.js';
import { newestFiles } from './newest.js';

const LAYOUT = join(projectRoot, 'dist', 'image');
const MB = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const names = process.argv.slice(2);
if (names.includes('--update')) writeLock(newestFiles());
else await main();

async function main(): Promise<void> {
  const offered = ARCHITECTURES.map(({ addon }) => addon);
  const unknown = names.find((name) => !offered.includes(name));
  if (unknown !== undefined) throw new Error(`${unknown}: the image is made for ${offered.join(', ')}`);
  const chosen = names.length === 0 ? offered : names;
  const addons = new Map<string, string>();
  for (const built of await buildPlatforms(
    PLATFORMS.filter(({ name }) => chosen.includes(name)),
    TARBALLS,
  )) {
    if ('reason' in built) {
      console.log(`${built.platform}: left out, since its addon cannot be built: ${built.reason}`);
      process.exitCode = 1;
    } else addons.set(built.platform, built.tarball);
  }
  if (addons.size === 0) return;
  const started = Date.now();
  const made = await makeImage({
    locked: readLock(),
    main: await packMain(TARBALLS),
    addons,
    layout: LAYOUT,
    revision: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: projectRoot, encoding: 'utf8' }).trim(),
  });
  for (const { platform, bytes, programBytes } of made.platforms)
    console.log(`${platform.padEnd(12)} ${MB(bytes)} compressed, of which the program ${MB(programBytes)}`);
  console.log(`oci:${LAYOUT}:${made.tag} ${made.digest}`);
  console.log(`oci:${LAYOUT}:${made.nydusTag} ${made.nydusDigest}`);
  console.log(`made in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}
