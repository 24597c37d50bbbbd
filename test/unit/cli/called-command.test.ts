/** The command that a line calls is found among words, flags and their values; one that does not exist is answered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calledCommand, withHelpFlag } from '../../../src/cli/called-command.js';
import { GLOBAL_FLAGS } from '../../../src/cli/flags/global.js';
import { UsageError } from '../../../src/errors.js';

const COMMANDS = ['convert', 'check', 'ls'];
const called = (...argv: readonly string[]): string | undefined =>
  calledCommand(argv, GLOBAL_FLAGS, COMMANDS);
const refused = (...argv: readonly string[]): string => {
  try {
    called(...argv);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return `${error.message}; ${error.hint ?? ''}`;
  }
  return 'accepted';
};

test('the command is the first word, behind flags of the program and their values', () => {
  for (const argv of [
    ['convert', 'check', 'ls'],
    ['-D', 'convert', '--source', 'a'],
    ['--log-level', 'check', 'convert'],
    ['-l', 'warn', '--log-file=x', 'convert'],
    ['help', 'convert'],
    ['h', 'convert'],
  ])
    assert.equal(called(...argv), 'convert', argv.join(' '));
  for (const argv of [[], ['-D'], ['--help'], ['help'], ['--version'], ['-l', 'warn']])
    assert.equal(called(...argv), undefined, argv.join(' '));
});

test('a command that does not exist is named, with those that do', () => {
  for (const argv of [
    ['chekc', 'ls'],
    ['-D', 'chekc'],
    ['help', 'chekc'],
  ])
    assert.equal(
      refused(...argv),
      'there is no command "chekc"; did you mean check? the commands are convert, check, ls',
    );
  assert.equal(
    refused('frobnicate'),
    'there is no command "frobnicate"; the commands are convert, check, ls',
  );
});

test('a command that other tools have is said to be missing, with what helps meanwhile', () => {
  assert.match(refused('export', '--source', 'a'), /^nydusify export is not supported yet; \w/);
});

test('help for a command is the flag that asks for it', () => {
  const flagged = (...argv: readonly string[]): readonly string[] => withHelpFlag(argv, GLOBAL_FLAGS);
  assert.deepEqual(flagged('help'), ['--help']);
  assert.deepEqual(flagged('-D', 'h', 'check'), ['check', '--help']);
  assert.deepEqual(flagged('check', 'help'), ['check', 'help']);
});
