/** The help fits the terminal, and its examples are command lines that the program takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CliContext } from '../../../src/cli/context.js';
import { COMMANDS, PROGRAM } from '../../../src/cli/command-list.js';
import { main } from '../../../src/cli/main.js';
import { helpBlocks, wrappedHelp } from '../../../src/cli/text/help-text.js';

async function run(
  argv: readonly string[],
  columns = 80,
): Promise<{ readonly code: number; readonly text: string }> {
  let text = '';
  const context: CliContext = {
    stdout: { write: (part) => (text += part) },
    stderr: { write: (part) => (text += part) },
    env: {},
    columns,
    signal: new AbortController().signal,
    exitCode: 0,
  };
  return { code: await main(argv, context), text };
}

/** Command lines of the examples, without what stands before and behind them in the pipe. */
function commandLines(examples: string): readonly string[] {
  return helpBlocks(examples)
    .filter(({ kind }) => kind === 'examples')
    .flatMap(({ lines }) => lines)
    .flatMap((line) => /\$ (?:.*\| )?nydusify (.*)$/.exec(line)?.[1] ?? [])
    .map((line) => line.replace(/ (?:[|>]| {2,}).*$/, ''));
}

test('every example is a command line that the command takes', async () => {
  const tables = await Promise.all(COMMANDS.map(({ load }) => load()));
  for (const { examples } of [PROGRAM, ...tables]) {
    const lines = commandLines(examples);
    assert.ok(lines.length > 0);
    for (const line of lines) {
      const { code, text } = await run([...line.split(' '), '--print-config']);
      assert.equal(code, 0, `nydusify ${line}: ${text}`);
      const table = tables[COMMANDS.findIndex(({ name }) => name === line.split(' ')[0])];
      const needed = table?.words.filter(([word]) => word.startsWith('<')).length ?? 0;
      assert.ok(
        line
          .split(' ')
          .slice(1)
          .filter((word) => !word.startsWith('-')).length >= needed,
        line,
      );
    }
  }
});

test('lines of the help fit the terminal, but for command lines and columns', async () => {
  const tables = await Promise.all(
    COMMANDS.map(async ({ name, load }) => ({ argv: [name, '--help'], text: (await load()).examples })),
  );
  for (const columns of [60, 80, 160])
    for (const { argv, text } of [{ argv: ['--help'], text: PROGRAM.examples }, ...tables]) {
      const kept = helpBlocks(text).flatMap(({ kind, lines }) => (kind === 'prose' ? [] : lines));
      const shown = (await run(argv, columns)).text.split('\n');
      const tooLong = shown.filter((line) => line.length > columns && !kept.includes(line));
      assert.deepEqual(tooLong, [], `${argv.join(' ')} at ${columns}`);
    }
});

test('prose is filled, examples and columns keep their lines', () => {
  const text = 'one two\nthree four\n\na  b\nc  d\n\nExamples:\n  $ nydusify ls a b c d e f\n';
  assert.equal(
    wrappedHelp(text, 10),
    '\none two\nthree four\n\na  b\nc  d\n\nExamples:\n  $ nydusify ls a b c d e f',
  );
  assert.equal(wrappedHelp('one two\nthree', 80), '\none two three');
});
