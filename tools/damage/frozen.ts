/**
 * `node dist/tools/damage/frozen.js [damages|mutations|every-byte [NAME…]] [--write]`: asks the rules of `check` again about all
 * damaged files whose answers are kept in `fixtures/frozen`, and reports every difference. NAMEs are bases of mutations or
 * cases of every byte. `--write` keeps the present answers instead. Exit status 1 when an answer differs.
 *
 * `node dist/tools/damage/frozen.js show mutations BASE SLICE` and `… show every-byte CASE FILE FIELD` print the present
 * findings behind one digest; two builds' output side by side shows what differs.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  byteFindings,
  damageAnswers,
  everyByteAnswers,
  type Frozen,
  frozen,
  FROZEN_BASES,
  FROZEN_CASES,
  frozenPath,
  mutationAnswers,
  mutationFindings,
  SLICE,
  wholeLine,
} from '../../test/support/damage/frozen.js';
import { subjectsOfCase } from '../../test/support/damage/every-byte-cases.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } },
});

type Tree = string | number | readonly Tree[] | { readonly [key: string]: Tree };

/** Paths of the leaves in which two answers differ. */
function* differences(kept: Tree | undefined, now: Tree | undefined, path: string): Generator<string> {
  if (typeof kept === 'object' && typeof now === 'object') {
    const keys = new Set([...Object.keys(kept), ...Object.keys(now)]);
    for (const key of keys) yield* differences(under(kept, key), under(now, key), `${path} ${key}`);
  } else if (kept !== now) {
    yield `${path}: ${JSON.stringify(kept)} was kept, ${JSON.stringify(now)} is the answer now`;
  }
}

function under(tree: Exclude<Tree, string | number>, key: string): Tree | undefined {
  return (tree as Readonly<Record<string, Tree>>)[key]; // arrays have their indexes as keys
}

async function answers(part: keyof Frozen, names: readonly string[]): Promise<Record<string, unknown>> {
  const wanted = (all: readonly string[]): readonly string[] => (names.length === 0 ? all : names);
  const entries: [string, unknown][] = [];
  switch (part) {
    case 'damages':
      return { ...damageAnswers() };
    case 'mutations':
      for (const base of wanted(FROZEN_BASES)) entries.push([base, mutationAnswers(base)]);
      break;
    case 'everyByte':
      for (const name of wanted(FROZEN_CASES)) {
        entries.push([name, await everyByteAnswers(name)]);
        process.stderr.write(`${name} is done\n`);
      }
  }
  return Object.fromEntries(entries);
}

/** Deep enough that a line holds one damage, one slice, or one field. */
function toText(value: unknown, depth: number, indent = ''): string {
  if (typeof value !== 'object' || value === null || depth === 0) return JSON.stringify(value);
  const inner = `${indent}  `;
  const rows = Array.isArray(value)
    ? value.map((one) => inner + toText(one, depth - 1, inner))
    : Object.entries(value).map(
        ([key, one]) => `${inner}${JSON.stringify(key)}: ${toText(one, depth - 1, inner)}`,
      );
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return rows.length === 0 ? `${open}${close}` : `${open}\n${rows.join(',\n')}\n${indent}${close}`;
}

async function compare(part: keyof Frozen, names: readonly string[]): Promise<void> {
  const now = await answers(part, names);
  if (values.write) {
    const kept = names.length === 0 ? {} : frozen(part);
    writeFileSync(frozenPath(part), `${toText({ ...kept, ...now }, part === 'everyByte' ? 4 : 3)}\n`);
    return;
  }
  const kept = frozen(part) as Readonly<Record<string, Tree>>;
  for (const [name, answer] of Object.entries(now)) {
    for (const line of differences(kept[name], answer as Tree, `${part} ${name}`)) {
      process.stdout.write(`${line}\n`);
      process.exitCode = 1;
    }
  }
}

async function show([part, name = '', which = '', field]: readonly string[]): Promise<void> {
  if (part === 'mutations') {
    for (const { number, mutation, findings } of mutationFindings(name)) {
      const slice = Math.floor(number / SLICE);
      if (slice > Number(which)) return;
      if (slice < Number(which)) continue;
      process.stdout.write(`${number} ${JSON.stringify(mutation)}\n`);
      for (const found of findings) process.stdout.write(`  ${wholeLine(found)}\n`);
    }
    return;
  }
  const subject = (await subjectsOfCase(name)).find(({ file }) => file === which);
  if (subject === undefined) throw new Error(`case ${name} has no file ${which}`);
  for await (const one of byteFindings(subject)) {
    if (field !== undefined && one.field !== field) continue;
    process.stdout.write(`${one.change} ${one.field}\n`);
    for (const found of one.findings) process.stdout.write(`  ${wholeLine(found)}\n`);
  }
}

const PARTS: Readonly<Record<string, keyof Frozen>> = {
  damages: 'damages',
  mutations: 'mutations',
  'every-byte': 'everyByte',
};

const [first, ...rest] = positionals;
if (first === 'show') await show(rest);
else if (first === undefined) for (const part of Object.values(PARTS)) await compare(part, []);
else {
  const part = PARTS[first];
  if (part === undefined) throw new Error(`${first} is none of ${Object.keys(PARTS).join(', ')}`);
  await compare(part, rest);
}
