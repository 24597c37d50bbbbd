/** Words that fit at the end of a command line follow from the tables of commands and flags. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CliContext } from '../../../../src/cli/context.js';
import { GLOBAL_FLAGS } from '../../../../src/cli/flags/global.js';
import { FLAGS_OF } from '../../../../src/cli/flags/tables.js';
import { main } from '../../../../src/cli/main.js';

async function answer(...words: readonly string[]): Promise<readonly string[]> {
  let [out, err] = ['', ''];
  const context: CliContext = {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    // A configuration that cannot be read must not take completion away.
    env: { NYDUSIFY_CONFIG: '/nonexistent/nydusify.toml' },
    columns: 80,
    signal: new AbortController().signal,
    exitCode: 0,
  };
  assert.equal(await main(['completion', 'words', '--', ...words], context), 0, err);
  return out
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t')[0] ?? '');
}

test('commands are offered until one is given, also behind flags of the program', async () => {
  assert.deepEqual(await answer('co'), ['words', 'convert', 'copy', 'commit', 'completion']);
  assert.deepEqual(await answer('--log-level', 'warn', '-D', 'con'), ['words', 'convert']);
  assert.deepEqual(await answer('help', 'con'), ['words', 'convert']);
  assert.deepEqual(await answer('he'), ['words', 'help']);
  assert.deepEqual(await answer('convert', 'con'), ['words']);
  assert.deepEqual(await answer('completion', 'f'), ['words', 'fish']);
});

test('flags of the command and of the program are offered, but no hidden ones and none twice', async () => {
  for (const [command, flags] of Object.entries(FLAGS_OF)) {
    const shown = [...flags, ...GLOBAL_FLAGS].filter(({ hidden }) => hidden !== true);
    assert.deepEqual(await answer(command, '--'), [
      'words',
      ...shown.map(({ name }) => `--${name}`),
      '--help',
    ]);
  }
  assert.deepEqual(await answer('--ver'), ['words', '--verbose', '--version']);
  assert.deepEqual(await answer('convert', '--oci', '--oci-r'), ['words', '--oci-ref']);
  assert.deepEqual(await answer('convert', '--with-referrer', '--with'), ['words']);
  assert.deepEqual(await answer('check', '--report', 'html', 'x', '--repo'), ['words', '--report']);
  assert.deepEqual(await answer('pack', '--env', 'A=1', '--env', 'B=2', '--en'), [
    'words',
    '--entrypoint',
    '--env',
  ]);
  assert.deepEqual(await answer('convert', '--', '--oc'), ['words']);
});

test('values that are known are offered in every form that a flag can be written in', async () => {
  const forms = ['auto', 'tty', 'plain', 'json', 'none'];
  assert.deepEqual(await answer('convert', '--progress', ''), ['words', ...forms]);
  assert.deepEqual(await answer('convert', '--progress=pl'), ['words', '--progress=plain']);
  assert.deepEqual(await answer('convert', '-progress=pl'), ['words', '-progress=plain']);
  assert.deepEqual(await answer('-l', 'w'), ['words', 'warn']);
  assert.deepEqual(await answer('convert', '--threads', ''), ['words']);
  assert.deepEqual(await answer('convert', '--oci='), ['words']);
});

test('a path is left to the shell, with the place where it begins', async () => {
  assert.deepEqual(await answer('convert', '--log-file', 'a'), ['files 0']);
  assert.deepEqual(await answer('convert', '--log-file=a'), ['files 11']);
  assert.deepEqual(await answer('convert', '--work-dir', ''), ['folders 0']);
  assert.deepEqual(await answer('convert', '--ca', 'one.pem,tw'), ['files 8']);
  assert.deepEqual(await answer('check', '--report', ''), ['words', 'json', 'html', 'markdown', 'junit']);
  assert.deepEqual(await answer('check', '--report', 'html', ''), ['files 0']);
  assert.deepEqual(await answer('check', '--report=html', ''), ['files 0']);
  assert.deepEqual(await answer('inspect', ''), ['files 0']);
  for (const name of ['build', 'pack']) assert.deepEqual(await answer(name, ''), ['folders 0']);
  assert.deepEqual(await answer('ls', 'oci:bu'), ['folders 4']);
  assert.deepEqual(await answer('ls', 'docker-archive:'), ['files 15']);
  assert.deepEqual(await answer('ls', 'registry.example/'), ['words']);
});

test('the mark of the script for PowerShell keeps a last word that is empty', async () => {
  assert.deepEqual(await answer('completion', '='), await answer('completion', ''));
});

test('every flag with a value says which: closed, a path, or named after what it holds', () => {
  for (const [command, flags] of Object.entries({ ...FLAGS_OF, '': GLOBAL_FLAGS }))
    for (const { name, type, value, choices, hidden, default: preset } of flags) {
      if (type === 'boolean' || hidden === true) continue;
      assert.ok(value !== undefined && value !== 'path', `${command} --${name} <${value ?? ''}>`);
      if (choices !== undefined && preset !== undefined)
        assert.ok(choices.includes(preset), `${command} --${name}: the default is one of the choices`);
    }
});
