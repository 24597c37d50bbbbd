/** What we depend on: licences, places, digests, exceptions. Rules are in native/deny.toml. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { satisfies } from 'semver';
import * as v from 'valibot';
import { crates, type Dependency, npmPackages, WORKSPACES } from '../../../tools/supply/dependencies.js';
import { isAllowed, JUDGES, lapsed, supplyRules } from '../../../tools/supply/rules.js';
import { billOfMaterials } from '../../../tools/supply/sbom.js';
import { shippedCrates, shippedPackages } from '../../../tools/supply/shipped.js';
import { NODE_LINES } from '../../support/node-lines.js';
import { projectRoot } from '../../support/project.js';

const RULES = supplyRules();
const ALLOWED = new Set(RULES.licenses.allow);

function faults(dependencies: readonly Dependency[]): string[] {
  return dependencies.flatMap(({ name, version, license, registry, digest }) => [
    ...(license !== undefined && (isAllowed(license, ALLOWED) || JUDGES[name] === license)
      ? []
      : [`${name} ${version}: licence ${license}`]),
    ...(registry ? [] : [`${name} ${version}: comes from no registry of packages`]),
    ...(digest === undefined ? [`${name} ${version}: has no digest in the lock file`] : []),
  ]);
}

test('every package of npm has an allowed licence, comes from the registry, and is pinned by digest', () => {
  const packages = npmPackages();
  assert.ok(packages.length > 200, `${packages.length} packages`);
  assert.deepEqual(faults(packages), []);
});

test('no package that users install asks for a newer Node than we do', () => {
  const { packages } = v.parse(
    v.object({
      packages: v.record(
        v.string(),
        v.object({
          dev: v.optional(v.boolean()),
          engines: v.optional(v.object({ node: v.optional(v.string()) })),
        }),
      ),
    }),
    JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')),
  );
  const asked = Object.entries(packages).flatMap(([path, { dev, engines }]) =>
    dev === true || engines?.node === undefined ? [] : [[path, engines.node] as const],
  );
  assert.ok(asked.length > 20, `${asked.length} packages ask for a line of Node`);
  const oldest = NODE_LINES[0];
  assert.deepEqual(
    asked.filter(([, range]) => !satisfies(oldest, range)),
    [],
  );
});

for (const workspace of WORKSPACES) {
  test(`every crate of ${workspace} has an allowed licence, comes from the registry, and is pinned by digest`, () => {
    const found = crates(workspace);
    assert.ok(found.length > 10, `${found.length} crates`);
    assert.deepEqual(faults(found), []);
  });
}

test('licence expressions are weighed as SPDX says', () => {
  const allowed = new Set(['MIT', 'Apache-2.0', 'Apache-2.0 WITH LLVM-exception', 'Unicode-3.0']);
  const expressions: Readonly<Record<string, boolean>> = {
    MIT: true,
    'GPL-3.0-only': false,
    'MIT OR GPL-3.0-only': true,
    'MIT AND GPL-3.0-only': false,
    'MIT/Apache-2.0': true,
    'GPL-2.0 / LGPL-2.1': false,
    '(MIT OR Apache-2.0) AND Unicode-3.0': true,
    '(MIT OR Apache-2.0) AND NCSA': false,
    'MIT OR Apache-2.0 AND NCSA': true,
    'GPL-2.0 WITH LLVM-exception': false,
    'Apache-2.0 WITH LLVM-exception': true,
    'Apache-2.0 WITH other-exception': false,
    '(MIT': false,
    'MIT)': false,
    'MIT MIT': false,
    'SEE LICENSE IN file': false,
    '': false,
  };
  for (const [expression, wanted] of Object.entries(expressions))
    assert.equal(isAllowed(expression, allowed), wanted, expression);
});

test('exceptions from advisories have a day, and none is over', () => {
  assert.deepEqual(lapsed(RULES.advisories.ignore, new Date().toISOString().slice(0, 10)), []);
  const exceptions = [
    { id: 'A', reason: 'until 2026-05-01: no caller reaches it' },
    { id: 'B', reason: 'until 2026-05-02: no caller reaches it' },
    { id: 'C', reason: 'no caller reaches it' },
    { id: 'D', reason: 'until 2026-05-02: ' },
  ];
  assert.deepEqual(
    lapsed(exceptions, '2026-05-01').map((text) => text.split(' ')[3]),
    ['A', 'C', 'D'],
  );
});

test('bills of materials list what the published packages contain and nothing else, and are the same each time', async () => {
  const [packages, ours] = [await shippedPackages(), shippedCrates()];
  for (const dependencies of [packages, ours]) {
    const text = billOfMaterials(dependencies);
    assert.equal(billOfMaterials(dependencies.toReversed()), text);
    const { components } = JSON.parse(text) as { readonly components: readonly { readonly name: string }[] };
    const names = new Set(components.map(({ name }) => name));
    assert.deepEqual(names, new Set(dependencies.map(({ name }) => name)));
  }
  const names = packages.map(({ name }) => name);
  for (const name of ['undici', 'commander', 'tar-stream', 'streamx']) assert.ok(names.includes(name), name);
  // tar-stream leads to the bare-* packages, whose native libraries are for another runtime than Node.
  assert.deepEqual(
    names.filter((name) => name.startsWith('bare-') || name.startsWith('@types/')),
    [],
  );
  assert.deepEqual(
    names.filter((name) => name in JUDGES),
    [],
  );
  const compiled = ours.map(({ name }) => name);
  for (const name of ['zstd-sys', 'blake3']) assert.ok(compiled.includes(name), name);
  for (const name of ['napi-build', 'syn', 'proptest', 'cc']) assert.ok(!compiled.includes(name), name);
});

test('no package runs a script when it is installed, and actions of other projects are pinned', () => {
  const lock = readFileSync(join(projectRoot, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(lock) as {
    readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>;
  };
  const scripts = Object.entries(packages).filter(([, { hasInstallScript = false }]) => hasInstallScript);
  assert.deepEqual(
    scripts.map(([path]) => path),
    [],
  );
  for (const name of readdirSync(join(projectRoot, '.ci'))) {
    const uses = readFileSync(join(projectRoot, '.ci', name), 'utf8').match(/uses: .*/g) ?? [];
    assert.deepEqual(
      uses.filter((use) => !/@[0-9a-f]{40}\b/.test(use)),
      [],
    );
  }
});

test('the addon names no folder of the machine that built it, so that clones in other places make the same bytes', () => {
  const addon = readFileSync(join(projectRoot, 'native', 'nydusify.node'), 'latin1');
  // native/build.mjs gives these names to the folders of sources.
  for (const name of ['/nydusify', '/cargo/']) assert.ok(addon.includes(name), name);
  for (const folder of [projectRoot, homedir(), '/registry/src/', '/rustlib/src/'])
    assert.ok(!addon.includes(folder), folder);
});
