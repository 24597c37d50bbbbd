/** Parses the command line, runs the command, and makes an exit code of the outcome. */
import { Command, CommanderError } from 'commander';
import { calledCommand, withHelpFlag } from './called-command.js';
import { ciLog } from './ci/server.js';
import { addCommand } from './command.js';
import { COMMANDS, type LazyCommand, PROGRAM } from './command-list.js';
import type { CliContext } from './context.js';
import { hasColours } from './text/colours.js';
import { asNydusError, renderError } from './text/errors.js';
import { printJson } from './text/print.js';
import { adviceText } from './text/remedies.js';
import { addFlags, type Flag, type FlagValues, rewriteArgv } from './flags/flags.js';
import { detailOf } from './log.js';
import { isClosedPipe, UnwritableError } from './standard-stream.js';
import { GLOBAL_FLAGS } from './flags/global.js';
import { wrappedHelp } from './text/help-text.js';
import { versionText } from './text/versions.js';

interface Answer {
  /** Something of it has been printed. */
  isBegun: boolean;
  /** Undefined until the values of all flags are known. */
  flags: FlagValues | undefined;
}

/** Runs one command line; `argv` is without the program. Returns the exit code. */
export async function main(argv: readonly string[], given: CliContext): Promise<number> {
  const answer: Answer = { isBegun: false, flags: undefined };
  const context: CliContext = {
    ...given,
    stdout: {
      write: (text) => {
        answer.isBegun = true;
        return given.stdout.write(text);
      },
    },
  };
  let called: LazyCommand | undefined;
  const flags: Flag[] = [...GLOBAL_FLAGS];
  try {
    const names = COMMANDS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]));
    const word = calledCommand(argv, GLOBAL_FLAGS, names);
    called = COMMANDS.find(({ name, alias }) => word !== undefined && [name, alias].includes(word));
    const program = buildProgram(context);
    for (const command of COMMANDS) {
      const added = program.command(command.name).summary(command.summary);
      if (command.alias !== undefined) added.alias(command.alias);
      if (command !== called) continue;
      const table = await command.load();
      flags.push(...table.flags);
      addCommand(added, {
        table,
        context,
        argv,
        printsConfig: argv.some((word) => PRINTS_CONFIG.test(word)),
        onFlags: (values) => {
          answer.flags = values;
        },
      });
    }
    await program.parseAsync(rewriteArgv(withHelpFlag(argv, GLOBAL_FLAGS), flags), { from: 'user' });
    return context.exitCode;
  } catch (error) {
    // Help and version arrive as errors, with code 0.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // The reader of our output has closed it, such as `head`: the answer stands as far as it was known.
    if (isClosedPipe(error) || isClosedPipe(context.signal.reason)) return context.exitCode;
    if (error instanceof UnwritableError) return error.exitCode; // the process says so when everything has ended
    const ours = asNydusError(error);
    const running = { name: called?.name ?? '', flags };
    context.stderr.write(
      renderError(ours, detailOf(argv, GLOBAL_FLAGS), running, { coloured: hasColours(context, 'stderr') }),
    );
    const isJson = answer.flags?.isOn('json') ?? seemsJson(argv, flags);
    if (!isJson && ciLog(answer.flags, context) === 'github') {
      const { annotate } = await import('./text/annotations.js');
      annotate(context.stderr, 'error', ours.code, ours.message);
    }
    // An answer that has begun is not a document with another behind it.
    if (isJson && !answer.isBegun) {
      const { errorDocument } = await import('./report/error-json.js');
      printJson(context.stdout, errorDocument(ours, adviceText(ours, running)), 2);
    }
    return ours.exitCode;
  }
}

/** In the forms that `rewriteArgv` knows. */
const PRINTS_CONFIG = /^--?print-config(?:=|$)/;

/** Guesses from raw arguments whether the answer is to be JSON, for errors that arise before these are parsed. */
function seemsJson(argv: readonly string[], flags: readonly Flag[]): boolean {
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  return flags.some(({ name }) => name === 'json') && words.some((word) => /^--?json(?:=true)?$/.test(word));
}

/** The help of a flag is broken into lines if they can have so many characters. */
const MIN_HELP_WIDTH = 20;

function buildProgram(context: CliContext): Command {
  const program = new Command('nydusify')
    .description(PROGRAM.description)
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
    .configureHelp({ minWidthToWrap: MIN_HELP_WIDTH })
    .addHelpText('after', wrappedHelp(PROGRAM.examples, context.columns));
  addFlags(program, GLOBAL_FLAGS);
  program.action(() => {
    program.outputHelp();
  });
  program.allowExcessArguments(false);
  return program;
}
