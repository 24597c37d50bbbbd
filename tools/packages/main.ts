/**
 * The packages that are published. `npm pack` makes the main package (`prepack`, `postpack`), `npm run pack` that and the package of
 * this machine's platform, and `npm run build:platforms [-- PLATFORM…]` the packages of all platforms.
 */
import { postpack, prepack } from './main-package.js';
import { packHere } from './pack-here.js';

const [name = ''] = process.argv.slice(2);
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
  default:
    console.error('usage: prepack | postpack | here');
    process.exitCode = 2;
}
