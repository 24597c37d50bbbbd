/** `nydusify extract`: files of an image in a directory, or as a tar. */
import { UsageError } from '../../errors.js';
import { extractToDirectory, type Extracted } from '../../extract/to-directory.js';
import { selectedTree } from '../../extract/selection.js';
import { tarOf } from '../../extract/to-tar.js';
import { lookup, pathFromText } from '../../look/lookup.js';
import type { NotExtracted } from '../../native/extractor.js';
import { displayName, type RawPath } from '../../oci/raw-name.js';
import { reportRead } from '../../reporter.js';
import type { CommandTable } from '../command.js';
import { EXTRACT_FLAGS, OWNERS } from '../flags/look.js';
import { pathJson } from '../text/path-json.js';
import { printLine } from '../text/print.js';
import { printable } from '../text/printable.js';
import { formatBytes, plural } from '../text/units.js';
import { Looking } from './look.js';

const EXAMPLES = `
Every chunk is verified before it is written, and a file has its name only once it is complete: a run that was interrupted is run again,
and fetches what is missing. A link that lies in DIR leads no write out of it. Owners are those of the image when root extracts;
without root, devices and some extended attributes cannot be made, and are named at the end. A PATH lands at its place in the image, so
\`extract REF /etc/ssl DIR\` writes DIR/etc/ssl.

Examples:
  $ nydusify extract registry.example/app:1.0-nydus ./rootfs
  $ nydusify extract registry.example/app:1.0-nydus /etc/ssl /usr/bin/app ./part
  $ nydusify extract registry.example/app:1.0-nydus /var/www - | tar -C /srv -x`;

export const EXTRACT: CommandTable = {
  description:
    'Writes files of an image into a directory, or as a tar to standard output, without root, mount or daemon.\n\n' +
    'REF is an image reference, oci:FOLDER[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REFERENCE]. Of a Nydus image the chunks of ' +
    'the files are fetched; the layers of an ordinary one are pulled whole, and their files kept in --work-dir until the end.',
  words: [
    ['<ref>', 'the image'],
    ['<path...>', 'what to extract, all by default; last the directory, or - for a tar'],
  ],
  usage: '[options] REF [PATH…] DIR|-',
  flags: EXTRACT_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [location = '', ...words] = call.words;
    const directory = words.pop() ?? '';
    const isTar = directory === '-';
    await using looking = new Looking(call);
    const { context } = looking;
    const owner = looking.flags.oneOf('owner', OWNERS);
    if (isTar && (context.stdoutIsTTY === true || looking.json))
      throw new UsageError('a tar and JSON or a terminal do not share standard output', {
        hint: `nydusify extract ${location} - > FILE.tar`,
      });
    const filesystem = await looking.chunked(location);
    const { image } = filesystem;
    const paths = words.length === 0 ? ['/'] : words;
    const found = paths.map((text) => lookup(filesystem.root, pathFromText(text), { follow: false }));
    const tree = selectedTree(filesystem.root, found);
    if (isTar) {
      const sockets: RawPath[] = [];
      const tar = tarOf(filesystem, tree, { onSocket: (path) => sockets.push(path) }, looking.call);
      for await (const bytes of tar) await context.writeBytes?.(bytes);
      for (const path of sockets)
        looking.warn(`a tar holds no sockets, so /${displayName(path)} is left out`);
    } else {
      const extracted = await looking.reading(() =>
        extractToDirectory(
          filesystem,
          tree,
          directory,
          {
            owners: owner === undefined ? undefined : owner === 'image',
            overwrite: looking.flags.isOn('overwrite'),
            onBytes: (done, size) => {
              if (image !== undefined) reportRead(looking.call, { ...image.manifest.descriptor, size }, done);
            },
          },
          looking.call,
        ),
      );
      if (looking.json) await looking.printJson({ directory, ...extractedJson(extracted) }, filesystem);
      else {
        warnOfLeftOut(looking, extracted.leftOut);
        printLine(context.stdout, summary(extracted, directory));
      }
    }
    looking.stats();
  },
};

function extractedJson({ leftOut, ...counts }: Extracted): object {
  return {
    ...counts,
    leftOut: leftOut.map(({ path, what, reason }) => ({
      ...pathJson('path', path.toString('latin1') as RawPath), // a path as bytes
      what,
      reason,
    })),
  };
}

/** One warning for all that is left out for one reason. */
function warnOfLeftOut(looking: Looking, leftOut: readonly NotExtracted[]): void {
  const kinds = new Map<string, { readonly first: NotExtracted; count: number }>();
  for (const left of leftOut) {
    const key = `${left.what} ${left.reason}`;
    const known = kinds.get(key) ?? { first: left, count: 0 };
    known.count += 1;
    kinds.set(key, known);
  }
  for (const { first, count } of kinds.values()) {
    const path = `/${displayName(first.path.toString('latin1') as RawPath)}`; // a path as bytes
    const more = count === 1 ? '' : ` and ${plural(count - 1, 'more')}`;
    looking.warn(`${first.what} of ${path}${more} left out: ${first.reason}`);
  }
}

function summary({ directories, files, others, bytes, kept }: Extracted, directory: string): string {
  const parts = [plural(files, 'file'), `${directories} ${directories === 1 ? 'directory' : 'directories'}`];
  if (others > 0) parts.push(`${others} links and nodes`);
  const all = `${printable(directory)} has ${parts.join(', ')} of the image, ${formatBytes(bytes)}`;
  if (kept === 0) return all;
  return kept === files
    ? `${all}: all were there already`
    : `${all}; ${plural(kept, 'file')} were there already`;
}
