/** `nydusify version`: the text of `--version`, or JSON. */
import type { CommandTable } from '../command.js';
import { VERSION_FLAGS } from '../flags/version.js';
import { printJson, printLine } from '../text/print.js';
import { versions, versionText } from '../text/versions.js';

const EXAMPLES = `
Examples:
  $ nydusify version
  $ nydusify version --json | jq -r .version`;

export const VERSION_COMMAND: CommandTable = {
  description: 'Prints the versions of nydusify and Node, and the platform.',
  words: [],
  flags: VERSION_FLAGS,
  examples: EXAMPLES,
  run: ({ flags, context }) => {
    if (flags.isOn('json')) printJson(context.stdout, { schemaVersion: 1, ...versions() }, 2);
    else for (const line of versionText().split('\n')) printLine(context.stdout, line);
    return Promise.resolve();
  },
};
