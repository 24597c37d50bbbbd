/** `nydusify diff`: two images by their files, and what a machine that has the one must download for the other. */
import { contentsComparable, readContents } from '../../look/contents.js';
import { diffFiles, downloadCost, type DownloadCost, type FileChange } from '../../look/diff.js';
import type { Filesystem } from '../../look/filesystem.js';
import { showPath } from '../../look/lookup.js';
import type { Inode } from '../../rafs-builder/model/tree.js';
import type { CommandTable } from '../command.js';
import { DIFF_FLAGS } from '../flags/look.js';
import { pathJson } from '../text/look.js';
import { Looking, LOCATIONS } from './look.js';
import { formatBytes, plural } from '../text/units.js';

const EXAMPLES = `
Contents are compared by chunk digests, so that an image is compared with another of which little is fetched. An ordinary
image can be compared with the Nydus image made from it. Of images with chunks of other sizes, or digested otherwise, files
of the same size are read, from NEW if it is a Nydus image.

+ added   - removed   ~ changed; what is in an added or removed directory is counted, and listed with --json

Exit code 0: the files are the same. 1: they differ. Higher: the comparison failed.

Examples:
  $ nydusify diff registry.example/app:1.0-nydus registry.example/app:1.1-nydus
  $ nydusify diff --ignore-times -q registry.example/app:1.0 registry.example/app:1.0-nydus`;

export const DIFF: CommandTable = {
  description: `Compares the files of two images, and shows what a machine that holds OLD must download for NEW.\n\n${LOCATIONS}`,
  words: [
    ['<old>', 'the image that is there'],
    ['<new>', 'the image that is to come'],
  ],
  usage: '[options] OLD NEW',
  flags: DIFF_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [before = '', after = ''] = call.words;
    await using looking = new Looking(call);
    await compare(looking, before, after);
    looking.stats();
  },
};

async function compare(looking: Looking, before: string, after: string): Promise<void> {
  const [first, second] = await openBoth(looking, before, after);
  const comparable = contentsComparable(first, second);
  if (!comparable) looking.note(`${chunkingText(first, second)}, so files of the same size are read`);
  const contents = comparable ? undefined : await readContents(first, second, looking.call);
  const times = !looking.flags.isOn('ignore-times');
  const changes = [...diffFiles(first, second, { times, contents })];
  const cost = downloadCost(first, second);
  if (changes.length > 0) looking.context.exitCode = 1;
  if (looking.json) {
    const answer = { contentsRead: !comparable, changes: changes.map(changeJson), download: cost };
    looking.printJson(answer, first, second);
    return;
  }
  if (!looking.flags.isOn('brief')) looking.print(changeLines(changes));
  looking.print(sumLines(changes, cost));
}

function chunkingText(first: Filesystem, second: Filesystem): string {
  return first.chunkSize === second.chunkSize
    ? `chunks are digested with ${first.digester} here and ${second.digester} there`
    : `chunks have ${first.chunkSize} bytes here and ${second.chunkSize} there`;
}

/** A Nydus image first: by its chunk size the files of an ordinary one are cut, so that digests can be compared. */
async function openBoth(
  looking: Looking,
  before: string,
  after: string,
): Promise<readonly [Filesystem, Filesystem]> {
  const first = await looking.filesystem(before);
  const second = await looking.filesystem(after, { chunkSize: first.chunkSize });
  if (first.kind === second.kind || first.chunkSize === second.chunkSize) return [first, second];
  return [await looking.filesystem(before, { chunkSize: second.chunkSize }), second];
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

/** One line a path. A directory that was added or removed has one line, with the number of entries in it. */
function* changeLines(changes: readonly FileChange[]): Generator<string> {
  for (let i = 0; i < changes.length; i++) {
    const change = changes[i];
    if (change === undefined) continue;
    const inode = change.after ?? change.before;
    const sign = SIGNS[change.change];
    if (change.change === 'changed') {
      yield `${sign} ${showPath(change.path)}  ${change.attributes.map(attributeText).join(', ')}`;
    } else if (inode?.kind === 'directory') {
      let [entries, bytes] = [0, 0];
      for (
        let next = changes[i + 1];
        next?.path.startsWith(`${change.path}/`) === true;
        next = changes[i + 1]
      ) {
        const inside = next.after ?? next.before;
        entries += 1;
        bytes += inside?.kind === 'file' ? inside.size : 0;
        i += 1;
      }
      yield `${sign} ${showPath(change.path)}/  ${plural(entries, 'entry').replace('entrys', 'entries')}, ${formatBytes(bytes)}`;
    } else {
      yield `${sign} ${showPath(change.path)}  ${inode?.kind === 'file' ? formatBytes(inode.size) : (inode?.kind ?? '')}`;
    }
  }
}

function attributeText({ what, before, after }: FileChange['attributes'][number]): string {
  switch (what) {
    case 'content':
      return 'content';
    case 'xattr':
      return `${before} → ${after}`;
    case 'link':
      return after === '' ? `no longer linked to ${before}` : `linked to ${after}`;
    case 'type':
    case 'mode':
    case 'owner':
    case 'time':
    case 'size':
    case 'target':
    case 'device':
      return `${what} ${before} → ${after}`;
  }
}

function* sumLines(changes: readonly FileChange[], cost: DownloadCost): Generator<string> {
  const count = (kind: FileChange['change']): number =>
    changes.reduce((sum, { change }) => sum + (change === kind ? 1 : 0), 0);
  yield changes.length === 0
    ? 'the files are the same'
    : `${count('added')} added, ${count('removed')} removed, ${count('changed')} changed`;
  const { unit, download, total, elsewhere, bootstrap } = cost;
  const share = total.bytes === 0 ? 0 : (download.bytes / total.bytes) * 100;
  const rest = bootstrap === 0 ? '' : `, and ${formatBytes(bootstrap)} of bootstrap`;
  yield `to download: ${plural(download.count, unit)}, ${formatBytes(download.bytes)} of ${formatBytes(total.bytes)} (${share.toFixed(1)} %)${rest}`;
  if (elsewhere.count > 0) {
    yield `of these, ${plural(elsewhere.count, 'chunk')}, ${formatBytes(elsewhere.bytes)}, are there already in other blobs`;
  }
}

function changeJson({ path, change, before, after, attributes }: FileChange): object {
  const kind = (inode: Inode | undefined): string | undefined => inode?.kind;
  const size = after?.kind === 'file' ? { size: after.size } : {};
  return { ...pathJson('path', path), change, type: kind(after) ?? kind(before), ...size, attributes };
}
