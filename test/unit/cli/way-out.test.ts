/** Nothing leaves the command line but through the places that make text harmless and read variables. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../support/project.js';

interface Rule {
  readonly what: RegExp;
  /** Files that may do it, with the reason. */
  readonly allowed: Readonly<Record<string, string>>;
}

const RULES: readonly Rule[] = [
  {
    what: /\.write\(|console\./,
    allowed: {
      'cli/text/print.ts': 'the way out',
      'cli/text/annotations.ts': 'commands of our own, whose values are escaped',
      'cli/text/log-section.ts': 'commands of our own, whose title is escaped',
      'cli/main.ts': 'help, which is ours, and errors, which renderError escapes',
      'cli/process.ts': 'errors, which renderError escapes',
      'cli/standard-input.ts': 'prompts of our own, beside which a person types',
      'cli/standard-stream.ts': 'the stream itself',
      'cli/text/live-area.ts': 'lines of its own, escaped by terminalLine',
      'cli/text/terminal-text.ts': 'decodes bytes, writes nothing',
      'cli/commands/cat.ts': 'files, escaped by TerminalText on a terminal',
      'cli/upstream-tools/accelctl.ts': 'a table with tabs, whose cells are escaped',
    },
  },
  {
    what: /printLine\(\s*[^,()]+,\s*['`](?:warning|note|hint): /,
    allowed: {
      'cli/process.ts': 'a signal comes at any time, even before there is a context that knows of colours',
    },
  },
  { what: /JSON\.stringify\(/, allowed: { 'cli/text/printable.ts': 'escapes it' } },
  {
    what: /\benv\[|process\.env|homedir\(/,
    allowed: {
      'io/variables.ts': 'the reader',
      'cli/process.ts': 'hands the environment to commands',
      'cli/convert-worker.ts': "hands the service's environment to its conversions",
      'registry/auth/docker-config.ts': 'for programs that use the library',
    },
  },
];

test('text is printed, JSON is written and variables are read in known places alone', () => {
  const source = join(projectRoot, 'src');
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  for (const [i, { what, allowed }] of RULES.entries()) {
    const found = files.filter(
      (name) =>
        (i === RULES.length - 1 || name.startsWith('cli/')) &&
        what.test(readFileSync(join(source, name), 'utf8').replace(/^ *(?:\*|\/\/|\/\*\*).*$/gm, '')),
    );
    assert.deepEqual(found.sort(), Object.keys(allowed).sort(), String(what));
  }
});
