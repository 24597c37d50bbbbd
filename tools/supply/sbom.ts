/** Bills of materials in the form of CycloneDX 1.5. They hold no time and no random number, so that the same sources give the same bytes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';
import type { Dependency } from './dependencies.js';

interface Component {
  readonly type: 'library' | 'application';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses?: readonly { readonly expression: string }[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

/** The bill of a list of dependencies, one entry for each name and version. */
export function billOfMaterials(dependencies: readonly Dependency[]): string {
  const components = new Map<string, Component>();
  for (const dependency of dependencies) {
    const component = toComponent(dependency);
    components.set(component.purl, component);
  }
  const { name, version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
  };
  const purl = `pkg:npm/${name}@${version}`;
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { type: 'application', 'bom-ref': purl, name, version, purl } },
    components: [...components.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1)),
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

function toComponent({ kind, name, version, license, digest }: Dependency): Component {
  const purl = packageUrl(kind, name, version);
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(license === undefined ? {} : { licenses: [{ expression: license.replaceAll(/ ?\/ ?/g, ' OR ') }] }),
    ...(digest === undefined ? {} : { hashes: [{ alg: digest.algorithm, content: digest.hex }] }),
  };
}

function packageUrl(kind: Dependency['kind'], name: string, version: string): string {
  if (kind === 'deb') return `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
  return `pkg:${kind}/${name.replace(/^@/, '%40')}@${version}`;
}
