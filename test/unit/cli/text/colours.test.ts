/** Who gets colours: one policy for both streams, each judged for itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CliContext } from '../../../../src/cli/context.js';
import { hasColours, withPaintedWord } from '../../../../src/cli/text/colours.js';
import { renderError } from '../../../../src/cli/text/errors.js';
import { terminalLine } from '../../../../src/cli/text/paint.js';
import { errorsOnly } from '../../../../src/cli/text/print.js';
import { UsageError } from '../../../../src/errors.js';
import { ScreenTerminal } from '../../../support/screen-terminal.js';

const RED = '\x1b[31merror\x1b[39m';
const NOTHING = { name: '', flags: [] };
const QUIET = { verbose: false, debug: false };

function coloured(
  env: Readonly<Record<string, string>>,
  terminals: { readonly stdout: boolean; readonly stderr: boolean },
): string {
  const sink = { write: () => undefined };
  const context: CliContext = {
    stdout: sink,
    stderr: sink,
    env,
    columns: 80,
    signal: new AbortController().signal,
    exitCode: 0,
    stdoutIsTTY: terminals.stdout,
    ...(terminals.stderr ? { terminal: new ScreenTerminal(80, 24) } : {}),
  };
  return (['stdout', 'stderr'] as const).filter((stream) => hasColours(context, stream)).join(' ');
}

test('each stream has colours when it is a terminal that has them and nobody forbids them', () => {
  const both = { stdout: true, stderr: true };
  const xterm = { TERM: 'xterm' };
  assert.equal(coloured(xterm, both), 'stdout stderr');
  assert.equal(coloured(xterm, { stdout: true, stderr: false }), 'stdout');
  assert.equal(coloured(xterm, { stdout: false, stderr: true }), 'stderr');
  assert.equal(coloured(xterm, { stdout: false, stderr: false }), '');
  assert.equal(coloured({ TERM: 'dumb' }, both), '');
  assert.equal(coloured({ ...xterm, NO_COLOR: '1' }, both), '');
  assert.equal(coloured({ ...xterm, NO_COLOR: '' }, both), 'stdout stderr');
});

test('FORCE_COLOR decides before everything else, in both directions', () => {
  const none = { stdout: false, stderr: false };
  for (const env of [{}, { TERM: 'dumb' }, { NO_COLOR: '1' }])
    assert.equal(coloured({ ...env, FORCE_COLOR: '1' }, none), 'stdout stderr');
  for (const off of ['0', 'false'])
    assert.equal(coloured({ TERM: 'xterm', FORCE_COLOR: off }, { stdout: true, stderr: true }), '');
  assert.equal(coloured({ FORCE_COLOR: '' }, none), '');
});

test('the first word of a message is painted, and what comes from outside stays escaped', () => {
  assert.equal(
    terminalLine(withPaintedWord('warning: \x1b[31mmind')),
    '\x1b[33mwarning\x1b[39m: \\x1b[31mmind',
  );
  assert.equal(withPaintedWord('errors are many'), 'errors are many');
  const error = new UsageError('no \x1b[2J', { hint: 'try' });
  assert.equal(
    renderError(error, QUIET, NOTHING, { coloured: true }),
    `${RED}: no \\x1b[2J\n\x1b[36mhint\x1b[39m: try\n`,
  );
  assert.equal(renderError(error, QUIET, NOTHING), 'error: no \\x1b[2J\nhint: try\n');
});

test('-q lets errors pass, painted or not, and nothing else', () => {
  const passed: string[] = [];
  const output = errorsOnly({ write: (text) => void passed.push(text) });
  for (const text of ['warning: no\n', 'note: no\n', 'error: yes\n', `${RED}: yes\n`]) output.write(text);
  assert.deepEqual(passed, ['error: yes\n', `${RED}: yes\n`]);
});
