/**
 * Answers of `check` about damaged files that are kept in `fixtures/frozen`, so that rules can be rewritten and still be held
 * to what they said. Damages of `damage.json` are kept as text; mutations and changed bytes, which are too many, as digests
 * of their findings. Each digest stands twice: once of everything that a finding says, once of its meaning alone (id, severity,
 * path and offset, sorted), so that new words for an old finding do not void the rest.
 */
import { createHash, type Hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { displayName } from '../../../src/oci/raw-name.js';
import type { Finding } from '../../../src/check/finding.js';
import { fixturesFolder, referenceJson } from '../images/fixtures.js';
import { referenceBootstrap } from '../references/reference-bootstraps.js';
import type { Subject } from './every-byte.js';
import { bootstrapFindings } from './findings.js';
import { subjectsOfCase } from './every-byte-cases.js';
import { applyEdits, type Edit } from './mutations.js';
import { STORED } from './mutated-bases.js';
import { usableMutations } from './mutation-run.js';

/** Bases of the mutations, as in `basic/v6-zstd`. */
export const FROZEN_BASES: readonly string[] = STORED.map((base) => base.join('/'));
/** Mutations of each base; in all, as many as one run of `npm run mutations` makes. */
const FROZEN_MUTATIONS = 10_000;
/** Mutations under one digest. */
export const SLICE = 500;

/** Small images that have, together, every structure of both formats. */
export const FROZEN_CASES: readonly string[] = [
  'all-deleted',
  'devices',
  'hardlinks',
  'no-data',
  'xattrs-hardlinks',
  'zran',
  'all-deleted/v5-zstd',
  'chunks/v5-zstd',
  'concatenated/v5-zstd',
  'devices/v5-zstd',
  'hardlinks/v5-zstd',
  'no-data/v5-zstd',
  'hardlinks:v6-lz4-batch64k',
];

/** Findings of each damage by its name, one line of text a finding. */
export type FrozenDamages = Readonly<Record<string, readonly string[]>>;

/** Digests of one slice of mutations. */
export interface FrozenSlice {
  /** Digest of the mutations themselves: if it differs, the generator has changed and not a rule. */
  readonly edits: string;
  readonly whole: string;
  readonly meaning: string;
}

export interface FrozenMutations {
  /** Findings by id. */
  readonly counts: Readonly<Record<string, number>>;
  readonly slices: readonly FrozenSlice[];
}

export interface FrozenFile {
  /** Digest of all findings, in the order of the changes. */
  readonly whole: string;
  /** Digests of the meaning of findings, by the field that the changed byte belongs to; cuts have one of their own. */
  readonly fields: Readonly<Record<string, string>>;
}

/** By file of the image: `bootstrap`, `blob 1`, … */
export type FrozenCase = Readonly<Record<string, FrozenFile>>;

export interface Frozen {
  readonly damages: Readonly<Record<string, FrozenDamages>>;
  readonly mutations: Readonly<Record<string, FrozenMutations>>;
  readonly everyByte: Readonly<Record<string, FrozenCase>>;
}

const FROZEN_FILES: Readonly<Record<keyof Frozen, string>> = {
  damages: 'damages.json',
  mutations: 'mutations.json',
  everyByte: 'every-byte.json',
};

export function frozenPath(part: keyof Frozen): string {
  return join(fixturesFolder, 'frozen', FROZEN_FILES[part]);
}

/** The answers that are kept. */
export function frozen<K extends keyof Frozen>(part: K): Frozen[K] {
  return JSON.parse(readFileSync(frozenPath(part), 'utf8')) as Frozen[K]; // our own file
}

/** One line with all that the finding says. */
export function wholeLine(found: Finding): string {
  const values = [
    ...(found.expected === undefined ? [] : [`expected ${found.expected}`]),
    ...(found.found === undefined ? [] : [`found ${found.found}`]),
  ];
  return [meaningLine(found), found.message, ...values].join('; ');
}

/** For example `error RAFS-DOTS /etc at 5120`. The words of `check` may change, and this line stays. */
function meaningLine({ severity, id, where: { part, path, offset } }: Finding): string {
  return [
    severity,
    id,
    ...(part === undefined ? [] : [`(${part})`]),
    ...(path === undefined ? [] : [`/${displayName(path)}`]),
    ...(offset === undefined ? [] : [`at ${offset}`]),
  ].join(' ');
}

/** Collects answers into the two digests. */
class Answers {
  readonly counts: Record<string, number> = {};
  readonly #whole = createHash('sha256');
  readonly #meaning = createHash('sha256');

  /** `name`: of the change that the findings are about. */
  add(name: string, findings: readonly Finding[]): void {
    for (const { id } of findings) this.counts[id] = (this.counts[id] ?? 0) + 1;
    feed(this.#whole, name, findings.map(wholeLine));
    feed(this.#meaning, name, findings.map(meaningLine).sort());
  }

  digests(): { readonly whole: string; readonly meaning: string } {
    return { whole: short(this.#whole), meaning: short(this.#meaning) };
  }
}

function feed(hash: Hash, name: string, lines: readonly string[]): void {
  hash.update(`${name}\n${lines.map((line) => `${line}\n`).join('')}`);
}

/** 64 bits are enough: the files are compared with what was written here, not with an adversary's. */
function short(hash: Hash): string {
  return hash.digest('hex').slice(0, 16);
}

/** Our answers about all damages of `damage.json`. */
export function damageAnswers(): Frozen['damages'] {
  const all = referenceJson('damage.json') as Record<
    string,
    readonly { readonly name: string; readonly edits: readonly Edit[] }[]
  >; // our own file
  return Object.fromEntries(
    Object.entries(all).map(([base, damages]) => {
      const bytes = bootstrapOfBase(base);
      const answers = damages.map(({ name, edits }) => [
        name,
        bootstrapFindings(applyEdits(bytes, edits)).map(wholeLine),
      ]);
      return [base, Object.fromEntries(answers) as FrozenDamages];
    }),
  );
}

/** Our answers about the first slices of a base's mutations; about all of them unless `slices` says fewer. */
export function mutationAnswers(base: string, slices = FROZEN_MUTATIONS / SLICE): FrozenMutations {
  const all = new Answers();
  const done: FrozenSlice[] = [];
  let edits = createHash('sha256');
  let answers = new Answers();
  for (const { number, mutation, findings } of mutationFindings(base)) {
    edits.update(`${JSON.stringify(mutation)}\n`);
    for (const some of [all, answers]) some.add(String(number), findings);
    if ((number + 1) % SLICE > 0) continue;
    done.push({ edits: short(edits), ...answers.digests() });
    if (done.length === slices) break;
    edits = createHash('sha256');
    answers = new Answers();
  }
  const counts = Object.entries(all.counts).sort(([a], [b]) => (a < b ? -1 : 1));
  return { counts: Object.fromEntries(counts), slices: done };
}

export interface MutationFindings {
  /** From 0. */
  readonly number: number;
  readonly mutation: readonly Edit[];
  readonly findings: readonly Finding[];
}

/** Findings about each mutation of a base. */
export function* mutationFindings(base: string): Generator<MutationFindings> {
  const bytes = bootstrapOfBase(base);
  // Seeds are those of `npm run mutations`.
  const seed = 1 + FROZEN_BASES.indexOf(base);
  let number = 0;
  for (const mutation of usableMutations(bytes, seed)) {
    if (number === FROZEN_MUTATIONS) return;
    yield { number, mutation, findings: bootstrapFindings(applyEdits(bytes, mutation)) };
    number += 1;
  }
}

function bootstrapOfBase(base: string): Buffer {
  const [name = '', option = ''] = base.split('/');
  return referenceBootstrap(name, option);
}

/** Our answers about every changed byte and every cut of the files of a case. */
export async function everyByteAnswers(name: string): Promise<FrozenCase> {
  const files: Record<string, FrozenFile> = {};
  for (const subject of await subjectsOfCase(name)) files[subject.file] = await fileAnswers(subject);
  return files;
}

async function fileAnswers(subject: Subject): Promise<FrozenFile> {
  const all = new Answers();
  const fields = new Map<string, Answers>();
  for await (const { field, change, findings } of byteFindings(subject)) {
    all.add(change, findings);
    const answers = fields.get(field) ?? new Answers();
    fields.set(field, answers);
    answers.add(change, findings);
  }
  const entries = Array.from(fields, ([field, answers]) => [field, answers.digests().meaning]);
  return { whole: all.digests().whole, fields: Object.fromEntries(entries) as Record<string, string> };
}

export interface ByteFindings {
  /** The field that the byte belongs to; `cuts` for a cut. */
  readonly field: string;
  /** `byte 5120` or `cut 5120`, for example. */
  readonly change: string;
  readonly findings: readonly Finding[];
}

/** Findings of the first look, which is that of the rules over the file itself, about each byte and each cut. */
export async function* byteFindings({ bytes, start, looks, nameOf }: Subject): AsyncGenerator<ByteFindings> {
  const [[, look]] = looks as readonly [Subject['looks'][number]]; // every subject has one
  const changed = Buffer.from(bytes);
  for (let offset = start; offset < bytes.length; offset++) {
    changed[offset] = (bytes[offset] ?? 0) ^ 0xff;
    yield { field: nameOf(offset), change: `byte ${offset}`, findings: await look(changed) };
    changed[offset] = bytes[offset] ?? 0;
  }
  for (let length = start; length < bytes.length; length++)
    yield { field: 'cuts', change: `cut ${length}`, findings: await look(changed.subarray(0, length)) };
}
