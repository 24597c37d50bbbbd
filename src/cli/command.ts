/** A command as one table, from which its help, its parsing and its values follow. */
import type { Command } from 'commander';
import type { CliContext } from './context.js';
import {
  addFlags,
  addHelpFlag,
  type Flag,
  type FlagValues,
  readFlags,
  upstreamVariables,
} from './flags/flags.js';
import { GLOBAL_FLAGS, OUTPUT } from './flags/global.js';
import { loggedContext, type LogSettings, logSettings, openLogFile } from './log.js';
import { printLine } from './text/print.js';

export interface CommandTable {
  readonly description: string;
  /** Words in commander's notation: `<ref>`, `[path...]`. */
  readonly words: readonly (readonly [syntax: string, help: string])[];
  readonly usage?: string;
  readonly flags: readonly Flag[];
  /** The text behind the flags in the help. */
  readonly examples: string;
  readonly run: (call: CommandCall) => Promise<void>;
}

/** One call of a command. */
export interface CommandCall {
  readonly name: string;
  /** The words that are no flags, in order. */
  readonly words: readonly string[];
  readonly flags: FlagValues;
  /** The flags that the command declares, which remedies may name. */
  readonly declared: readonly Flag[];
  readonly log: LogSettings;
  /** Its stderr is the log file, if there is one. */
  readonly context: CliContext;
}

/** Adds the command's words, flags and help to what the program's list says of it. */
export function addCommand(command: Command, table: CommandTable, context: CliContext): void {
  command.description(table.description).addHelpText('after', table.examples);
  for (const [syntax, help] of table.words) command.argument(syntax, help);
  if (table.usage !== undefined) command.usage(table.usage);
  addFlags(command, table.flags);
  addHelpFlag(command, OUTPUT);
  command.action(async () => {
    const flags = [...GLOBAL_FLAGS, ...table.flags];
    const upstream = command.args.length === 0;
    const unread = upstream ? [] : upstreamVariables(flags, context.env);
    const values = readFlags(command, flags, { env: context.env, upstream });
    const log = logSettings(values);
    using file = log.file === undefined ? undefined : openLogFile(log.file, context);
    const logged = file === undefined ? context : loggedContext(context, file);
    if (unread.length > 0) printLine(logged.stderr, unreadNote(unread));
    for (const note of log.notes) printLine(logged.stderr, `note: ${note}`);
    await table.run({
      name: command.name(),
      words: command.args,
      flags: values,
      declared: table.flags,
      log,
      context: logged,
    });
  });
}

function unreadNote(names: readonly string[]): string {
  const bare = names.map((name) => `$${name}`).join(', ');
  const own = names.map((name) => `NYDUSIFY_${name}`).join(', ');
  return `note: beside words ${bare} ${names.length === 1 ? 'is' : 'are'} not read; ${own} would be`;
}
