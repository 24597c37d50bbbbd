/** Every command and flag of upstream's help is called here as its row of docs/upstream.md says. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CliContext } from '../../../src/cli/context.js';
import { main } from '../../../src/cli/main.js';
import {
  COMMANDS,
  GLOBAL,
  type UpstreamCommand,
  type UpstreamFlag,
} from '../../../tools/docs/upstream/surface.js';
import { tempFolder } from '../../support/temp-folder.js';
import { refusalOfCommand } from '../../../tools/docs/upstream/page.js';

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function call(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Answer> {
  let [out, err] = ['', ''];
  const context: CliContext = {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env,
    columns: 80,
    signal: new AbortController().signal,
    exitCode: 0,
  };
  const code = await main(argv, context);
  return { code, out, err };
}

/** A flag as `--print-config` shows it, which reads all flags and does nothing. */
interface Shown {
  readonly name: string;
  readonly value: string;
  /** `command line`, `default`, `not set`, or a variable. */
  readonly from: string;
}

async function shown(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly Shown[]> {
  const { code, out, err } = await call([...argv, '--print-config'], env);
  assert.equal(code, 0, `${argv.join(' ')}: ${err}`);
  return out.split('\n').flatMap((line) => {
    const [, name, value, from] = /^(\S+) {2,}(.*\S) {2,}(\S.*\S) *$/.exec(line) ?? [];
    return name === undefined || value === undefined || from === undefined ? [] : [{ name, value, from }];
  });
}

const dashed = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);
const valueOf = ({ type }: UpstreamFlag): string => (type === 'boolean' ? 'true' : '7');

/** The flags whose values come from what was given. */
function given(flags: readonly Shown[], from: RegExp): readonly Shown[] {
  return flags.filter((flag) => from.test(flag.from));
}

const TYPED = /^command line$/;
const READ = /^\$/;

async function takes({ words }: UpstreamCommand, flag: UpstreamFlag): Promise<void> {
  const value = valueOf(flag);
  for (const name of [flag.name, ...flag.aliases]) {
    const argv = flag.type === 'boolean' ? [dashed(name)] : [dashed(name), value];
    const [one, ...others] = given(await shown([...words, ...argv]), TYPED);
    assert.deepEqual(others, [], `${words.join(' ')} ${argv.join(' ')}`);
    assert.ok(one !== undefined, `${words.join(' ')} ${argv.join(' ')} gives no flag a value`);
    assert.ok([value, 'REDACTED'].includes(one.value), `${argv.join(' ')}: ${one.value}`);
  }
  if (flag.variable === undefined) return;
  const read = given(await shown(words, { [flag.variable]: value }), READ);
  const names = read.map(({ name }) => name);
  assert.ok(names.length > 0, `${words.join(' ')}: $${flag.variable} is not read`);
  assert.ok(read.every(({ from }) => from === `$${flag.variable ?? ''}`));
}

for (const command of COMMANDS) {
  const { name, alias, words, flags, beside = [] } = command;
  const refusal = refusalOfCommand(command);
  const called = [...(alias === undefined ? [] : [[alias]]), words];
  if (refusal !== undefined) {
    test(`upstream's ${name} is refused with one sentence, by each of its names`, async () => {
      for (const argv of called) {
        const { code, err } = await call([...argv, '--target', 'a']);
        assert.equal(code, 2);
        assert.match(err, /^error: nydusify [a-z]+ is not supported yet\nhint: [^\n]+\n$/);
      }
    });
    continue;
  }
  test(`every flag, name and variable of upstream's ${name} is taken`, async () => {
    for (const argv of called) assert.equal((await call([...argv, '--help'])).code, 0, argv.join(' '));
    for (const flag of flags) if (flag.state.kind !== 'refused') await takes(command, flag);
  });
  test(`the flags of upstream's ${name} that change nothing or are refused say so`, async (t) => {
    const list = join(await tempFolder(t), 'list.txt');
    await writeFile(list, '/etc/passwd\n');
    for (const flag of flags) {
      const { state } = flag;
      if (state.kind !== 'noted' && state.kind !== 'refused') continue;
      const images = [
        '--source',
        'oci:/nowhere:1',
        '--sources',
        'oci:/nowhere:1',
        '--target',
        'oci:/nowhere:2',
      ];
      const known = images.filter((word, at, all) =>
        flags.some((one) => `--${one.name}` === word || `--${one.name}` === all[at - 1]),
      );
      const rest = flags.some((one) => one.name === 'prefetch-files') ? ['--prefetch-files', list] : [];
      const own = flag.type === 'boolean' ? [`--${flag.name}`] : [`--${flag.name}`, '7'];
      const { code, err } = await call([...words, ...known, ...rest, ...beside, ...own]);
      const said = state.kind === 'noted' ? `note: --${flag.name} ${state.note}\n` : state.sentence;
      const told = err.replaceAll('\nhint: ', '; ');
      assert.ok(told.includes(said), `${name} --${flag.name}: ${err}`);
      assert.equal(code === 2, state.kind === 'refused', err);
    }
  });
}

test("upstream's flags of the program are taken before a command and behind it", async () => {
  for (const flag of GLOBAL) {
    const value = flag.name === 'log-file' ? '/dev/null' : flag.name === 'log-level' ? 'warn' : 'true';
    for (const name of [flag.name, ...flag.aliases]) {
      const argv = flag.type === 'boolean' ? [dashed(name)] : [dashed(name), value];
      for (const line of [
        [...argv, 'check'],
        ['check', ...argv],
      ])
        assert.deepEqual(
          given(await shown(line), TYPED).map((one) => one.name),
          [flag.name],
          line.join(' '),
        );
    }
    const read = given(await shown(['check'], { [flag.variable ?? '']: value }), READ);
    assert.deepEqual(
      read.map(({ from }) => from),
      [`$${flag.variable ?? ''}`],
    );
  }
});
