/**
 * src/native: the types of the addon's interface, from what napi's macros write down while native/node is compiled, and the tables
 * of what images can be written with, from the addon itself.
 */
import { existsSync, readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { addon } from '../../src/native/addon.js';

/** Left there by native/node/build.rs; one JSON object a line. */
const DEFINITIONS = 'native/target/types/nydus-node';
const NOTE = 'Written by tools/docs/main.ts. Do not edit: npm run docs.';

interface Definition {
  readonly kind: 'interface' | 'struct' | 'impl' | 'fn';
  readonly name: string;
  readonly js_doc?: string;
  readonly def: string;
}

/** src/native/addon-types.ts. */
export function addonTypes(): Promise<string> {
  if (!existsSync(DEFINITIONS)) throw new Error(`${DEFINITIONS} is missing: npm run build:native`);
  const definitions = readFileSync(DEFINITIONS, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Definition); // as napi-derive writes it
  const methods = new Map(
    definitions.filter(({ kind }) => kind === 'impl').map(({ name, def }) => [name, def]),
  );
  const interfaces = definitions.flatMap(({ kind, name, js_doc: doc = '', def }) => {
    if (kind === 'interface') return [`${doc}export interface ${name} {\n${fields(def)}\n}`];
    if (kind === 'struct')
      return [`${doc}export interface ${name} {\n${readOnly(methods.get(name) ?? '')}\n}`];
    return [];
  });
  const functions = definitions
    .filter(({ kind }) => kind === 'fn')
    .map(({ js_doc: doc = '', def }) => `${doc}${readOnly(def.replace(/^function /, ''))};`);
  return typescript(
    `The types of the addon, declared in native/node/src. ${NOTE}`,
    `import type { FsVersion, OldestReader, WrittenCompressor } from './formats.js';`,
    `import type { Outcome } from './outcome.js';`,
    '',
    interfaces.join('\n\n'),
    '',
    `/** Everything that the addon exports. */`,
    `export interface Addon {\n${functions.join('\n')}\n}`,
  );
}

/** src/native/formats.ts. */
export function formatTables(): Promise<string> {
  const { codecs, versions, readers, autoBatches, defaults } = addon().formats();
  const rows = codecs.map(({ name, isWritten, levels }) => ({ name, isWritten, levels }));
  return typescript(
    `The codecs by number, the RAFS versions, the oldest readers and the defaults that the addon reports. ${NOTE}`,
    `import type { FormatOptions } from './addon-types.js';`,
    '',
    `export const CODECS = ${JSON.stringify(rows)} as const;`,
    `export const FS_VERSIONS = ${JSON.stringify(versions)} as const;`,
    `export const READERS = ${JSON.stringify(readers)} as const;`,
    '',
    '/** Bytes below which a batch stays, and below which a file is in one, if the packer chooses. */',
    `export const AUTO_BATCHES = ${JSON.stringify(autoBatches)} as const;`,
    '',
    '/** The addon uses these values for options that the caller leaves out. */',
    `export const FORMAT_DEFAULTS = ${JSON.stringify(defaults)} as const satisfies FormatOptions;`,
    '',
    '/** Names of the codecs that chunks can be stored with. */',
    `export type WrittenCompressor = Extract<(typeof CODECS)[number], { readonly isWritten: true }>['name'];`,
    `export type FsVersion = (typeof FS_VERSIONS)[number];`,
    `export type OldestReader = (typeof READERS)[number]['name'];`,
  );
}

/** Members that nothing changes; an option may be undefined as well as absent. */
function fields(def: string): string {
  return readOnly(def).replace(/^(\w+)(\??): (.*)$/gm, (_, name: string, optional: string, type: string) =>
    optional === '' ? `readonly ${name}: ${type}` : `readonly ${name}?: ${type} | undefined`,
  );
}

/** Lists that nothing changes; what an optional parameter may be follows from its question mark. */
function readOnly(def: string): string {
  return def
    .replace(/(\w+\?: \w+) \| undefined/g, '$1')
    .replace(/Array<([^<>]*)>/g, (_, item: string) =>
      item.includes('|') ? `readonly (${item})[]` : `readonly ${item}[]`,
    );
}

async function typescript(purpose: string, ...lines: readonly string[]): Promise<string> {
  const options = await resolveConfig('src/native/addon.ts');
  return format(`/** ${purpose} */\n${lines.join('\n')}\n`, { ...options, parser: 'typescript' });
}
