/** The crates that are compiled into the addon. */
import { execFileSync } from 'node:child_process';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { projectRoot } from '../../test/support/project.js';
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

function cargo(...args: readonly string[]): string {
  return execFileSync('cargo', [...args, '--manifest-path', 'native/Cargo.toml', '--locked'], {
    cwd: projectRoot,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** Returns the crates of others in the addon for a target, sorted; neither those of the build nor macros are part of it. */
export function compiledCrates(target: string): readonly Contained[] {
  const edges = ['--edges', 'normal,no-proc-macro', '--prefix', 'none', '--format', '{p}'];
  const tree = cargo('tree', '--package', 'nydus-node', '--target', target, ...edges);
  const compiled = new Set(
    [...tree.matchAll(/^(\S+) v(\S+)/gm)].map(([, name, version]) => `${name} ${version}`),
  );
  return v
    .parse(METADATA, JSON.parse(cargo('metadata', '--format-version', '1')))
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
