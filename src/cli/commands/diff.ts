/** `nydusify diff`: two images by their files, and what a machine that has the one must download for the other. */
import { contentsComparable, readContents } from '../../look/contents.js';
import { diffInSteps, type DownloadCost, downloadSteps, type FileChange } from '../../look/diff.js';
import type { Filesystem } from '../../look/filesystem.js';
import { showPath } from '../../look/lookup.js';
import type { RawPath } from '../../oci/raw-name.js';
import type { Inode } from '../../rafs-builder/model/tree.js';
import type { CommandTable } from '../command.js';
import { DIFF_FLAGS } from '../flags/look.js';
import { pathJson } from '../text/path-json.js';
import { inTurns } from '../../turns.js';
import { LazyList, type Lines } from '../text/print.js';
import { Looking, locations } from './look.js';
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
  description: `Compares the files of two images, and shows what a machine that holds OLD must download for NEW.\n\n${locations('Each of OLD and NEW is')}`,
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
  const cost = await inTurns(downloadSteps(first, second), looking.context.signal);
  const counts = { added: 0, removed: 0, changed: 0 };
  const changes = counted(diffInSteps(first, second, { times, contents }), counts);
  if (looking.json) {
    const answer = { contentsRead: !comparable, changes: new LazyList(changesJson(changes)), download: cost };
    await looking.printJson(answer, first, second);
  } else {
    const lines = changeLines(changes);
    await looking.print(looking.flags.isOn('brief') ? withoutLines(lines) : lines);
    await looking.print(sumLines(counts, cost));
  }
  if (counts.added + counts.removed + counts.changed > 0) looking.context.exitCode = 1;
}

type Changes = Iterable<FileChange | undefined>;
type Counts = Record<FileChange['change'], number>;

/** Changes are never held all at once, since the paths below a directory can take more room than the image. */
function* counted(changes: Changes, counts: Counts): Generator<FileChange | undefined, void> {
  for (const change of changes) {
    if (change !== undefined) counts[change.change] += 1;
    yield change;
  }
}

function* changesJson(changes: Changes): Generator<object | undefined, void> {
  for (const change of changes) yield change === undefined ? undefined : changeJson(change);
}

function* withoutLines(lines: Lines): Generator<undefined, void> {
  for (const line of lines) if (line === undefined) yield undefined;
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
function* changeLines(changes: Changes): Lines {
  let folder: Folder | undefined;
  for (const change of changes) {
    if (change === undefined) {
      yield undefined;
      continue;
    }
    const inode = change.after ?? change.before;
    if (folder !== undefined && change.path.startsWith(`${folder.path}/`)) {
      folder.entries += 1;
      folder.bytes += inode?.kind === 'file' ? inode.size : 0;
      continue;
    }
    if (folder !== undefined) yield folderLine(folder);
    folder = undefined;
    const sign = SIGNS[change.change];
    if (change.change === 'changed') {
      yield `${sign} ${showPath(change.path)}  ${change.attributes.map(attributeText).join(', ')}`;
    } else if (inode?.kind === 'directory') {
      folder = { sign, path: change.path, entries: 0, bytes: 0 };
    } else {
      yield `${sign} ${showPath(change.path)}  ${inode?.kind === 'file' ? formatBytes(inode.size) : (inode?.kind ?? '')}`;
    }
  }
  if (folder !== undefined) yield folderLine(folder);
}

/** A directory that was added or removed, and the sums of what is in it. */
interface Folder {
  readonly sign: string;
  readonly path: RawPath;
  entries: number;
  bytes: number;
}

function folderLine({ sign, path, entries, bytes }: Folder): string {
  return `${sign} ${showPath(path)}/  ${plural(entries, 'entry').replace('entrys', 'entries')}, ${formatBytes(bytes)}`;
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

function* sumLines({ added, removed, changed }: Counts, cost: DownloadCost): Generator<string> {
  yield added + removed + changed === 0
    ? 'the files are the same'
    : `${added} added, ${removed} removed, ${changed} changed`;
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
