/**
 * The main package: `npm pack` at the root runs `prepack`, which puts the manifest of the package where that of the working tree stands, and
 * `postpack`, which puts the latter back.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { projectRoot } from '../../test/support/project.js';
import { writeBundle } from './bundle.js';
import { reachableDeclarations } from './declarations.js';
import { ownManifest, publishedManifest } from './manifest.js';
import { type Contained, thirdPartyNotices } from './third-party.js';

const MANIFEST = join(projectRoot, 'package.json');
const KEPT = join(projectRoot, '.cache', 'package.json');

export async function prepack(): Promise<void> {
  postpack(); // a run that was stopped has left the manifest of the package
  const folders = await writeBundle();
  writeFileSync(
    join(projectRoot, 'dist', 'bundle', 'THIRD-PARTY.md'),
    thirdPartyNotices(folders.map(containedPackage)),
  );
  const manifest = ownManifest();
  const published = publishedManifest(manifest, reachableDeclarations(manifest));
  mkdirSync(dirname(KEPT), { recursive: true });
  writeFileSync(KEPT, readFileSync(MANIFEST));
  writeFileSync(MANIFEST, `${JSON.stringify(published, null, 2)}\n`);
}

export function postpack(): void {
  if (existsSync(KEPT)) renameSync(KEPT, MANIFEST);
}

const PACKAGE = v.object({ name: v.string(), version: v.string(), license: v.string() });

function containedPackage(folder: string): Contained {
  const text = readFileSync(join(folder, 'package.json'), 'utf8');
  return { ...v.parse(PACKAGE, JSON.parse(text)), authors: [], folder };
}
