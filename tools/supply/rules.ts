/** The rules for what we depend on, from native/deny.toml: licences that are allowed, and exceptions from advisories. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import * as v from 'valibot';
import { projectRoot } from '../../test/support/project.js';

const RULES = v.object({
  licenses: v.object({ allow: v.array(v.string()) }),
  advisories: v.object({ ignore: v.array(v.object({ id: v.string(), reason: v.string() })) }),
});

/**
 * Licences beyond that list, of packages that judge our work in tests and are part of nothing that is published. MPL-2.0 asks for the sources of
 * its own files from whoever hands them on, and we hand on none.
 */
export const JUDGES: Readonly<Record<string, string>> = { 'axe-core': 'MPL-2.0' };

export type SupplyRules = v.InferOutput<typeof RULES>;
export type Exception = SupplyRules['advisories']['ignore'][number];

export function supplyRules(): SupplyRules {
  return v.parse(RULES, parse(readFileSync(join(projectRoot, 'native', 'deny.toml'), 'utf8')));
}

/** Exceptions that name no day, or whose day has come. */
export function lapsed(exceptions: readonly Exception[], today: string): string[] {
  return exceptions
    .filter(({ reason }) => {
      const [, day] = /^until (\d{4}-\d{2}-\d{2}): ./.exec(reason) ?? [];
      return day === undefined || day <= today;
    })
    .map(({ id, reason }) => `the exception for ${id} is over or has no day: ${reason}`);
}

/**
 * True if the licences that are allowed satisfy an SPDX expression, in which `AND` binds more tightly than `OR`. The old form with
 * a slash means `OR`.
 */
export function isAllowed(expression: string, allowed: ReadonlySet<string>): boolean {
  const tokens = expression.replaceAll('/', ' OR ').match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const license = (): boolean => {
    const name = tokens[at++];
    if (name === '(') {
      const inner = either();
      return tokens[at++] === ')' && inner;
    }
    if (tokens[at] !== 'WITH') return name !== undefined && allowed.has(name);
    at += 2;
    return allowed.has(`${name} WITH ${tokens[at - 1]}`);
  };
  const both = (): boolean => {
    let holds = license();
    while (tokens[at] === 'AND') {
      at++;
      holds = license() && holds;
    }
    return holds;
  };
  const either = (): boolean => {
    let holds = both();
    while (tokens[at] === 'OR') {
      at++;
      holds = both() || holds;
    }
    return holds;
  };
  const holds = either();
  return holds && at === tokens.length;
}
