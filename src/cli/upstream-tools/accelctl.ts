/** `accelctl`: tasks of a running service, and single conversions without one. */
import { UsageError } from '../../errors.js';
import { createTask, listTasks } from '../../service/client.js';
import { readServiceFile } from '../../service/config/config.js';
import type { Log } from '../../service/log.js';
import { convertLocally } from '../../service/local.js';
import { taskTable } from '../../service/task-table.js';
import type { CliContext } from '../context.js';
import { openOptions } from '../flags/environment.js';
import { printable } from '../text/printable.js';
import { flagsOrHelp, runTool } from './program.js';

const USAGE = [
  'NAME:',
  '   accelctl - manages an acceleration service',
  '',
  'USAGE:',
  '   accelctl task [--addr HOST:PORT] create [--sync] SOURCE',
  '   accelctl task [--addr HOST:PORT] list | ls',
  '   accelctl convert --config FILE SOURCE',
];

type Outcome = 'done' | 'usage';

export async function accelctl(argv: readonly string[], context: CliContext): Promise<number> {
  return runTool(context, USAGE, async (log) => {
    const flags = flagsOrHelp(argv, []);
    const [command, ...rest] = flags?.words ?? [];
    if (command === 'task') return task(rest, context, log);
    if (command === 'convert') return convert(rest, context, log);
    return 'usage';
  });
}

async function task(argv: readonly string[], context: CliContext, log: Log): Promise<Outcome> {
  const flags = flagsOrHelp(argv, ['addr']);
  const [verb, ...rest] = flags?.words ?? [];
  const address = flags?.text.get('addr') ?? 'localhost:2077';
  if (verb === 'create') return create(rest, address, context, log);
  if (verb !== 'list' && verb !== 'ls') return 'usage';
  const tasks = await listTasks(address, context.signal);
  const cells = tasks.map((one) => ({
    ...one,
    source: printable(one.source),
    reason: printable(one.reason),
  }));
  // The tabs between the cells are part of upstream's table.
  context.stdout.write(`${taskTable(cells).join('\n')}\n`);
  return 'done';
}

async function create(
  argv: readonly string[],
  address: string,
  { signal }: CliContext,
  log: Log,
): Promise<Outcome> {
  const flags = flagsOrHelp(argv, [], ['sync']);
  if (flags === undefined) return 'usage';
  const source = sourceOf(flags.words);
  const isSync = flags.on.has('sync');
  if (isSync) log.info('Waiting task to be completed...');
  await createTask(address, source, isSync, signal);
  log.info(isSync ? 'Task has been completed.' : 'Submitted asynchronous task, check status by `task list`.');
  return 'done';
}

async function convert(argv: readonly string[], context: CliContext, log: Log): Promise<Outcome> {
  const flags = flagsOrHelp(argv, ['config']);
  if (flags === undefined) return 'usage';
  const path = flags.text.get('config');
  if (path === undefined) throw new UsageError('Required flag "config" not set');
  const source = sourceOf(flags.words);
  const config = readServiceFile(path, context.env);
  const base = await openOptions(context.env, { insecure: false, plainHttp: false });
  log.info('converting image', { source });
  const done = await convertLocally(source, config, base, {
    signal: context.signal,
    reporter: {
      emit: (event) => {
        if (event.type === 'warning') log.warn(event.message);
      },
    },
  });
  log.info(done, { source });
  return 'done';
}

function sourceOf([source]: readonly string[]): string {
  if (source === undefined || source === '') throw new UsageError('source is required');
  return source;
}
