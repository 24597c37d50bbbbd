/** `nydusify prefetch`: what lists of files to load first mean on an image, before one is made with them. */
import { UsageError } from '../../errors.js';
import { prefetchMeaning } from '../../look/prefetch.js';
import type { CommandTable } from '../command.js';
import { PREFETCH_COMMAND_FLAGS } from '../flags/look.js';
import { listIn } from '../flags/prefetch-list.js';
import { listFiles } from '../list-files.js';
import { prefetchJson } from '../report/prefetch.js';
import { missingLines, prefetchLines } from '../text/prefetch.js';
import { printable } from '../text/printable.js';
import { Looking, LOCATIONS } from './look.js';

const EXAMPLES = `
A list is recognised by its content: absolute paths or globs, one a line; a log of strace -f -e trace=file, or of fatrace; a record file of
stargz; the array of paths that soci takes; the CSV of the snapshotter's optimizer; {"version":"v1","files":[…]} of upstream.

A directory stands for everything in it. In logs, directories do not count: a program that lists one does not read its files.

Examples:
  $ nydusify prefetch registry.example/app:1.0-nydus list.txt
  $ strace -f -e trace=file -o start.log /usr/bin/app --version; nydusify prefetch registry.example/app:1.0 start.log
  $ nydusify prefetch --json registry.example/app:1.0-nydus list.txt | jq '.lists[0].storedBytes'
  $ nydusify convert --prefetch-file list.txt registry.example/app:1.0 registry.example/app:1.0-nydus`;

export const PREFETCH: CommandTable = {
  description: `Says what a list of files to load first means on an image: files, chunks, bytes, and whether it helps.\n\n${LOCATIONS}`,
  words: [
    ['<ref>', 'the image'],
    ['<files...>', 'lists; - reads standard input'],
  ],
  usage: '[options] REF FILE...',
  flags: PREFETCH_COMMAND_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [location = '', ...files] = call.words;
    if (files.filter((file) => file === '-').length > 1)
      throw new UsageError('standard input can be read once');
    // Lists are read before the image is, which takes longer.
    const source = await listFiles(files.includes('-'), call.context);
    const lists = files.map((file) => ({ file, ...listIn(file, source) }));
    await using looking = new Looking(call);
    const filesystem = await looking.filesystem(location);
    const shown: object[] = [];
    for (const { file, form, patterns, skipped, note } of lists) {
      const meaning = await prefetchMeaning(filesystem, patterns, looking.context.signal);
      if (looking.json) shown.push({ file: printable(file), form, skipped, ...prefetchJson(meaning) });
      else
        await looking.print([
          note,
          ...[...prefetchLines(meaning), ...missingLines(meaning)].map((line) => `  ${line}`),
        ]);
    }
    if (looking.json) await looking.printJson({ lists: shown }, filesystem);
    looking.stats();
  },
};
