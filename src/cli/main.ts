/** Parses, runs, and turns the outcome into an exit code. The one place that knows the process. */
import { arch, platform } from 'node:os';
import { Command, CommanderError } from 'commander';
import { VERSION } from '../convert/version.js';
import { addCheckCommand } from './check.js';
import { type CliContext } from './context.js';
import { addConvertCommand } from './convert.js';
import { asNydusError, renderError } from './errors.js';
import { addFlags, rewriteArgv } from './flags.js';
import { addInspectCommand } from './inspect.js';
import { detailOf } from './log.js';
import { CONVERT_FLAGS, GLOBAL_FLAGS, LATER_FLAGS } from './options.js';

/** Runs one command line; `argv` is without the program. Returns the exit code. */
export async function main(argv: readonly string[], context: CliContext): Promise<number> {
  try {
    const program = buildProgram(context);
    await program.parseAsync(rewriteArgv(argv, flagsOf(argv)), { from: 'user' });
    return context.exitCode;
  } catch (error) {
    // Help and version arrive as errors, with code 0.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (isBrokenPipe(error)) return 0;
    const ours = asNydusError(error);
    context.stderr.write(renderError(ours, detailOf(argv, GLOBAL_FLAGS)));
    return ours.exitCode;
  }
}

function buildProgram(context: CliContext): Command {
  const program = new Command('nydusify')
    .description('Converts OCI and Docker images to Nydus images, and checks them.')
    .version(versionText(), '-v, --version', 'print versions')
    .helpOption('-h, --help', 'print help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      // `main` prints every error, in one form.
      outputError: () => undefined,
      getOutHelpWidth: () => context.columns,
      getErrHelpWidth: () => context.columns,
    })
    .addHelpText('after', PROGRAM_EXAMPLES);
  addFlags(program, GLOBAL_FLAGS);
  program.action(() => {
    program.outputHelp();
  });
  program.allowExcessArguments(false);
  addConvertCommand(program, context);
  addCheckCommand(program, context);
  addInspectCommand(program, context);
  return program;
}

const PROGRAM_EXAMPLES = `
Examples:
  $ nydusify convert --merge-platform registry.example/app:1.0 registry.example/app:1.0-nydus
  $ nydusify check --source registry.example/app:1.0 --target registry.example/app:1.0-nydus
  $ nydusify inspect image.boot

Exit codes: 0 done, 1 check found faults, 2 wrong usage, 3 registry, 4 credentials, 5 content, 6 disk, 70 bug, 130 interrupted.`;

/** Only `convert` has second names and the like; other commands take flags as commander does. */
function flagsOf(argv: readonly string[]): Parameters<typeof rewriteArgv>[1] {
  return argv.includes('convert') ? [...GLOBAL_FLAGS, ...CONVERT_FLAGS, ...LATER_FLAGS] : GLOBAL_FLAGS;
}

function versionText(): string {
  return [
    `nydusify-ts ${VERSION}`,
    `Version: v${VERSION}`,
    `Node version: ${process.version}`,
    `Platform: ${platform()}/${arch()}`,
  ].join('\n');
}

/** Whoever read our output has seen enough. */
function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

const FIRST_SIGNAL = 'interrupted; once more to quit at once';
const INTERRUPTED_EXIT = 130;

/** The process as a context, and the outcome as its exit code. */
export async function runProcess(): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(INTERRUPTED_EXIT);
    stop.abort(new Error(FIRST_SIGNAL));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (isBrokenPipe(error)) process.exit(0);
      throw error;
    });
  }
  process.exitCode = await main(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    isTTY: process.stderr.isTTY,
    columns: process.stderr.columns || 80,
    signal: stop.signal,
    exitCode: 0,
  });
  process.off('SIGINT', onSignal);
  process.off('SIGTERM', onSignal);
}
