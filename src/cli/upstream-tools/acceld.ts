/** `acceld --config FILE`: the service under upstream's name. */
import { UsageError } from '../../errors.js';
import type { CliContext } from '../context.js';
import { runService } from '../run-service.js';
import { flagsOrHelp, runTool } from './program.js';

const USAGE = [
  'NAME:',
  '   acceld - converts images as registries tell of their push',
  '',
  'USAGE:',
  '   acceld --config FILE',
];

export async function acceld(argv: readonly string[], context: CliContext): Promise<number> {
  return runTool(context, USAGE, async () => {
    const flags = flagsOrHelp(argv, ['config']);
    if (flags === undefined) return 'usage';
    const path = flags.text.get('config');
    if (path === undefined) throw new UsageError('Required flag "config" not set');
    await runService(path, 'text', context);
    return 'done';
  });
}
