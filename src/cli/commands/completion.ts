/** `nydusify completion`: the script for a shell, and the answers that the scripts ask for. */
import { UsageError } from '../../errors.js';
import type { CommandTable } from '../command.js';
import { complete, type CompletedCommand } from '../completion/complete.js';
import { SCRIPTS } from '../completion/scripts.js';
import { GLOBAL_FLAGS } from '../flags/global.js';
import { FLAGS_OF } from '../flags/tables.js';
import { printReport } from '../text/print.js';

const EXAMPLES = `
Examples:
  In ~/.bashrc:
    source <(nydusify completion bash)
  In ~/.zshrc, behind compinit:
    source <(nydusify completion zsh)
  Once for fish:
    $ nydusify completion fish > ~/.config/fish/completions/nydusify.fish
  In $PROFILE of PowerShell:
    nydusify completion powershell | Out-String | Invoke-Expression`;

/** The scripts call it with the words of the command line behind `--`. */
const WORDS = 'words';

type Named = Omit<CompletedCommand, 'flags'>;

export function completionOf(commands: readonly Named[]): CommandTable {
  return {
    description:
      'Prints the script that completes commands, flags, their values and files in a shell.\n\n' +
      'SHELL is bash, zsh, fish or powershell. The script asks this program, so it stays right after an update.',
    words: [
      ['<shell>', 'bash, zsh, fish or powershell'],
      [
        '[word...]',
        `with the word \`${WORDS}\` in place of a shell: the command line to complete, as the scripts pass it`,
      ],
    ],
    usage: 'SHELL',
    flags: [],
    isConfigured: false,
    examples: EXAMPLES,
    run: ({ words: [shell = '', ...typed], context }) => {
      if (shell === WORDS) {
        printReport(context.stdout, `${answer(typed, commands).join('\n')}\n`);
        return Promise.resolve();
      }
      if (!isShell(shell))
        throw new UsageError(`there is no completion for "${shell}"`, {
          hint: `the shells are ${Object.keys(SCRIPTS).join(', ')}`,
        });
      printReport(context.stdout, SCRIPTS[shell]);
      return Promise.resolve();
    },
  };
}

function isShell(text: string): text is keyof typeof SCRIPTS {
  return Object.hasOwn(SCRIPTS, text);
}

function answer(typed: readonly string[], commands: readonly Named[]): readonly string[] {
  // PowerShell drops an empty word, so its script marks the last one.
  const words = typed.map((word, i) => (i === typed.length - 1 ? word.replace(/^=/, '') : word));
  const completion = complete(words, {
    globalFlags: GLOBAL_FLAGS,
    commands: commands.map((command) => ({ ...command, flags: FLAGS_OF[command.name] ?? [] })),
    words: {
      completion: Object.keys(SCRIPTS).map((shell) => ({ word: shell, meaning: '' })),
    },
  });
  if (completion.kind !== 'words') return [`${completion.kind} ${completion.prefix}`];
  return ['words', ...completion.candidates.map(({ word, meaning }) => `${word}\t${meaning}`)];
}
