import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommanderError } from 'commander';
import { asNydusError, renderError } from '../../../../src/cli/text/errors.js';
import { AuthError, RegistryError } from '../../../../src/errors.js';
import { parseReference } from '../../../../src/oci/reference.js';

const NOTHING = { name: '', flags: [] };
const quiet = { verbose: false, debug: false };

test('an error is what failed and what to try', () => {
  const error = new AuthError('cannot pull h/a: no credentials', {
    hint: 'docker login h',
    cause: new Error('401'),
  });
  assert.equal(
    renderError(error, quiet, NOTHING),
    'error: cannot pull h/a: no credentials\nhint: docker login h\n',
  );
  assert.equal(renderError(new RegistryError('gone'), quiet, NOTHING), 'error: gone\n');
});

test('a reference is shown with a caret under the wrong part, wherever escapes move it', () => {
  const shown = (text: string): string => {
    try {
      parseReference(text);
    } catch (error) {
      return renderError(asNydusError(error), quiet, NOTHING);
    }
    return '';
  };
  assert.match(shown('a.b/C'), /^error: invalid reference: .*\n {2}a\.b\/C\n {6}\^\n$/);
  assert.match(shown('a.b/\x1bc'), /\n {2}a\.b\/\\x1bc\n {6}\^\n$/);
  assert.match(shown('a.b:99999/c'), /a port is a number from 1 to 65535\n {2}a\.b:99999\/c\n {6}\^\n$/);
});

test('--verbose adds causes, --debug stacks', () => {
  const root = new Error('reset');
  const error = new RegistryError('cannot pull', {
    cause: new AggregateError([new Error('one'), new Error('two', { cause: root })], 'both'),
  });
  assert.equal(
    renderError(error, { verbose: true, debug: false }, NOTHING),
    'error: cannot pull\ncaused by: both\ncaused by: one\ncaused by: two\ncaused by: reset\n',
  );
  assert.match(renderError(error, { verbose: true, debug: true }, NOTHING), /errors\.test/);
});

test('whatever is thrown has an exit code of ours', () => {
  assert.equal(
    asNydusError(new CommanderError(1, 'commander.unknownOption', "error: unknown option '--x'")).exitCode,
    2,
  );
  assert.equal(
    asNydusError(new CommanderError(1, 'x', "error: unknown option '--x'")).message,
    "unknown option '--x'",
  );
  assert.equal(
    asNydusError(Object.assign(new Error('ENOSPC: full'), { code: 'ENOSPC', syscall: 'write', errno: -28 }))
      .exitCode,
    6,
  );
  assert.equal(asNydusError(new DOMException('stop', 'AbortError')).exitCode, 130);
  assert.equal(asNydusError(new TypeError('x is not a function')).exitCode, 70);
  assert.equal(asNydusError('text').exitCode, 70);
  assert.deepEqual(asNydusError(new TypeError('x')).remedy, { kind: 'report-bug' });
});
