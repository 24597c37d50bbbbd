/** Runs the service until a signal stops it. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readServiceFile } from '../service/config/config.js';
import { type LogFormat, openLog } from '../service/log.js';
import { Service } from '../service/service.js';
import type { CliContext } from './context.js';
import { printLine } from './text/print.js';

/** Returns when the service has stopped. Throws what reading the configuration and starting throw. */
export async function runService(path: string, format: LogFormat, context: CliContext): Promise<void> {
  const log = openLog(format, (line) => {
    printLine(context.stderr, line);
  });
  const config = readServiceFile(path, context.env);
  for (const warning of config.warnings) log.warn(warning);
  const service = await Service.start({ config, program: workerProgram(), log });
  log.info(`listening on ${service.address}`);
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      log.info('stopping: running conversions may end');
      resolve();
    };
    context.signal.addEventListener('abort', stop, { once: true });
    context.takeSignals?.({
      stop,
      reload: () => {
        reload(path, service, context);
      },
    });
  });
  await service.stop();
  log.info('stopped');

  function reload(file: string, running: Service, { env }: CliContext): void {
    try {
      const next = readServiceFile(file, env);
      for (const warning of next.warnings) log.warn(warning);
      running.reload(next);
      log.info('the configuration was read again');
    } catch (error) {
      log.error('the configuration stays as it was', {
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
}

/** It lies beside the program that runs. */
function workerProgram(): string {
  return join(dirname(realpathSync(process.argv[1] ?? '')), 'convert-worker.js');
}
