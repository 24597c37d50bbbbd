/** A row of docs/security.md. */
import type { NamedTest } from '../named-test.js';

/** Parties that may be hostile. */
export type Attacker =
  | 'image author'
  | 'registry'
  | 'storage backend'
  | 'client'
  | 'web page'
  | 'local user'
  | 'webhook sender'
  | 'caller'
  | 'dependency'
  | 'power failure';

export interface Attack {
  readonly by: Attacker;
  /** What is tried. */
  readonly attack: string;
  /** What the attack did, with figures. */
  readonly before: string;
  /** What happens instead. */
  readonly now: string;
  readonly test: NamedTest;
}

export interface AttackTable {
  readonly title: string;
  /** A sentence or two: what holds for the whole kind. */
  readonly promise: string;
  readonly rows: readonly Attack[];
}

export function attack(
  by: Attacker,
  what: string,
  change: Pick<Attack, 'before' | 'now'>,
  file: string,
  words: string,
): Attack {
  return { by, attack: what, ...change, test: { file, words } };
}

/** An attack that a case of a table of tests tries; its words are those of the case, unless the change says otherwise. */
export function tried(
  by: Attacker,
  file: string,
  words: string,
  { before, now, attack: what = words }: Pick<Attack, 'before' | 'now'> & { readonly attack?: string },
): Attack {
  return attack(by, what, { before, now }, file, words);
}
