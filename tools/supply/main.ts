/**
 * What we depend on. `npm run sbom [-- FOLDER]` writes bills of materials of the published packages, `npm run advisories` asks for known weaknesses, and
 * `npm run reproducible` builds the addon in two places and compares the bytes.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askCargoDeny, askNpm } from './advisories.js';
import { buildTwice } from './reproducible.js';
import { supplyRules } from './rules.js';
import { billOfMaterials } from './sbom.js';
import { shippedCrates, shippedPackages } from './shipped.js';

const COMMANDS: Readonly<Record<string, (folder: string) => boolean | Promise<boolean>>> = {
  sbom: async (folder) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'npm.cdx.json'), billOfMaterials(await shippedPackages()));
    writeFileSync(join(folder, 'addon.cdx.json'), billOfMaterials(shippedCrates()));
    console.log(`${folder}: npm.cdx.json, addon.cdx.json`);
    return true;
  },
  advisories: () => {
    const answers = [askNpm(supplyRules().advisories.ignore), askCargoDeny()];
    for (const { asked, unreachable, found } of answers) {
      console.log(
        `${asked}: ${unreachable === undefined ? `${found.length} advisories` : `not asked: ${unreachable}`}`,
      );
      for (const one of found) console.log(`  ${one}`);
    }
    return answers.every(({ found }) => found.length === 0);
  },
  reproducible: () => {
    const [first, second] = buildTwice();
    console.log(`${first}\n${second}\n${first === second ? 'the same bytes' : 'different bytes'}`);
    return first === second;
  },
};

const [name = '', folder = '.cache/sbom'] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command === undefined) console.error(`usage: ${Object.keys(COMMANDS).join(' | ')}`);
process.exitCode = (await command?.(folder)) === true ? 0 : 1;
