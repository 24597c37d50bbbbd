/** What `accelctl` shares with upstream's: its table and its flags. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGoFlags } from '../../../src/cli/upstream-tools/go-flags.js';
import { taskTable } from '../../../src/service/task-table.js';

test('the table is aligned by tabs to multiples of eight, and long cells are cut', () => {
  const id = '9637c77f-f478-42c8-a870-ae83a9eb930b';
  const created = '2026-11-30T14:42:10.453Z';
  const long = 's'.repeat(90);
  const rows = taskTable([
    { id, created, status: 'COMPLETED', source: 'r.example/a:1', reason: '' },
    { id, created, status: 'FAILED', source: long, reason: long },
  ]);
  const cut = `${'s'.repeat(80)}...`;
  assert.deepEqual(rows, [
    // 36 characters take five stops of eight, 19 take three, 9 take two, 83 take eleven.
    `ID${'\t'.repeat(5)}CREATED${'\t'.repeat(3)}STATUS${'\t'.repeat(2)}SOURCE${'\t'.repeat(11)}REASON`,
    `${id}\t2026-11-30 14:42:10\tCOMPLETED\tr.example/a:1${'\t'.repeat(10)}`,
    `${id}\t2026-11-30 14:42:10\tFAILED${'\t'.repeat(2)}${cut}\t${cut}`,
  ]);
  assert.deepEqual(taskTable([]), ['ID\tCREATED\tSTATUS\tSOURCE\tREASON']);
});

test('flags are read as Go reads them: before the first word, with one dash or two', () => {
  const read = (...argv: readonly string[]): unknown => {
    const { text, on, words } = parseGoFlags(argv, ['addr'], ['sync']);
    return [Object.fromEntries(text), [...on], words];
  };
  assert.deepEqual(read('--addr', 'h:1', '-sync', 'a', '--sync'), [
    { addr: 'h:1' },
    ['sync'],
    ['a', '--sync'],
  ]);
  assert.deepEqual(read('-addr=h:1', '--sync=false', '--', '-x'), [{ addr: 'h:1' }, [], ['-x']]);
  for (const [argv, sentence] of [
    [['--addr'], /flag needs an argument: -addr/],
    [['--other'], /flag provided but not defined: -other/],
    [['--sync=maybe'], /invalid boolean value "maybe" for -sync/],
  ] as const)
    assert.throws(() => parseGoFlags(argv, ['addr'], ['sync']), sentence);
});
