/** The crates that are compiled into the addon. */
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { projectRoot } from '../../test/support/project.js';
import { cargoMetadata } from '../supply/dependencies.js';
import type { Contained } from './third-party.js';

const METADATA = v.object({
  packages: v.array(
    v.object({
      name: v.string(),
      version: v.string(),
      license: v.nullable(v.string()),
      authors: v.array(v.string()),
      source: v.nullable(v.string()),
      manifest_path: v.string(),
    }),
  ),
});

/** Returns the crates of others in the addon for a target, sorted; neither those of the build nor macros are part of it. */
export function compiledCrates(target: string): readonly Contained[] {
  const edges = ['--edges', 'normal,no-proc-macro', '--prefix', 'none', '--format', '{p}'];
  const args = ['tree', '--package', 'nydus-node', '--target', target, ...edges, '--locked'];
  const tree = execFileSync('cargo', args, {
    cwd: join(projectRoot, 'native'),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const compiled = new Set(
    [...tree.matchAll(/^(\S+) v(\S+)/gm)].map(([, name, version]) => `${name} ${version}`),
  );
  return v
    .parse(METADATA, JSON.parse(cargoMetadata('native')))
    .packages.filter(({ name, version, source }) => source !== null && compiled.has(`${name} ${version}`))
    .map(({ name, version, license, authors, manifest_path }) => ({
      name,
      version,
      authors,
      license: license ?? 'no licence named',
      folder: dirname(manifest_path),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
