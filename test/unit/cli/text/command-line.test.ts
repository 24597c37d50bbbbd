/** The command line in a report tells no secret. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS } from '../../../../src/cli/command-list.js';
import { FLAGS_OF } from '../../../../src/cli/flags/tables.js';
import { commandLine } from '../../../../src/cli/text/command-line.js';

const FLAGS = FLAGS_OF['check'] ?? [];

test('a command line is told as a shell takes it', () => {
  const argv = [
    'check',
    '--report',
    'html=my check.html',
    '--sample=5%',
    '-q',
    'host:5000/a@sha256:00',
    "it's",
  ];
  assert.equal(
    commandLine(argv, FLAGS),
    "nydusify check --report 'html=my check.html' --sample=5% -q host:5000/a@sha256:00 'it'\\''s'",
  );
});

test('passwords, tokens and signatures are told nowhere, in whatever form they are typed', () => {
  const secret = 's3cr3t-w0rd';
  const lines: readonly (readonly string[])[] = [
    ['--target', `https://me:${secret}@host/app:1`],
    [`--target=me:${secret}@host/app:1`],
    [`me:${secret}@host/app:1`],
    [`https://host/app?X-Signature=${secret}`],
    [`--target-backend-config={"access_key_secret":"${secret}"}`],
    ['--target-backend-config', `{"access_key_secret":"${secret}"}`],
    ['--password', secret],
    [`--password=${secret}`],
    [`-password=${secret}`],
    ['--api-token', secret],
    ['--registry-auth', `token=${secret}`],
    [`--header=password=${secret}`],
  ];
  for (const line of lines) {
    const shown = commandLine(['check', ...line], FLAGS);
    assert.ok(!shown.includes(secret), shown);
    assert.ok(shown.includes('REDACTED') || shown.endsWith('https://host/app:1'), shown);
  }
  const login = FLAGS_OF['login'] ?? [];
  for (const line of [['-p', secret], [`-p${secret}`], [`-p=${secret}`]])
    assert.ok(!commandLine(['login', ...line], login).includes(secret), line.join(' '));
  assert.equal(
    commandLine(['login', '-u', 'me', '--password-stdin', 'host'], login),
    'nydusify login -u me --password-stdin host',
  );
});

test('every flag that is declared secret hides its value', () => {
  for (const { name } of COMMANDS) {
    const flags = FLAGS_OF[name] ?? [];
    for (const flag of flags.filter(({ secret }) => secret === true)) {
      const forms = [[`--${flag.name}`, 'hush'], [`--${flag.name}=hush`], [`-${flag.name}`, 'hush']];
      for (const form of forms) assert.doesNotMatch(commandLine([name, ...form], flags), /hush/);
    }
  }
});
