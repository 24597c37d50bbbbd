/** The part of what we depend on that the published packages contain: bundled, or compiled into the addon. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { PLATFORMS } from '../../src/native/platforms.js';
import { bundledPackages } from '../packages/bundle.js';
import { compiledCrates } from '../packages/crates.js';
import { targetOf } from '../packages/targets.js';
import { crates, type Dependency, npmPackages } from './dependencies.js';

const PACKAGE = v.object({ name: v.string(), version: v.string() });

/** The packages of npm in the bundle. */
export async function shippedPackages(): Promise<Dependency[]> {
  const manifests = (await bundledPackages()).map((folder) =>
    v.parse(PACKAGE, JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))),
  );
  return only(npmPackages(), manifests);
}

/** The crates in the addon, for any of its platforms. */
export function shippedCrates(): Dependency[] {
  return only(
    crates('native'),
    PLATFORMS.flatMap(({ name }) => compiledCrates(targetOf(name).triple)),
  );
}

function only(
  dependencies: readonly Dependency[],
  wanted: readonly { readonly name: string; readonly version: string }[],
): Dependency[] {
  const keys = new Set(wanted.map(({ name, version }) => `${name} ${version}`));
  return dependencies.filter(({ name, version }) => keys.has(`${name} ${version}`));
}
