/** The manifests of the packages that are published. All of them share the version of package.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { packageOf, type Platform, PLATFORMS } from '../../src/native/platforms.js';
import { LIBSQL_VERSION } from '../../src/service/queue/embedded/database.js';
import { projectRoot } from '../../test/support/project.js';

export const MANIFEST = v.looseObject({
  name: v.string(),
  version: v.string(),
  license: v.string(),
  // The project has no public address yet. All packages have that of package.json, once it names one.
  homepage: v.optional(v.string()),
  repository: v.optional(v.record(v.string(), v.string())),
  engines: v.object({ node: v.string() }),
  exports: v.record(v.string(), v.union([v.string(), v.object({ types: v.string(), default: v.string() })])),
  files: v.array(v.string()),
  peerDependencies: v.optional(v.record(v.string(), v.string())),
  peerDependenciesMeta: v.optional(v.record(v.string(), v.object({ optional: v.boolean() }))),
});
export type Manifest = v.InferOutput<typeof MANIFEST>;

/** Returns the manifest of the working tree. */
export function ownManifest(): Manifest {
  return v.parse(MANIFEST, JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')));
}

/** Fields that the working tree needs, and a package that is installed does not: what it uses is part of the bundle. */
const OF_THE_WORKING_TREE = ['private', 'scripts', 'dependencies', 'devDependencies'] as const;

/**
 * Returns the manifest of the main package: without scripts and dependencies, but with the packages that hold the addon. Those cannot stand
 * in the manifest of the working tree: before their first publication no lock file can name them.
 */
export function publishedManifest(
  manifest: Manifest,
  { declarations, pages }: { readonly declarations: readonly string[]; readonly pages: readonly string[] },
): Manifest {
  const published: Manifest = {
    ...manifest,
    files: [...manifest.files, ...declarations, ...pages],
    man: pages,
    peerDependencies: { ...manifest.peerDependencies, libsql: LIBSQL_VERSION },
    // Only the service needs it, and only where Node has no SQLite.
    peerDependenciesMeta: { ...manifest.peerDependenciesMeta, libsql: { optional: true } },
    optionalDependencies: Object.fromEntries(
      PLATFORMS.map(({ name }) => [packageOf(name), manifest.version]),
    ),
  };
  return Object.fromEntries(
    Object.entries(published).filter(([key]) => !OF_THE_WORKING_TREE.some((name) => name === key)),
  ) as Manifest; // the fields of the type are all kept
}

/** Returns the name of the addon's file, by the conventions of napi-rs. */
export function addonFile(platform: Platform): string {
  return `nydusify.${platform.name}.node`;
}

/** Returns the manifest of the package that holds the addon for a platform. */
export function platformManifest(manifest: Manifest, platform: Platform): Readonly<Record<string, unknown>> {
  const { version, license, homepage, repository, engines } = manifest;
  const main = addonFile(platform);
  return {
    name: packageOf(platform.name),
    version,
    description: `The native addon of ${manifest.name} for ${platform.name}`,
    license,
    homepage,
    repository,
    type: 'commonjs',
    engines,
    os: [platform.os],
    cpu: [platform.cpu],
    ...(platform.libc === undefined ? {} : { libc: [platform.libc] }),
    main,
    files: [main, 'THIRD-PARTY.md'],
  };
}
