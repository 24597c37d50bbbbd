/** Asks for known weaknesses of what we depend on: npm's registry about packages, cargo-deny about crates. */
import { spawnSync } from 'node:child_process';
import * as v from 'valibot';
import { projectRoot } from '../../test/support/project.js';
import type { Exception } from './rules.js';

export interface Answer {
  readonly asked: string;
  /** Why there is no answer. */
  readonly unreachable?: string;
  readonly found: readonly string[];
}

const AUDIT = v.object({
  vulnerabilities: v.record(
    v.string(),
    v.object({
      severity: v.string(),
      via: v.array(v.union([v.string(), v.object({ title: v.string(), url: v.string() })])),
    }),
  ),
});

/** What npm's registry knows; advisories under an exception are left out. */
export function askNpm(exceptions: readonly Exception[]): Answer {
  const asked = 'npm audit';
  const { stdout } = spawnSync('npm', ['audit', '--json'], { cwd: projectRoot, encoding: 'utf8' });
  const answer = v.safeParse(v.pipe(v.string(), v.parseJson(), AUDIT), stdout);
  if (!answer.success) return { asked, unreachable: 'the registry has no advisories', found: [] };
  const found = Object.entries(answer.output.vulnerabilities).flatMap(([name, { severity, via }]) =>
    via
      .filter((cause) => typeof cause !== 'string')
      .filter(({ url }) => !exceptions.some(({ id }) => url.endsWith(id)))
      .map(({ title, url }) => `${name}: ${severity}: ${title} (${url})`),
  );
  return { asked, found };
}

/** What cargo-deny knows; it reads the exceptions itself. */
export function askCargoDeny(): Answer {
  const asked = 'cargo deny check advisories';
  const run = spawnSync('cargo', ['deny', '--manifest-path', 'native/Cargo.toml', 'check', 'advisories'], {
    cwd: projectRoot,
    encoding: 'utf8',
  });
  if (/no such command/.test(run.stderr))
    return { asked, unreachable: 'cargo-deny is not installed', found: [] };
  if (/failed to (fetch|clone|open) .*advisory/i.test(run.stderr))
    return { asked, unreachable: 'the database of advisories cannot be fetched', found: [] };
  return { asked, found: run.status === 0 ? [] : [run.stderr.trim()] };
}
