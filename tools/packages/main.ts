/**
 * The packages that are published. `npm pack` makes the main package (`prepack`, `postpack`), `npm run pack` that and the package of
 * this machine's platform, and `npm run build:platforms [-- PLATFORM…]` the packages of all platforms.
 */
import { postpack, prepack } from './main-package.js';
import { buildPlatforms } from './build-platforms.js';
import { packHere, TARBALLS } from './pack-here.js';
import { PLATFORMS } from '../../src/native/platforms.js';

const [name = '', ...names] = process.argv.slice(2);
switch (name) {
  case 'prepack':
    await prepack();
    break;
  case 'postpack':
    postpack();
    break;
  case 'here':
    for (const tarball of await packHere()) console.log(tarball);
    break;
  case 'platforms': {
    const chosen = PLATFORMS.filter(({ name }) => names.length === 0 || names.includes(name));
    for (const result of await buildPlatforms(chosen, TARBALLS)) {
      console.log(
        'reason' in result
          ? `${result.platform.padEnd(18)} not built: ${result.reason}`
          : `${result.platform.padEnd(18)} ${(result.addonBytes / 1e6).toFixed(2)} MB, ${result.seconds.toFixed(0)} s, ${result.tarball}`,
      );
      if ('reason' in result) process.exitCode = 1;
    }
    break;
  }
  default:
    console.error('usage: prepack | postpack | here | platforms [PLATFORM…]');
    process.exitCode = 2;
}
