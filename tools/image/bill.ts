/** The bill of materials of an image: what its own packages hold, Node, and packages of Debian. */
import { crates, type Dependency, npmPackages } from '../supply/dependencies.js';
import { billOfMaterials } from '../supply/sbom.js';
import type { Locked } from './lock.js';
import { filesOfTarball } from './unpacked.js';

export async function billOfImage(
  locked: readonly Locked[],
  tarballs: { readonly main: string; readonly addon: string },
): Promise<string> {
  return billOfMaterials([
    ...(await containedIn(tarballs.main, npmPackages())),
    ...(await containedIn(tarballs.addon, crates('native'))),
    ...locked.map(({ kind, name, version, sha256 }): Dependency => ({
      kind: kind === 'node' ? 'generic' : 'deb',
      name,
      version,
      license: undefined,
      registry: true,
      digest: { algorithm: 'SHA-256', hex: sha256 },
    })),
  ]);
}

/** Those of our dependencies that a package names as part of it. */
async function containedIn(tarball: string, all: readonly Dependency[]): Promise<readonly Dependency[]> {
  const files = await filesOfTarball(tarball);
  const notices = files.find(({ path }) => path.endsWith('THIRD-PARTY.md'))?.content ?? [];
  const headings =
    Buffer.from(notices)
      .toString('utf8')
      .match(/^## .*$/gm) ?? [];
  const named = new Set(
    headings.flatMap((line) =>
      [...line.matchAll(/(?:^## |, )(\S+) (\d\S*) \(/g)].map(([, name, version]) => `${name} ${version}`),
    ),
  );
  return all.filter(({ name, version }) => named.has(`${name} ${version}`));
}
