/** Reads every hint in the source: a user who follows it gets further. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { CAT } from '../../../../src/cli/commands/cat.js';
import { CHECK } from '../../../../src/cli/commands/check.js';
import { CONVERT } from '../../../../src/cli/commands/convert.js';
import { DIFF } from '../../../../src/cli/commands/diff.js';
import { DU } from '../../../../src/cli/commands/du.js';
import { INSPECT } from '../../../../src/cli/commands/inspect.js';
import { LS } from '../../../../src/cli/commands/ls.js';
import { PLAN } from '../../../../src/cli/commands/plan.js';
import { STAT } from '../../../../src/cli/commands/stat.js';
import { TREE } from '../../../../src/cli/commands/tree.js';
import { parseOwner, parsePort, parseTime, parseWords } from '../../../../src/cli/flags/build-values.js';
import { parseByteSize } from '../../../../src/cli/flags/byte-size.js';
import { GLOBAL_FLAGS } from '../../../../src/cli/flags/global.js';
import { parseGoDuration } from '../../../../src/cli/flags/push-retry.js';
import { isReportFormat } from '../../../../src/cli/report/report.js';
import { adviceText } from '../../../../src/cli/text/remedies.js';
import { parseRate } from '../../../../src/cli/text/units.js';
import { NydusError } from '../../../../src/errors.js';
import { parsePlatform } from '../../../../src/oci/platform.js';
import { sha256 } from '../../../../src/oci/digest.js';
import { parseLocation } from '../../../../src/registry/location.js';
import { entryNames, selectEntry } from '../../../../src/registry/stores/select-entry.js';
import { projectRoot } from '../../../support/project.js';

const COMMANDS = {
  cat: CAT,
  check: CHECK,
  convert: CONVERT,
  diff: DIFF,
  du: DU,
  inspect: INSPECT,
  ls: LS,
  plan: PLAN,
  stat: STAT,
  tree: TREE,
};
type Name = keyof typeof COMMANDS;

const SOURCE = join(projectRoot, 'src');
const FILES = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);
const TEXTS = new Map(FILES.map((name) => [name, readFileSync(join(SOURCE, name), 'utf8')]));

interface Hint {
  readonly file: string;
  /** `${…}` stands for what is filled in. */
  readonly text: string;
}

/** The texts of every property called `hint`, each branch of a condition by itself. */
function hintsIn(file: string, source: string): readonly Hint[] {
  const hints: Hint[] = [];
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.ES2022);
  const take = (node: ts.Node): void => {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node))
      hints.push({ file, text: node.text });
    else if (ts.isTemplateExpression(node)) {
      const parts = node.templateSpans.map(({ literal }) => `\${…}${literal.text}`);
      hints.push({ file, text: node.head.text + parts.join('') });
    } else if (ts.isConditionalExpression(node)) [node.whenTrue, node.whenFalse].forEach(take);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node) && node.name.getText(tree) === 'hint') take(node.initializer);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return hints;
}

const HINTS = [...TEXTS].flatMap(([file, source]) => hintsIn(file, source));

/** The commands that can print the hints of a file of `src/cli`. */
function commandsOf(file: string): readonly Name[] {
  const own = /^cli\/commands\/([a-z]+)\.ts$/.exec(file)?.[1];
  if (own !== undefined && own in COMMANDS) return [own as Name]; // just looked up
  return file === 'cli/flags/options.ts' || file === 'cli/flags/format.ts' ? ['convert', 'plan'] : [];
}

function flagNames(name: Name): readonly string[] {
  const declared = [...COMMANDS[name].flags, ...GLOBAL_FLAGS];
  return [
    'help',
    'version',
    ...declared.flatMap((flag) => [flag.name, ...(flag.alias === undefined ? [] : [flag.alias])]),
  ];
}

test('a hint is one line that ends without a full stop, and no list in it can be empty', () => {
  assert.ok(HINTS.length > 60, String(HINTS.length));
  for (const { file, text } of HINTS) {
    assert.match(text, /^\S[^\n]*[^\s.:]$/u, `${file}: ${text}`);
    // A list follows its colon or word as `${…}`; the source must have asked whether it is empty, or give a sentence instead.
    assert.doesNotMatch(text, /\(\s*\)|: *$|, *$/, `${file}: ${text}`);
  }
});

test('every flag and command in a hint is one that the command has', () => {
  for (const { file, text } of HINTS.filter((hint) => hint.file.startsWith('cli/'))) {
    for (const running of commandsOf(file)) {
      let command: Name = running;
      for (const [word, called, flag] of text.matchAll(/nydusify ([a-z]+)|--([a-z][a-z-]*)/g)) {
        if (called !== undefined) {
          assert.ok(called in COMMANDS, `${file}: ${word}`);
          command = called as Name; // just looked up
        }
        if (flag !== undefined)
          assert.ok(flagNames(command).includes(flag), `${file}: ${command} has no --${flag}`);
      }
    }
  }
});

test('every file and environment variable in a hint exists', () => {
  const source = [...TEXTS.values()].join('\n');
  for (const { file, text } of HINTS) {
    for (const [path] of text.matchAll(/\b(?:docs|README)[\w/-]*\.md\b/g))
      assert.ok(existsSync(join(projectRoot, path)), `${file}: ${path}`);
    // Words in capitals with a low line are variables; USER, HOST, FILE and the like stand for something.
    for (const [name] of text.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g))
      assert.ok(source.includes(`'${name}'`), `${file}: ${name} is not read anywhere`);
  }
});

function mustBe(good: (value: string) => boolean): (value: string) => void {
  return (value) => {
    assert.ok(good(value), value);
  };
}

/** The values that hints offer, with the parser that must take them. */
const OFFERED: readonly (readonly [RegExp, (value: string) => unknown])[] = [
  [/^write it as (0x\w+), (\d+) or (\w+)$/, (value) => parseByteSize('x', value)],
  [/^write it as (\S+), (\S+) or (1m30s)$/, parseGoDuration],
  [/^write it as (\d+:\d+)$/, parseOwner],
  [/^write it as (\d+), (\d+-\d+-\d+) or (\S+Z)$/, parseTime],
  [/^write it as (\[.*\])$/, (value) => parseWords('x', value)],
  [/^write it as (\d+), (\d+\/udp) or (\S+\/tcp)$/, parsePort],
  [/^write it as (\S+\/s) or (\S+\/s)$/, (value) => parseRate('x', value)],
  [/such as (linux\/\w+) or (linux\/\S+)$/, parsePlatform],
  [/^--report (\w+)=/, mustBe(isReportFormat)],
  [/^--sample (\d+)%$/, mustBe((value) => Number(value) > 0 && Number(value) <= 100)],
  [/^write it as (oci:\w+), (oci-archive:\w+) or (docker-archive:\w+)$/, parseLocation],
  [/write (oci-archive:FILE|docker-archive:FILE)/, parseLocation],
  [/^compression levels .*$/, () => undefined],
];

test('every value that a hint offers is one that works', () => {
  const unused = new Set(OFFERED.slice(0, -1).map(([pattern]) => pattern));
  for (const { file, text } of HINTS) {
    for (const [pattern, parse] of OFFERED) {
      const match = pattern.exec(text);
      if (match === null) continue;
      unused.delete(pattern);
      for (const value of match.slice(1)) assert.doesNotThrow(() => parse(value), `${file}: ${value}`);
    }
    if (/write it as/.test(text) && !text.includes('${…}'))
      assert.ok(
        OFFERED.some(([pattern]) => pattern.test(text)),
        `${file}: no parser for: ${text}`,
      );
  }
  assert.deepEqual([...unused], []);
});

test('a hint that lists what is there lists words that choose it, or says that there is nothing', () => {
  const entry = (content: string, name?: string): Parameters<typeof selectEntry>[0][number] => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: sha256(content),
    size: 1,
    raw: {},
    ...(name === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': name } }),
  });
  const hintOf = (call: () => unknown): string => {
    try {
      call();
    } catch (error) {
      assert.ok(error instanceof NydusError);
      return error.hint ?? '';
    }
    return assert.fail('it chose one');
  };
  for (const entries of [
    [entry('a', '1'), entry('b', '1')],
    [entry('a'), entry('b')],
    [entry('a', '1'), entry('b', '2'), entry('c')],
  ]) {
    const hint = hintOf(() => selectEntry(entries, {}, 'it', entryNames));
    const words = (hint.split(': ')[1] ?? '').split(', ').map((word) => word.replace(/ \(.*\)$/, ''));
    assert.equal(words.length, entries.length);
    for (const [i, name] of words.entries())
      assert.equal(selectEntry(entries, { name }, 'it', entryNames), entries[i], hint);
  }
  assert.equal(
    hintOf(() => selectEntry([], {}, 'it', entryNames)),
    'its index is empty',
  );
  for (const [name, { flags }] of Object.entries(COMMANDS))
    assert.doesNotMatch(
      adviceText({ remedy: { kind: 'choose-platform', available: [] } }, { name, flags }) ?? ': ',
      /: ?$/,
    );
});
