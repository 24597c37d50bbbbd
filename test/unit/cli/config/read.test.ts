import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Command } from 'commander';
import { readConfigFile } from '../../../../src/cli/config/read.js';
import {
  addFlags,
  type FileSettings,
  type Flag,
  readFlags,
  rewriteArgv,
} from '../../../../src/cli/flags/flags.js';
import { UsageError } from '../../../../src/errors.js';
import { place, tempFolder } from '../../../support/temp-folder.js';

const flag = (name: string, more: Partial<Flag> = {}): Flag => ({
  name,
  type: 'string',
  group: 'G',
  help: 'h',
  ...more,
});
const GLOBAL = [flag('log-level', { default: 'info' }), flag('config'), flag('profile')];
const CONVERT = [
  ...GLOBAL,
  flag('platform', { overrules: ['all-platforms'] }),
  flag('all-platforms', { type: 'boolean', overrules: ['platform'] }),
  flag('concurrency', { default: '3' }),
  flag('fs-chunk-size', { alias: 'chunk-size' }),
  flag('merge-platform', { type: 'boolean' }),
  flag('ca'),
  flag('password', { secret: true }),
];
const CHECK = [
  ...GLOBAL,
  flag('platform'),
  flag('sample'),
  flag('report', { pair: true }),
  flag('diff', { type: 'boolean' }),
];
const COMMANDS = new Map([
  ['convert', CONVERT],
  ['plan', [...CONVERT, flag('json', { type: 'boolean' })]],
  ['check', CHECK],
  ['diff', GLOBAL],
]);

interface Run {
  readonly command?: string;
  readonly follows?: string;
  readonly profile?: string;
}

async function read(
  t: TestContext,
  text: string,
  { command = 'convert', follows, profile }: Run = {},
): Promise<FileSettings> {
  const path = await place(await tempFolder(t), 'nydusify.toml', text);
  return readConfigFile({ path, profile, command, follows, commands: COMMANDS, env: { HOME: '/home/me' } });
}

async function value(
  t: TestContext,
  text: string,
  name: string,
  run: Run = {},
): Promise<string | boolean | undefined> {
  return (await read(t, text, run)).of(name)?.value;
}

const LEVELS = `
platform = "top"
concurrency = 1
log-level = "warn"
[convert]
platform = "command"
concurrency = 2
merge-platform = true
[plan]
concurrency = 5
[profile.ci]
platform = "profile"
[profile.ci.convert]
merge-platform = false
`;

test('a profile counts before the table of the command, and that before the top', async (t) => {
  assert.equal(await value(t, LEVELS, 'platform'), 'command');
  assert.equal(await value(t, LEVELS, 'platform', { profile: 'ci' }), 'profile');
  assert.equal(await value(t, LEVELS, 'merge-platform', { profile: 'ci' }), false);
  assert.equal(await value(t, LEVELS, 'concurrency'), '2');
  assert.equal(await value(t, LEVELS, 'log-level'), 'warn');
  assert.equal(await value(t, LEVELS, 'platform', { command: 'check' }), 'top');
  assert.equal(await value(t, LEVELS, 'concurrency', { command: 'check' }), undefined);
});

test('plan has the defaults of convert, behind its own', async (t) => {
  const plan = { command: 'plan', follows: 'convert' };
  assert.equal(await value(t, LEVELS, 'concurrency', plan), '5');
  assert.equal(await value(t, LEVELS, 'platform', plan), 'command');
});

test('a setting knows its line and table', async (t) => {
  const { path, of } = await read(t, LEVELS, { profile: 'ci' });
  assert.match(path, /nydusify\.toml$/);
  assert.deepEqual(
    { ...of('merge-platform'), rank: 0 },
    { value: false, line: 14, table: 'profile.ci.convert', rank: 0 },
  );
  assert.equal(of('log-level')?.table, '');
});

test('the command line and the environment count before the file, the default after it', async (t) => {
  const file = await read(t, 'concurrency = 1\nplatform = "file"\nca = ""\n[convert]\nall-platforms = true');
  const values = (
    argv: readonly string[],
    env: Record<string, string> = {},
  ): ReturnType<typeof readFlags> => {
    const command = new Command('convert').exitOverride();
    addFlags(command, CONVERT);
    command.parse(rewriteArgv(argv, CONVERT), { from: 'user' });
    return readFlags(command, CONVERT, { env, upstream: false, file });
  };
  assert.equal(values([]).text('concurrency'), '1');
  assert.equal(values([]).isGiven('concurrency'), true);
  assert.equal(values([], { NYDUSIFY_CONCURRENCY: '2' }).text('concurrency'), '2');
  assert.equal(values(['--concurrency=4'], { NYDUSIFY_CONCURRENCY: '2' }).text('concurrency'), '4');
  assert.equal(values([]).text('log-level'), 'info');
  assert.equal(values([]).isGiven('ca'), false);
  // What a flag overrules does not come back from a place that counts less.
  assert.deepEqual([values([]).isOn('all-platforms'), values([]).text('platform')], [true, undefined]);
  const named = values(['--platform', 'mine']);
  assert.deepEqual([named.isOn('all-platforms'), named.text('platform')], [false, 'mine']);
  const off = values(['--all-platforms=false']);
  assert.deepEqual([off.isOn('all-platforms'), off.text('platform')], [false, 'file']);
});

test('numbers, lists, pairs, second names and the home folder become what would be typed', async (t) => {
  assert.equal(await value(t, 'fs-chunk-size = 0x100000', 'fs-chunk-size'), '1048576');
  assert.equal(await value(t, 'chunk-size = "1M"', 'fs-chunk-size'), '1M');
  assert.equal(
    await value(t, 'platform = ["linux/amd64", "linux/arm64"]', 'platform'),
    'linux/amd64,linux/arm64',
  );
  assert.equal(await value(t, 'ca = "~/ca.pem"', 'ca'), '/home/me/ca.pem');
  assert.equal(
    await value(t, '[check]\nreport = [["html", "a b.html"], ["json", "-"]]', 'report', { command: 'check' }),
    'html a b.html\njson -',
  );
});

test('a word that is a flag and a command is told apart by its value', async (t) => {
  assert.equal(await value(t, 'diff = true', 'diff', { command: 'check' }), true);
  assert.equal(await value(t, '[diff]\nlog-level = "warn"', 'log-level', { command: 'diff' }), 'warn');
});

test('registries are named as in references, and files lie beside the configuration', async (t) => {
  const { path, registries } = await read(
    t,
    '[registries."lan:5000"]\nplain-http = true\nca = ["a.pem", "/b.pem"]\n[registries."index.docker.io"]\nmirrors = "mirror.lan"',
  );
  const nothing = { plainHttp: false, insecure: false, ca: [], mirrors: [] };
  assert.deepEqual(registries, {
    'lan:5000': { ...nothing, plainHttp: true, ca: [join(path, '..', 'a.pem'), '/b.pem'] },
    'docker.io': { ...nothing, mirrors: ['https://mirror.lan/v2'] },
  });
});

test('what the file cannot mean is an error with a line and a column, and the word that may be meant', async (t) => {
  const cases: readonly (readonly [text: string, message: RegExp, hint?: RegExp])[] = [
    ['concurency = 4', /:1:1: unknown key "concurency"$/, /did you mean "concurrency"\?/],
    [
      '[convert]\nmerge_platform = true',
      /:2:1: unknown key "merge_platform" in \[convert\]$/,
      /"merge-platform"/,
    ],
    ['[convert]\nsample = "5%"', /:2:1: unknown key "sample" in \[convert\]$/],
    ['[chekc]\nsample = "5%"', /:1:1: unknown key "chekc"$/, /"check"/],
    [
      '[profile.ci.convert]\nplatfrom = "x"',
      /:2:1: unknown key "platfrom" in \[profile.ci.convert\]$/,
      /"platform"/,
    ],
    ['[profile.ci.registries."a.b"]\ninsecure = true', /:1:1: unknown key "registries" in \[profile.ci\]$/],
    [
      '\n[convert]\n  merge-platform = "yes"',
      /:3:20: merge-platform should be true or false, and is a text$/,
    ],
    [
      'concurrency = true',
      /:1:15: concurrency should be a text, a number, or a list of these, and is a boolean$/,
    ],
    ['platform = [["a"]]', /:1:12: platform should be .*, and is a list$/],
    ['platform = 2026-01-01', /:1:12: .* is a date$/],
    ['[check]\nreport = "html"', /:2:10: report should be a list of pairs of texts, and is a text$/],
    ['profile = "ci"', /:1:11: profile holds the profiles, each a table$/, /--profile NAME/],
    ['[profile]\nci = 1', /:2:6: profile "ci" should be a table, and is a number$/],
    ['config = "x"', /:1:1: "config" has no place in a configuration file$/],
    ['[convert]\npassword = "hunter2"', /:2:1: "password": secrets have no place/, /nydusify login/],
    ['registry-token = "hunter2"', /:1:1: "registry-token": secrets have no place/, /nydusify login/],
    ['registries = 1', /:1:14: registries should be a table, and is a number$/],
    ['[registries.nas]\ninsecure = true', /:1:1: "nas" is not a host/],
    [
      '[registries."a.b"]\nplain_http = true',
      /:2:1: unknown key "plain_http" in \[registries.a.b\]$/,
      /"plain-http"/,
    ],
    ['[registries."a.b"]\nplain-http = 1', /:2:14: plain-http should be true or false, and is a number$/],
    ['[registries."a.b"]\nca = [1]', /:2:6: ca should be a text or a list of texts, and is a list$/],
    ['[registries."a.b"]\nmirrors = ["ftp://x"]', /:2:11: .* neither http nor https$/],
    ['[registries."a.b"]\nmirrors = ["https://me:hunter2@x"]', /:2:11: .*holds a user and a password$/],
    ['a = 1\nb = "hunter2\n', /:2:\d+: this is no TOML$/],
    ['a = 1\na = 2', /:2:1: this is no TOML$/],
    ['concurrency = 99999999999999999999', /:1:15: this is no TOML$/],
  ];
  for (const [text, message, hint] of cases) {
    await assert.rejects(read(t, text), (error) => {
      assert.ok(error instanceof UsageError, text);
      assert.match(error.message, message);
      if (hint !== undefined) assert.match(error.hint ?? '', hint);
      assert.doesNotMatch(`${error.message}${error.hint ?? ''}${String(error.cause)}`, /hunter2/);
      return true;
    });
  }
});

test('a profile that is not there is an error that names those that are', async (t) => {
  for (const [profile, hint] of [
    ['c1', /did you mean "ci"\?/],
    ['nightly', /it has ci$/],
  ] as const)
    await assert.rejects(
      read(t, '[profile.ci]\nconcurrency = 1', { profile }),
      (error) => error instanceof UsageError && hint.test(error.hint ?? ''),
    );
});
