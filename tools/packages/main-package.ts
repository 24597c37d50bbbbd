/**
 * The main package: `npm pack` at the root runs `prepack`, which puts the manifest of the package where that of the working tree stands, and
 * `postpack`, which puts the latter back.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { projectRoot } from '../../test/support/project.js';
import { writeBundle } from './bundle.js';
import { reachableDeclarations } from './declarations.js';
import { manPages } from './man.js';
import { ownManifest, publishedManifest } from './manifest.js';
import { setPlainModes } from './plain-modes.js';
import { sourceDate } from './source-date.js';
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
  const pages = await writeManPages(manifest.version);
  const published = publishedManifest(manifest, { declarations: reachableDeclarations(manifest), pages });
  mkdirSync(dirname(KEPT), { recursive: true });
  writeFileSync(KEPT, readFileSync(MANIFEST));
  for (const name of [...published.files, 'README.md', 'LICENSE', 'package.json'])
    setPlainModes(join(projectRoot, name));
  writeFileSync(MANIFEST, `${JSON.stringify(published, null, 2)}\n`);
}

/** Writes the man pages; returns their paths in the package. */
async function writeManPages(version: string): Promise<readonly string[]> {
  const folder = join(projectRoot, 'dist', 'man');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const pages = await manPages({ version, date: sourceDate().toISOString().slice(0, 10) });
  for (const [name, text] of pages) writeFileSync(join(folder, name), text);
  return [...pages.keys()].map((name) => `dist/man/${name}`);
}

export function postpack(): void {
  if (existsSync(KEPT)) renameSync(KEPT, MANIFEST);
}

const PERSON = v.union([v.string(), v.object({ name: v.string() })]);
const PACKAGE = v.object({
  name: v.string(),
  version: v.string(),
  license: v.string(),
  author: v.optional(PERSON),
});

function containedPackage(folder: string): Contained {
  const text = readFileSync(join(folder, 'package.json'), 'utf8');
  const { author, ...named } = v.parse(PACKAGE, JSON.parse(text));
  const authors = author === undefined ? [] : [typeof author === 'string' ? author : author.name];
  return { ...named, authors, folder };
}
