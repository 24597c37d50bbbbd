/** The last event of a command with `--progress json`: its result, or the error that ended it. */
import type { CommandCall } from './command.js';
import type { CliContext } from './context.js';
import { errorJson } from './report/error-json.js';
import { asNydusError } from './text/errors.js';
import { adviceText, type RunningCommand } from './text/remedies.js';

/** Runs the command. Its error becomes the last event; the sentence follows, as it follows all that a failing command has printed. */
export async function endingWithEvent(
  { flags, context }: CommandCall,
  running: RunningCommand,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run();
  } catch (cause) {
    if (flags.text('progress') === 'json') {
      const { printEvent } = await import('./text/progress.js');
      const error = asNydusError(cause);
      printEvent(context.stderr, { type: 'error', error: errorJson(error, adviceText(error, running)) });
    }
    throw cause;
  }
}

export async function endWithResult(result: object, { stderr }: CliContext): Promise<void> {
  const { printEvent } = await import('./text/progress.js');
  printEvent(stderr, { type: 'result', result });
}
