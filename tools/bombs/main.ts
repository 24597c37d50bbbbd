/** `npm run bombs [-- WORD]`: every bomb of the table, or those with the word in their name, and what each run took. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argumentsOf, BOMB_BUDGET, BOMBS } from '../../test/support/bombs/table.js';
import { type BombResult, runBomb } from '../../test/support/bombs/run.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { bombFaults } from '../../test/support/bombs/faults.js';

const word = process.argv[2] ?? '';
const rows: string[][] = [];
let broken = 0;
for (const bomb of BOMBS.filter(({ name }) => name.includes(word))) {
  for (const command of bomb.commands) {
    const folder = await mkdtemp(join(tmpdir(), 'bomb-'));
    const result = await runBomb(argumentsOf(bomb, command, await bomb.write(folder), folder), folder);
    const faults = bombFaults(result);
    if (faults.length > 0) broken++;
    for (const fault of faults) say(`BROKEN ${bomb.name}, ${command}: ${fault}`);
    const row = [bomb.name, command, ...figures(result)];
    say(row.join(', '));
    rows.push(row);
    await rm(folder, { recursive: true, force: true });
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function figures({ memory, disk, cpu, wall, exitCode, said }: BombResult): string[] {
  const mega = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const sentence = (said[0] ?? '').replace(/\/\S*\/bomb[^\s:/]*/g, '…').slice(0, 160);
  return [
    mega(memory),
    mega(disk),
    `${cpu.toFixed(1)} s`,
    `${wall.toFixed(1)} s`,
    String(exitCode),
    sentence,
  ];
}

const HEAD = ['input', 'command', 'memory', 'disk', 'CPU', 'time', 'exit', 'sentence'];
process.stdout.write(`${markdownTable(HEAD, rows)}\n`);
process.stderr.write(
  `${rows.length} runs, ${broken} beyond ${BOMB_BUDGET.memory / 2 ** 20} MiB or without a clear end\n`,
);
process.exitCode = broken === 0 ? 0 : 1;
