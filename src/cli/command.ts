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
    if (unread.length > 0) printLine(context.stderr, unreadNote(unread));
    await table.run({
      name: command.name(),
      words: command.args,
      flags: readFlags(command, flags, { env: context.env, upstream }),
      declared: table.flags,
      context,
    });
  });
}

function unreadNote(names: readonly string[]): string {
  const bare = names.map((name) => `$${name}`).join(', ');
  const own = names.map((name) => `NYDUSIFY_${name}`).join(', ');
  return `note: beside words ${bare} ${names.length === 1 ? 'is' : 'are'} not read; ${own} would be`;
}
