/** `npm run site [-- FOLDER]`: makes a site of the documentation, which any server can serve, and a browser open from its files. */
import { join, resolve } from 'node:path';
import { projectRoot } from '../../test/support/project.js';
import { buildSite } from './build.js';

const [folder = join(projectRoot, 'dist', 'site')] = process.argv.slice(2);
const pages = await buildSite(resolve(folder));
console.log(`${pages.length} pages: ${join(resolve(folder), 'index.html')}`);
