/** A command as one table, from which its help, its parsing and its values follow. */
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { CI_CHOICES } from './ci/server.js';
import { demandFile, findConfig } from './config/find.js';
import type { CliContext } from './context.js';
import {
  addFlags,
  addHelpFlag,
  type FileSettings,
  type Flag,
  type FlagValues,
  readFlags,
  upstreamVariables,
} from './flags/flags.js';
import { GLOBAL_FLAGS, OUTPUT } from './flags/global.js';
import { loggedContext, type LogSettings, logSettings, openLogFile } from './log.js';
import { wrappedHelp } from './text/help-text.js';
import { errorsOnly, printMessage } from './text/print.js';

export interface CommandTable {
  readonly description: string;
  /** Words in commander's notation: `<ref>`, `[path...]`. */
  readonly words: readonly (readonly [syntax: string, help: string])[];
  readonly usage?: string;
  readonly flags: readonly Flag[];
  /** The word that may stand first and is a part of the command's name, as `generate` of `chunkdict generate` in upstream. */
  readonly action?: string;
  /** Another command whose defaults in the configuration file hold for this one too, behind its own. */
  readonly follows?: string;
  /** False for a command that must answer even if the configuration file is wrong, or whose words decide. */
  readonly isConfigured?: false | ((words: readonly string[]) => boolean);
  /** The text behind the flags in the help. */
  readonly examples: string;
  readonly run: (call: CommandCall) => Promise<void>;
}

/** One call of a command. */
export interface CommandCall {
  readonly name: string;
  /** The command line as it was typed, without the program. It may hold secrets. */
  readonly argv: readonly string[];
  /** The words that are no flags, in order. */
  readonly words: readonly string[];
  readonly flags: FlagValues;
  /** The flags that the command declares, which remedies may name. */
  readonly declared: readonly Flag[];
  readonly log: LogSettings;
  /** Its stderr is the log file, if there is one. */
  readonly context: CliContext;
}

export interface AddedCommand {
  readonly table: CommandTable;
  readonly context: CliContext;
  readonly argv: readonly string[];
  /** True when the configuration is to be printed instead: then the words may be missing. */
  readonly printsConfig: boolean;
  /** Called with the values of the flags, once they are known. */
  readonly onFlags?: (values: FlagValues) => void;
}

const FLAGS_OF_ALL = `Every command also takes ${GLOBAL_FLAGS.map(({ name }) => `--${name}`).join(', ')}: nydusify --help`;

/** Adds the command's words, flags and help to what the program's list says of it. */
export function addCommand(command: Command, added: AddedCommand): void {
  const { table, context, printsConfig } = added;
  command
    .description(table.description)
    .addHelpText('after', wrappedHelp(`${table.examples}\n\n${FLAGS_OF_ALL}`, context.columns));
  for (const [syntax, help] of table.words)
    command.argument(printsConfig ? syntax.replace(/^<(.*)>$/, '[$1]') : syntax, help);
  if (table.usage !== undefined) command.usage(table.usage);
  addFlags(command, table.flags);
  addHelpFlag(command, OUTPUT);
  command.action(async () => {
    const flags = [...GLOBAL_FLAGS, ...table.flags];
    const images = command.args[0] === table.action ? command.args.slice(1) : command.args;
    const upstream = images.length === 0;
    const unread = upstream ? [] : upstreamVariables(flags, context.env);
    const sources = { env: context.env, upstream };
    const { file, warning } = await configuration(command, added);
    const values = readFlags(command, flags, { ...sources, file });
    added.onFlags?.(values);
    values.oneOf('ci', CI_CHOICES);
    const log = logSettings(values);
    using logFile = log.file === undefined || printsConfig ? undefined : openLogFile(log.file, context);
    const stderr = logFile ?? (log.silent ? errorsOnly(context.stderr) : undefined);
    const logged = stderr === undefined ? context : loggedContext(context, stderr);
    if (unread.length > 0) printMessage(logged, unreadNote(unread));
    if (warning !== undefined) printMessage(logged, `warning: ${warning}`);
    for (const note of log.notes) printMessage(logged, `note: ${note}`);
    if (values.isOn('print-config')) {
      const { printConfig } = await import('./config/print.js');
      await printConfig({ name: command.name(), flags, values, file }, context);
      return;
    }
    try {
      await table.run({
        name: command.name(),
        argv: added.argv,
        words: command.args,
        flags: values,
        declared: table.flags,
        log,
        context: logged,
      });
    } catch (error) {
      throw withOrigins(error, flags, values);
    }
  });
}

/** The configuration file's part for this command. Its parser is loaded only if there is a file. */
async function configuration(
  command: Command,
  { table, context }: AddedCommand,
): Promise<{ readonly file?: FileSettings; readonly warning?: string | undefined }> {
  const { isConfigured = true } = table;
  if (!(typeof isConfigured === 'function' ? isConfigured(command.args) : isConfigured)) return {};
  const { env } = context;
  const own = readFlags(command, GLOBAL_FLAGS, { env, upstream: false });
  const profile = own.text('profile');
  const { path, warning } = findConfig(own.text('config'), env);
  if (path === undefined) {
    demandFile(profile, env);
    return { warning };
  }
  const [{ readConfigFile }, { FLAGS_OF }] = await Promise.all([
    import('./config/read.js'),
    import('./flags/tables.js'),
  ]);
  const commands = new Map(
    Object.entries(FLAGS_OF).map(([name, flags]) => [name, [...GLOBAL_FLAGS, ...flags]]),
  );
  const file = await readConfigFile({
    path,
    profile,
    command: command.name(),
    follows: table.follows,
    commands,
    env,
  });
  return { file };
}

/** A fault of a value that does not stand on the command line says where it does. */
function withOrigins(error: unknown, flags: readonly Flag[], values: FlagValues): unknown {
  if (!(error instanceof UsageError)) return error;
  const origins = flags.flatMap(({ name }) => {
    const origin = values.originOf(name);
    const isNamed = new RegExp(`--${name}(?![a-z-])`).test(error.message);
    if (!isNamed || origin === undefined) return [];
    if (origin.kind === 'variable') return [`--${name} comes from $${origin.name}`];
    return origin.kind === 'file' ? [`--${name} comes from ${origin.path}:${origin.line}`] : [];
  });
  if (origins.length === 0) return error;
  const hint = [error.hint, ...origins].filter((part) => part !== undefined).join('; ');
  const placed = new UsageError(error.message, {
    hint,
    remedy: error.remedy,
    side: error.side,
    cause: error.cause,
  });
  if (error.stack !== undefined) placed.stack = error.stack;
  return placed;
}

function unreadNote(names: readonly string[]): string {
  const bare = names.map((name) => `$${name}`).join(', ');
  const own = names.map((name) => `NYDUSIFY_${name}`).join(', ');
  return `note: beside words ${bare} ${names.length === 1 ? 'is' : 'are'} not read; ${own} would be`;
}
