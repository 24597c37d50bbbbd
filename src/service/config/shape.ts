/**
 * The shape of a configuration: what a key takes, what it means and what holds without it. Reading, `--check` and the table in
 * docs/service.md all follow from one value.
 */
import { nearestWord } from '../../similar.js';
import type { YamlValue } from './yaml.js';

/** What a reading finds. Faults stop the start, warnings do not. */
export interface Findings {
  readonly faults: string[];
  readonly warnings: string[];
  /** Replaces `${env:NAME}` and `${file:PATH}`. Throws an error whose message says what is missing. */
  readonly expand: (text: string) => string;
}

/** A row of the table of keys. */
export interface KeyRow {
  readonly key: string;
  readonly type: string;
  readonly preset: string;
  readonly help: string;
}

export interface Shape<T> {
  /** Never throws: a fault is noted, and the default is returned. */
  read(value: YamlValue | undefined, key: string, findings: Findings): T;
  rows(key: string): readonly KeyRow[];
  /** The value as `--check` prints it, without secrets. */
  show(value: T): unknown;
}

export type Shown<S> = S extends Shape<infer T> ? T : never;

export const MASK = '********';

export interface Leaf<T> {
  readonly type: string;
  readonly help: string;
  readonly preset: T;
  /** The default in words, where the value itself would say little. */
  readonly presetText?: string;
  /** Throws an error whose message follows the key. */
  readonly parse: (text: string) => T;
  readonly show?: (value: T) => unknown;
}

/** A key with a scalar. */
export function leaf<T>({
  type,
  help,
  preset,
  presetText,
  parse,
  show = (value) => value,
}: Leaf<T>): Shape<T> {
  return {
    read: (value, key, findings) => {
      if (value === undefined || value.kind === 'nothing') return preset;
      if (value.kind !== 'text') {
        findings.faults.push(`${place(key, value)} should be ${type}, not a ${value.kind}`);
        return preset;
      }
      try {
        return parse(findings.expand(value.text));
      } catch (error) {
        findings.faults.push(
          `${place(key, value)} ${error instanceof Error ? error.message : String(error)}`,
        );
        return preset;
      }
    },
    rows: (key) => [{ key, type, preset: presetText ?? shownPreset(show(preset)), help }],
    show,
  };
}

function shownPreset(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}

function place(key: string, { line }: YamlValue): string {
  return `line ${line}: ${key}`;
}

type Fields = Readonly<Record<string, Shape<unknown>>>;
export type ValueOf<F extends Fields> = { readonly [K in keyof F]: Shown<F[K]> };

/** A map with known keys. An unknown one is a warning, since upstream ignores it. */
export function fields<F extends Fields>(known: F): Shape<ValueOf<F>> {
  const names = Object.keys(known);
  return {
    read: (value, key, findings) => {
      const entries = mapOf(value, key, findings);
      for (const [name, given] of entries) {
        if (Object.hasOwn(known, name)) continue;
        const near = nearestWord(name, names);
        const hint = near === undefined ? '' : `; did you mean ${join(key, near)}?`;
        findings.warnings.push(`${place(join(key, name), given)} is not known and has no effect${hint}`);
      }
      return Object.fromEntries(
        Object.entries(known).map(([name, shape]) => [
          name,
          shape.read(entries.get(name), join(key, name), findings),
        ]),
      ) as ValueOf<F>; // one value of each shape
    },
    rows: (key) => Object.entries(known).flatMap(([name, shape]) => shape.rows(join(key, name))),
    show: (value) =>
      Object.fromEntries(
        Object.entries(known)
          .map(([name, shape]) => [name, shape.show(value[name])] as const)
          .filter(([, shown]) => shown !== undefined),
      ),
  };
}

/** A map whose keys are the user's; `name` stands for them in the table. Values of secret keys are masked. */
export function named<T>(
  name: string,
  shape: Shape<T>,
  isSecret: (key: string) => boolean = () => false,
): Shape<ReadonlyMap<string, T>> {
  return {
    read: (value, key, findings) =>
      new Map(
        [...mapOf(value, key, findings)].map(([own, given]) => [
          own,
          shape.read(given, join(key, own), findings),
        ]),
      ),
    rows: (key) => shape.rows(join(key, name)),
    show: (value) =>
      Object.fromEntries([...value].map(([own, one]) => [own, isSecret(own) ? MASK : shape.show(one)])),
  };
}

/** A list; one scalar alone is a list of one. */
export function listOf<T>(shape: Shape<T>): Shape<readonly T[]> {
  return {
    read: (value, key, findings) => {
      if (value === undefined || value.kind === 'nothing') return [];
      const items = value.kind === 'list' ? value.items : [value];
      return items.map((item, index) => shape.read(item, `${key}[${index}]`, findings));
    },
    rows: (key) => shape.rows(`${key}[]`),
    show: (value) => value.map((one) => shape.show(one)),
  };
}

/** Undefined where the key is not there. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return {
    read: (value, key, findings) =>
      value === undefined || value.kind === 'nothing' ? undefined : shape.read(value, key, findings),
    rows: (key) => shape.rows(key).map((row) => ({ ...row, preset: '' })),
    show: (value) => (value === undefined ? undefined : shape.show(value)),
  };
}

/** A key that this version does not know to serve: any value stops the start, since ignoring it would change what the service does. */
export function later(what: string): Shape<undefined> {
  return {
    read: (value, key, { faults }) => {
      const isEmpty =
        value === undefined || value.kind === 'nothing' || (value.kind === 'text' && value.text === '');
      if (!isEmpty) faults.push(`${place(key, value)} is not supported${UNSUPPORTED}: ${what}`);
      return undefined;
    },
    rows: () => [],
    show: () => undefined,
  };
}

/** Marks the faults of what is right but cannot be done here; it is no part of their sentences. */
export const UNSUPPORTED = ' (UNSUPPORTED)';

function mapOf(
  value: YamlValue | undefined,
  key: string,
  findings: Findings,
): ReadonlyMap<string, YamlValue> {
  if (value === undefined || value.kind === 'nothing') return new Map();
  if (value.kind === 'map') return value.entries;
  findings.faults.push(`${place(key, value)} should be a map of keys, not a ${value.kind}`);
  return new Map();
}

function join(key: string, name: string): string {
  return key === '' ? name : `${key}.${name}`;
}
