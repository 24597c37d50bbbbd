/** The section of docs/upstream.md that has a row for every command and flag of upstream's help. */
import { calledCommand } from '../../../src/cli/called-command.js';
import { COMMANDS as OWN_COMMANDS } from '../../../src/cli/command-list.js';
import { GLOBAL_FLAGS } from '../../../src/cli/flags/global.js';
import { UsageError } from '../../../src/errors.js';
import { markdownTable } from '../../../test/support/markdown-table.js';
import { CASES } from './cases.js';
import { COMMANDS, GLOBAL, type State, type UpstreamCommand, type UpstreamFlag } from './surface.js';

/** The error and its hint, for a command that is not here. */
export function refusalOfCommand({ words }: UpstreamCommand): string | undefined {
  try {
    calledCommand(
      words,
      GLOBAL_FLAGS,
      OWN_COMMANDS.map(({ name }) => name),
    );
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return `${error.message}; ${error.hint ?? ''}`;
    throw error;
  }
}

export function surfaceSection(): string {
  return [
    '### All commands',
    tableOf(GLOBAL),
    ...COMMANDS.flatMap((command) => {
      const { name, alias, flags } = command;
      const refusal = refusalOfCommand(command);
      const head = `### \`${name}\`${alias === undefined ? '' : ` (\`${alias}\`)`}`;
      return [head, refusal === undefined ? tableOf(flags) : `Refused: ${refusal}.`];
    }),
  ].join('\n\n');
}

/** The section about upstream's own tests. */
export function casesSection(): string {
  return markdownTable(
    ['where', 'cases', 'here'],
    CASES.map(({ suite, cases, here }) => [
      suite,
      cases,
      typeof here === 'string' ? here : `\`${here.file}\`: ${here.words}`,
    ]),
  );
}

function tableOf(flags: readonly UpstreamFlag[]): string {
  return markdownTable(
    ['flag', 'variable', 'here'],
    flags.map(({ name, aliases, variable, state }) => [
      [name, ...aliases].map((one) => `\`${one.length === 1 ? '-' : '--'}${one}\``).join(', '),
      variable === undefined ? '' : `\`${variable}\``,
      sentenceOf(state),
    ]),
  );
}

function sentenceOf(state: State): string {
  switch (state.kind) {
    case 'works':
      return 'works';
    case 'differs':
      return `works differently: ${state.why}`;
    case 'noted':
      return `accepted: it ${state.note}`;
    case 'refused':
      return `refused: ${state.sentence}`;
  }
}
