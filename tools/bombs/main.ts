/**
 * `npm run bombs [-- WORD] [--command NAME] [--signals] [--write]`: every bomb, or those with the word in their name, and what each run
 * took. With `--signals` every run comes a second time, and gets a signal before its end. `--write` puts the table into docs/bombs.md.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { argumentsOf } from '../../test/support/bombs/bomb.js';
import { BOMBS } from '../../test/support/bombs/all.js';
import { type BombResult, runBomb, type Stop } from '../../test/support/bombs/run.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { BOMB_BUDGET, bombFaults, stopFaults } from '../../test/support/bombs/faults.js';
import { writePageSection } from '../docs/page-section.js';
import { soundImage } from '../../test/support/bombs/sound-image.js';
import { say } from '../say.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    command: { type: 'string' },
    signals: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const word = positionals[0] ?? '';
const rows: string[][] = [];
let broken = 0;
let inputs = 0;
/** Where in a run the signal comes, as a part of the time that the run took without one. */
const MOMENTS = [0.3, 0.5, 0.7, 0.9] as const;

const place = await mkdtemp(join(tmpdir(), 'bombs-'));
const sound = await soundImage(join(place, 'sound'));
for (const bomb of BOMBS.filter(({ name }) => name.includes(word))) {
  const folder = await mkdtemp(join(place, 'bomb-'));
  const from = await bomb.write(folder);
  inputs++;
  for (const command of bomb.commands) {
    if (values.command !== undefined && command !== values.command) continue;
    const args = argumentsOf(bomb, command, { from, folder, sound });
    const result = await runBomb(args, folder);
    await rm(join(folder, 'target'), { recursive: true, force: true });
    report(bomb.name, command, result, bombFaults(result));
    if (values.signals) await signalled(bomb.name, command, { args, folder, wall: result.wall });
  }
  await rm(folder, { recursive: true, force: true });
}
await rm(place, { recursive: true, force: true });

async function signalled(
  name: string,
  command: string,
  {
    args,
    folder,
    wall,
  }: { readonly args: readonly string[]; readonly folder: string; readonly wall: number },
): Promise<void> {
  const at = rows.length;
  const stop: Stop = {
    signal: at % 2 === 0 ? 'SIGINT' : 'SIGTERM',
    after: wall * (MOMENTS[at % MOMENTS.length] ?? 0.5),
  };
  const result = await runBomb(args, folder, stop);
  await rm(join(folder, 'target'), { recursive: true, force: true });
  const faults = stopFaults(result);
  const ended = result.stopped === undefined ? 'had ended' : `${(result.stopped * 1000).toFixed(0)} ms`;
  if (faults.length > 0) broken++;
  say(
    `${faults.length > 0 ? 'BROKEN ' : ''}${name}, ${command}: ${stop.signal} after ${stop.after.toFixed(2)} s: ${ended}`,
  );
  rows.at(-1)?.push(ended);
}

function report(name: string, command: string, result: BombResult, faults: readonly string[]): void {
  if (faults.length > 0) broken++;
  for (const fault of faults) say(`BROKEN ${name}, ${command}: ${fault}`);
  const row = [name, command, ...figures(result)];
  say(row.join(', '));
  rows.push(row);
}

function figures({ memory, disk, cpu, wall, held, exitCode, said }: BombResult): string[] {
  const mega = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const sentence = (said[0] ?? '').replace(/\/\S*\/bomb[^\s:/]*/g, '…').slice(0, 160);
  return [
    mega(memory),
    mega(disk),
    `${cpu.toFixed(1)} s`,
    `${wall.toFixed(1)} s`,
    `${Math.round(held)} ms`,
    String(exitCode),
    sentence,
  ];
}

const HEAD = ['input', 'command', 'memory', 'disk', 'CPU', 'time', 'loop held', 'exit', 'sentence'];
const table = markdownTable(values.signals ? [...HEAD, 'ended after a signal'] : HEAD, rows);
const budget = `${BOMB_BUDGET.memory / 2 ** 20} MiB, ${BOMB_BUDGET.held} ms without a look at signals`;
const sum = `${inputs} inputs, ${rows.length} runs, ${broken} beyond ${budget}, or without a clear end`;
if (values.write) await writePageSection('bombs.md', 'table', `${sum}, on ${machine()}.\n\n${table}`);
else process.stdout.write(`${table}\n`);
say(sum);
process.exitCode = broken === 0 ? 0 : 1;

function machine(): string {
  const [first, ...others] = cpus();
  return `${first?.model.trim() ?? 'an unknown processor'} × ${others.length + 1}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
}
