/** `nydusify cat`: contents of files, byte for byte; of a Nydus image only their chunks are fetched. */
import { NoSuchPathError, UsageError } from '../../errors.js';
import { lookup, pathFromText, showPath } from '../../look/lookup.js';
import type { CommandTable } from '../command.js';
import { CAT_FLAGS } from '../flags/look.js';
import { printMessage } from '../text/print.js';
import { TerminalText } from '../text/terminal-text.js';
import { Looking, LOCATIONS } from './look.js';

const EXAMPLES = `
Symbolic links are followed inside the image. Every chunk is verified before it is printed: what comes out is what the image
promises, or the exit code is 5. A terminal is shown \\x1b and the like for characters that would act on it, and a binary file only
with --binary; files and pipes get every byte as it is.

Examples:
  $ nydusify cat registry.example/app:1.0-nydus /etc/os-release
  $ nydusify cat registry.example/app:1.0-nydus /usr/bin/app > app
  $ nydusify cat --stats registry.example/app:1.0-nydus /etc/passwd /etc/group`;

export const CAT: CommandTable = {
  description: `Prints files of an image without pulling it.\n\n${LOCATIONS}`,
  words: [
    ['<ref>', 'the image'],
    ['<path...>', 'files to print, one after the other'],
  ],
  usage: '[options] REF PATH…',
  flags: CAT_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [location = '', ...paths] = call.words;
    await using looking = new Looking(call);
    await print(looking, location, paths);
    looking.stats();
  },
};

async function print(looking: Looking, location: string, paths: readonly string[]): Promise<void> {
  const [first = '', ...more] = paths;
  const onePath = more.length === 0 ? { path: pathFromText(first) } : {};
  const filesystem = await looking.filesystem(location, onePath);
  for (const text of paths) {
    try {
      const { node, path } = lookup(filesystem.root, pathFromText(text), { follow: true });
      const { inode } = node;
      if (inode.kind !== 'file') {
        throw new NoSuchPathError(`${showPath(path)} is a ${inode.kind}, not a file`, {
          hint: inode.kind === 'directory' ? `nydusify ls ${location} ${showPath(path)}` : undefined,
        });
      }
      const shown = looking.context.stdoutIsTTY === true ? new TerminalText() : undefined;
      let isBegun = looking.flags.isOn('binary');
      for await (const bytes of filesystem.open(inode, path, looking.call)) {
        if (shown !== undefined && !isBegun) refuseBinary(bytes, location, showPath(path));
        isBegun = true;
        if (shown === undefined) await looking.context.writeBytes?.(bytes);
        else looking.context.stdout.write(shown.next(bytes));
      }
      if (shown !== undefined) looking.context.stdout.write(shown.end());
    } catch (error) {
      // The other files are printed all the same.
      if (!(error instanceof NoSuchPathError) || paths.length === 1) throw error;
      printMessage(looking.context, `error: ${error.message}`);
      looking.context.exitCode = 1;
    }
  }
}

/** Bytes at the start of a file that are looked through, as grep and git do. */
const LOOKED_THROUGH = 8000;

/** A screen full of escapes helps no person, so a file with a zero byte near its start has to be asked for. */
function refuseBinary(start: Uint8Array, location: string, path: string): void {
  if (!start.subarray(0, LOOKED_THROUGH).includes(0)) return;
  throw new UsageError(`${path} is no text`, {
    hint: `nydusify cat ${location} ${path} > FILE; --binary shows it all the same`,
  });
}
