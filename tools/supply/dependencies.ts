/** Everything that we depend on, with versions, licences and digests: packages of npm and crates. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { projectRoot } from '../../test/support/project.js';

export interface Dependency {
  /** The type of a package URL. */
  readonly kind: 'npm' | 'cargo' | 'deb' | 'generic';
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string | undefined;
  /** The place that it comes from, if it is a registry of packages. */
  readonly registry: boolean;
  readonly digest: { readonly algorithm: 'SHA-256' | 'SHA-512'; readonly hex: string } | undefined;
}

const LOCK = v.object({
  packages: v.record(
    v.string(),
    v.object({
      version: v.optional(v.string()),
      license: v.optional(v.string()),
      resolved: v.optional(v.string()),
      integrity: v.optional(v.string()),
    }),
  ),
});

/** The packages of package-lock.json. */
export function npmPackages(): Dependency[] {
  const text = readFileSync(join(projectRoot, 'package-lock.json'), 'utf8');
  const { packages } = v.parse(LOCK, JSON.parse(text));
  return Object.entries(packages)
    .filter(([path]) => path !== '')
    .map(([path, { version = '', license, resolved, integrity }]) => {
      const sha512 = integrity?.startsWith('sha512-') === true ? integrity.slice(7) : undefined;
      return {
        kind: 'npm',
        name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
        version,
        license,
        // Packages of the registry have no place in our lock file, so that any mirror will do.
        registry: resolved === undefined || resolved.startsWith('https://registry.npmjs.org/'),
        digest:
          sha512 === undefined
            ? undefined
            : { algorithm: 'SHA-512', hex: Buffer.from(sha512, 'base64').toString('hex') },
      };
    });
}

const METADATA = v.object({
  packages: v.array(
    v.object({
      name: v.string(),
      version: v.string(),
      license: v.nullable(v.string()),
      source: v.nullable(v.string()),
    }),
  ),
});

/** The workspaces of crates; the first is the addon's. */
export const WORKSPACES = ['native', 'native/fuzz', 'native/reference'] as const;

/** The crates of a workspace but our own, for every platform. Crates that cargo has not got yet are fetched. */
export function crates(workspace: (typeof WORKSPACES)[number]): Dependency[] {
  const checksums = checksumsOf(readFileSync(join(projectRoot, workspace, 'Cargo.lock'), 'utf8'));
  const text = cargoMetadata(workspace);
  return v
    .parse(METADATA, JSON.parse(text))
    .packages.filter(({ source }) => source !== null)
    .map(({ name, version, license, source }) => {
      const hex = checksums.get(`${name} ${version}`);
      return {
        kind: 'cargo',
        name,
        version,
        license: license ?? undefined,
        registry: source?.startsWith('registry+') === true,
        digest: hex === undefined ? undefined : { algorithm: 'SHA-256', hex },
      };
    });
}

/** Returns what `cargo metadata` says of a workspace. Crates that cargo has not got yet are fetched. */
export function cargoMetadata(workspace: (typeof WORKSPACES)[number]): string {
  const args = ['metadata', '--format-version', '1', '--locked'];
  const cargo = (...more: readonly string[]): string =>
    execFileSync('cargo', [...args, ...more], {
      cwd: join(projectRoot, workspace),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    return cargo('--offline');
  } catch {
    return cargo(); // some crates, perhaps of other platforms, are not here yet
  }
}

function checksumsOf(lock: string): ReadonlyMap<string, string> {
  const found = lock.matchAll(
    /\[\[package\]\]\nname = "([^"]+)"\nversion = "([^"]+)"\nsource = "[^"]+"\nchecksum = "([^"]+)"/g,
  );
  return new Map([...found].map(([, name, version, checksum = '']) => [`${name} ${version}`, checksum]));
}
