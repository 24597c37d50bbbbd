/** A command that makes one image of another: opens both ends, shows the progress, and tells what came of it. */
import type { Budget } from '../limits.js';
import type { Location } from '../registry/location.js';
import type { ImageSource, ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { backedSource } from './backend.js';
import type { CommandCall } from './command.js';
import { backendOf } from './flags/backend.js';
import { PROGRESS_FORMS } from './flags/convert.js';
import { openOptions } from './flags/environment.js';
import { limitsOf } from './flags/limits.js';
import { type sourceOf, sourceLocation } from './flags/locations.js';
import { pushRetryOf } from './flags/push-retry.js';
import { registryFlags } from './flags/registry.js';
import { transfersOf } from './flags/transfer.js';
import { type Lines, printLines } from './text/print.js';
import { type RunningCommand, withAdvice } from './text/remedies.js';

/** The image that is read, whose blobs may lie in a storage backend, and the one that is written. */
export interface Ends {
  readonly source: ImageSource;
  readonly target: ImageTarget;
}

/** What every one of these commands is told by its flags. */
export interface Settings {
  readonly concurrency: number;
  readonly threads?: number;
  readonly workDir: string | undefined;
}

export interface Work<T> {
  readonly running: RunningCommand;
  readonly run: (
    ends: Ends,
    settings: Settings,
    call: CallOptions & { readonly budget: Budget },
  ) => Promise<T>;
  /** Lines for people. */
  readonly summary: (result: T) => Lines;
}

export async function betweenEnds<T>(
  { flags, context, log }: CommandCall,
  { from, to }: { readonly from: ReturnType<typeof sourceOf>; readonly to: Location },
  { running, run, summary }: Work<T>,
): Promise<T> {
  const [{ openBudget }, { openSource, openTarget }, { openProgress }] = await Promise.all([
    import('../native/budget.js'),
    import('../registry/open.js'),
    import('./text/progress.js'),
  ]);
  const { signal, env } = context;
  const workDir = flags.text('work-dir');
  const threads = flags.number('threads');
  const budget = openBudget(limitsOf(flags));
  const { concurrency, transfer } = transfersOf(flags);
  const shared = { workDir, budget, transfer };
  const sourceOptions = await openOptions(env, registryFlags(flags, 'source'), shared);
  await using source = await backedSource(
    openSource(await sourceLocation(from, { workDir, budget, signal }), sourceOptions),
    backendOf(flags, 'source-'),
    sourceOptions,
  );
  await using target = openTarget(to, {
    ...(await openOptions(env, registryFlags(flags, 'target'), { ...shared, retry: pushRetryOf(flags) })),
    imageName: from.kind === 'registry' ? from.reference : undefined,
    verifyPresent: flags.isOn('verify-present'),
  });
  const form = flags.oneOf('progress', PROGRESS_FORMS) ?? 'auto';
  const progress = await openProgress(log.quiet ? 'none' : form, context);
  try {
    const result = await run(
      { source, target },
      { concurrency, workDir, ...(threads === undefined ? {} : { threads }) },
      { signal, budget, reporter: withAdvice(progress.reporter, running) },
    );
    progress.stop();
    if (!log.quiet && form !== 'json' && form !== 'none') await printLines(context.stderr, summary(result));
    return result;
  } finally {
    progress.stop();
  }
}
