/** The library names no flag, and every remedy's sentence names only flags that the running command has. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { CHECK_FLAGS } from '../../../../src/cli/flags/check.js';
import { CONVERT_FLAGS, PLAN_FLAGS } from '../../../../src/cli/flags/convert.js';
import { LOGIN_FLAGS, LOGOUT_FLAGS } from '../../../../src/cli/flags/login.js';
import { GLOBAL_FLAGS } from '../../../../src/cli/flags/global.js';
import {
  CAT_FLAGS,
  DIFF_FLAGS,
  DU_FLAGS,
  INSPECT_FLAGS,
  LS_FLAGS,
  STAT_FLAGS,
  TREE_FLAGS,
} from '../../../../src/cli/flags/look.js';
import { adviceText, remedyText, withAdvice, withHints } from '../../../../src/cli/text/remedies.js';
import type { Remedy } from '../../../../src/remedy.js';
import type { ConvertEvent } from '../../../../src/reporter.js';
import { projectRoot } from '../../../support/project.js';

const COMMANDS = {
  convert: CONVERT_FLAGS,
  plan: PLAN_FLAGS,
  check: CHECK_FLAGS,
  inspect: INSPECT_FLAGS,
  ls: LS_FLAGS,
  cat: CAT_FLAGS,
  stat: STAT_FLAGS,
  tree: TREE_FLAGS,
  du: DU_FLAGS,
  diff: DIFF_FLAGS,
  login: LOGIN_FLAGS,
  logout: LOGOUT_FLAGS,
} as const;
type Name = keyof typeof COMMANDS;

/** Every kind, in every form; a new kind does not compile until it stands here. */
const REMEDIES: { readonly [K in Remedy['kind']]: readonly Extract<Remedy, { readonly kind: K }>[] } = {
  'trust-ca': [{ kind: 'trust-ca' }],
  'new-certificate': (['expired', 'not-yet-valid', 'other-name', 'unfit'] as const).map((because) => ({
    kind: 'new-certificate',
    because,
  })),
  'trust-roots': [{ kind: 'trust-roots' }],
  'client-certificate': [{ kind: 'client-certificate', host: 'h:1' }],
  'plain-http': [{ kind: 'plain-http' }, { kind: 'plain-http', triedPort: 443 }],
  login: [true, false].map((stored) => ({ kind: 'login', host: 'h:1', searched: 'a file', stored })),
  'allow-host': [{ kind: 'allow-host', host: 'h' }],
  'bypass-proxy': [{ kind: 'bypass-proxy', host: 'h' }],
  'proxy-login': [{ kind: 'proxy-login' }],
  'work-dir': [{ kind: 'work-dir' }],
  'choose-platform': [
    { kind: 'choose-platform', available: [] },
    { kind: 'choose-platform', available: ['linux/amd64'] },
  ],
  'allow-missing-platforms': [{ kind: 'allow-missing-platforms' }],
  'choose-half': [
    { kind: 'choose-half', missing: 'oci' },
    { kind: 'choose-half', missing: 'nydus' },
  ],
  'chunk-size': [{ kind: 'chunk-size', usual: 0x100000 }],
  'index-marks': [
    { kind: 'index-marks', marks: 'dual' },
    { kind: 'index-marks', marks: 'artifact-type', unlessKnown: true },
  ],
  'omit-subject': [{ kind: 'omit-subject' }, { kind: 'omit-subject', unlessKnown: true }],
  'omit-merging': [{ kind: 'omit-merging' }],
  'convert-original': [{ kind: 'convert-original' }],
  'omit-flatten': [{ kind: 'omit-flatten' }],
  'dedup-layer': [{ kind: 'dedup-layer' }],
  'isolate-half': [{ kind: 'isolate-half' }],
  'keep-manifests': [{ kind: 'keep-manifests' }],
  'keep-attestations': [{ kind: 'keep-attestations' }],
  'check-image': [{ kind: 'check-image' }],
  'give-source': [{ kind: 'give-source' }],
  'replay-clients': [{ kind: 'replay-clients' }],
  'raise-limit': (['maxEntries', 'maxMetadata', 'maxDisk', 'maxExpansion'] as const).map((limit) => ({
    kind: 'raise-limit',
    limit,
  })),
  'rebuild-layers': [{ kind: 'rebuild-layers' }],
  'squash-layers': [{ kind: 'squash-layers' }],
  'report-bug': [{ kind: 'report-bug' }],
};

/** Flags of the program itself. */
const OF_PROGRAM = ['version', 'help', ...GLOBAL_FLAGS.map(({ name }) => name)];

/** The flags that a sentence names, each with the command that it belongs to: the one named before it, else the running one. */
function* flagsIn(sentence: string, running: Name): Generator<readonly [Name, string]> {
  let command = running;
  for (const [word, called, flag] of sentence.matchAll(/nydusify ([a-z]+)|--([a-z][a-z-]*)/g)) {
    if (called !== undefined) {
      assert.ok(called in COMMANDS, `${word} is no command`);
      command = called as Name; // checked above
    }
    if (flag !== undefined) yield [command, flag];
  }
}

test('every flag that a remedy names is one of the command', () => {
  for (const [name, flags] of Object.entries(COMMANDS) as [Name, (typeof COMMANDS)[Name]][]) {
    for (const remedy of Object.values(REMEDIES).flat()) {
      for (const side of [undefined, 'source', 'target'] as const) {
        const sentence = remedyText(remedy, side, { name, flags });
        assert.match(sentence, /^[^\n]+[^.\n]$/);
        for (const [command, flag] of flagsIn(sentence, name)) {
          const known = [...COMMANDS[command].map((one) => one.name), ...OF_PROGRAM];
          assert.ok(
            known.includes(flag),
            `${name}, ${remedy.kind}: ${command} has no --${flag}: ${sentence}`,
          );
        }
      }
    }
  }
});

test('a side has the flag of its own, a command with one side the only one', () => {
  const trust = { kind: 'trust-ca' } as const;
  const convert = { name: 'convert', flags: CONVERT_FLAGS };
  assert.match(remedyText(trust, 'source', convert), /--ca FILE.*--source-insecure$/);
  assert.match(remedyText(trust, 'target', convert), /--ca FILE.*--target-insecure$/);
  assert.match(remedyText(trust, 'source', { name: 'ls', flags: LS_FLAGS }), /--ca FILE.*--insecure$/);
});

test('only commands with temporary files of their own are sent to --work-dir', () => {
  const text = (name: Name): string =>
    remedyText({ kind: 'work-dir' }, undefined, { name, flags: COMMANDS[name] });
  assert.match(text('convert'), /--work-dir/);
  for (const name of ['check', 'ls'] as const) assert.doesNotMatch(text(name), /--/);
});

test('advice is the remedy and then the hint, in errors, warnings and findings', () => {
  const command = { name: 'convert', flags: CONVERT_FLAGS };
  const remedy = { kind: 'omit-merging' } as const;
  assert.equal(adviceText({}, command), undefined);
  assert.equal(adviceText({ hint: 'b', remedy }, command), 'convert without --merge-platform; b');
  const events: ConvertEvent[] = [];
  const reporter = withAdvice({ emit: (event) => events.push(event) }, command);
  reporter.emit({ type: 'warning', code: 'X', message: 'left out', remedy: { kind: 'keep-attestations' } });
  reporter.emit({ type: 'warning', code: 'X', message: 'as it is' });
  assert.deepEqual(
    events.map((event) => (event.type === 'warning' ? event.message : '')),
    ['left out; --keep-attestations keeps them', 'as it is'],
  );
  const found = { id: 'X', severity: 'error', where: {}, message: 'bad' } as const;
  const [plain, hinted] = withHints([found, { ...found, remedy }], command);
  assert.deepEqual(plain, found);
  assert.deepEqual(hinted, { ...found, hint: 'convert without --merge-platform' });
});

/** Flags of other programs: what those do with an index, how packages come to lack the addon, and how nydusd is called. */
const OF_OTHER_PROGRAMS: ReadonlySet<string> = new Set([
  '--all copies the whole index, in some versions without artifactType', // skopeo copy
  'without --platform the whole index', // crane pull
  'npm leaves it out with --omit=optional and with a lock file of another platform: install without, or run `',
  ...['--config', '--mountpoint', '--bootstrap', '--apisock', '--log-level'], // nydusd
]);

/** Custom properties of a style sheet begin as flags do. */
const CUSTOM_PROPERTY = /var\(--[a-z-]+\)|--[a-z-]+: #[0-9a-f]{6};/g;

test('no text of the library names a flag or a command', () => {
  const src = join(projectRoot, 'src');
  const faults: string[] = [];
  for (const name of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.startsWith('cli/')) continue;
    const file = ts.createSourceFile(name, readFileSync(join(src, name), 'utf8'), ts.ScriptTarget.ES2022);
    const visit = (node: ts.Node): void => {
      const isText =
        ts.isStringLiteral(node) ||
        ts.isNoSubstitutionTemplateLiteral(node) ||
        ts.isTemplateHead(node) ||
        ts.isTemplateMiddle(node) ||
        ts.isTemplateTail(node);
      const named =
        isText &&
        /(?:^|[^a-z0-9-])--[a-z]|\bnydusify (?:[a-z]+ |--)|\bdocker login\b/.test(
          node.text.replaceAll(CUSTOM_PROPERTY, ''),
        );
      if (named && !OF_OTHER_PROGRAMS.has(node.text)) faults.push(`${name}: ${node.text}`);
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  assert.deepEqual(faults, []);
});
