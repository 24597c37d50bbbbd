import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { UsageError } from '../../../../src/errors.js';
import {
  addFlags,
  type Flag,
  type FlagValues,
  readFlags,
  rewriteArgv,
} from '../../../../src/cli/flags/flags.js';

const FLAGS: readonly Flag[] = [
  { name: 'source', type: 'string', env: 'SOURCE', group: 'G', help: 'h' },
  { name: 'size', alias: 'chunk-size', type: 'string', default: '7', group: 'G', help: 'h' },
  { name: 'oci', type: 'boolean', env: 'OCI', group: 'G', help: 'h' },
  { name: 'debug', short: 'D', type: 'boolean', group: 'G', help: 'h' },
];

function parse(
  argv: readonly string[],
  env: Record<string, string> = {},
): FlagValues & { readonly args?: never } {
  const command = new Command('x')
    .exitOverride()
    .argument('[a]')
    .configureOutput({ outputError: () => undefined });
  addFlags(command, FLAGS);
  command.parse(rewriteArgv(argv, FLAGS), { from: 'user' });
  return readFlags(command, FLAGS, { env, upstream: command.args.length === 0 });
}

test('a value comes from the command line, else the environment, else the default', () => {
  assert.equal(parse(['--source', 'a'], { SOURCE: 'b' }).text('source'), 'a');
  assert.equal(parse([], { SOURCE: 'b' }).text('source'), 'b');
  assert.equal(parse([]).text('source'), undefined);
  assert.equal(parse([]).text('size'), '7');
  assert.equal(parse([]).isGiven('size'), false);
  assert.equal(parse(['--chunk-size=9']).text('size'), '9');
});

test('booleans take the words of Go, on the command line and in the environment', () => {
  for (const word of ['1', 't', 'T', 'TRUE', 'true', 'True']) {
    assert.equal(parse([`--oci=${word}`]).isOn('oci'), true);
    assert.equal(parse([], { OCI: word }).isOn('oci'), true);
  }
  for (const word of ['0', 'f', 'F', 'FALSE', 'false', 'False']) {
    assert.equal(parse([`--oci=${word}`], { OCI: 'true' }).choice('oci'), false);
    assert.equal(parse([], { OCI: word }).choice('oci'), false);
  }
  assert.equal(parse([]).choice('oci'), undefined);
  assert.equal(parse([], { OCI: '' }).choice('oci'), undefined);
  assert.throws(
    () => parse([], { OCI: 'yes' }),
    (error) => error instanceof UsageError && error.message.includes('OCI'),
  );
  assert.throws(() => parse(['--oci=yes']), UsageError);
});

test('one dash is enough, as in Go', () => {
  assert.equal(parse(['-source', 'a']).text('source'), 'a');
  assert.equal(parse(['-source=a']).text('source'), 'a');
  assert.equal(parse(['-D']).isOn('debug'), true);
});

test('what follows a flag that takes a value is its value, and nothing behind two dashes is a flag', () => {
  assert.equal(parse(['--source', '--oci']).text('source'), '--oci');
  assert.equal(parse(['--', '--oci']).isOn('oci'), false);
});

test('numbers and choices are checked', () => {
  assert.equal(parse(['--size', '12']).number('size'), 12);
  assert.throws(() => parse(['--size', '1x']).number('size'), UsageError);
  assert.equal(parse(['--size', 'a']).oneOf('size', ['a', 'b']), 'a');
  assert.throws(
    () => parse(['--size', 'c']).oneOf('size', ['a', 'b']),
    (error) => error instanceof UsageError && error.message.includes('[a b]'),
  );
});
