/** `nydusify stat`: all that an image knows of a path: attributes, names, where its bytes lie. */
import type { Filesystem } from '../../look/filesystem.js';
import { lookup, pathFromText, showPath, type Found } from '../../look/lookup.js';
import { displayName, rawNameBytes } from '../../oci/raw-name.js';
import { digestHex } from '../../oci/digest.js';
import { formatTime, permissions, TYPE_LETTERS } from '../../rafs-builder/show/describe.js';
import type { Inode } from '../../rafs-builder/model/tree.js';
import type { CommandTable } from '../command.js';
import { STAT_FLAGS } from '../flags/look.js';
import { entryJson, LinkCounts } from '../text/look.js';
import { rawJson } from '../text/path-json.js';
import { inTurns, isPause } from '../../turns.js';
import { LazyList, type Lines } from '../text/print.js';
import { printable } from '../text/printable.js';
import { Looking, LOCATIONS } from './look.js';
import { longTable } from '../text/columns.js';
import { formatBytes } from '../text/units.js';

const EXAMPLES = `
Examples:
  $ nydusify stat registry.example/app:1.0-nydus /usr/bin/app
  $ nydusify stat -L --json registry.example/app:1.0-nydus /bin/sh | jq '.chunks | length'`;

export const STAT: CommandTable = {
  description: `Shows attributes, extended attributes, hard links and chunks of a path, without pulling the image.\n\n${LOCATIONS}`,
  words: [
    ['<ref>', 'the image'],
    ['<path>', 'what to look at'],
  ],
  usage: '[options] REF PATH',
  flags: STAT_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const [location = '', text = ''] = call.words;
    await using looking = new Looking(call);
    const follow = looking.flags.isOn('dereference');
    const path = pathFromText(text);
    const filesystem = await looking.filesystem(location, { path, follow });
    const found = lookup(filesystem.root, path, { follow });
    const links = await inTurns(LinkCounts.of(filesystem.root), looking.context.signal);
    if (looking.json) await looking.printJson(statJson(filesystem, found, links), filesystem);
    else await looking.print(statLines(filesystem, found, links));
    looking.stats();
  },
};

interface ShownChunk {
  /** Offset in the file, in bytes. */
  readonly offset: number;
  readonly size: number;
  readonly digest: string;
  /** The chunk's place in its blob; absent for plain layers, which store no chunks. */
  readonly stored: { readonly blob: string; readonly offset: number; readonly size: number } | undefined;
}

function* chunksOf(
  filesystem: Filesystem,
  { node: { inode } }: Found,
): Generator<ShownChunk | undefined, void> {
  if (inode.kind !== 'file') return;
  for (const [i, ref] of inode.chunks.entries()) {
    if (isPause(i + 1)) yield undefined;
    const { record, layer } = filesystem.chunk(ref);
    yield {
      offset: i * filesystem.chunkSize,
      size: record.uncompressedSize,
      digest: record.digest.toString('hex'),
      stored:
        layer === undefined
          ? undefined
          : {
              blob: digestHex(layer.digest),
              offset: record.compressedOffset,
              size: record.batch?.stored ?? record.compressedSize,
            },
    };
  }
}

function* statLines(filesystem: Filesystem, found: Found, links: LinkCounts): Lines {
  const { node, path } = found;
  const { inode } = node;
  const mode = inode.mode.toString(8).padStart(4, '0');
  const names = links.namesOf(inode).filter((name) => name !== path);
  const facts: [string, string][] = [
    ['path', showPath(path)],
    ['type', inode.kind],
    ['mode', `${mode} (${TYPE_LETTERS[inode.kind]}${permissions(inode.mode)})`],
    ['owner', `${inode.uid}:${inode.gid}`],
    ['modified', `${formatTime(inode)}${fraction(inode.mtimeNsec)}Z`],
    ['links', String(links.count(node))],
  ];
  if (inode.kind === 'symlink') facts.push(['target', displayName(inode.target)]);
  if (inode.kind === 'char' || inode.kind === 'block')
    facts.push(['device', `${inode.major},${inode.minor}`]);
  if (inode.kind === 'directory') facts.push(['entries', String(node.children?.size ?? 0)]);
  if (inode.kind === 'file') facts.push(['size', `${inode.size} (${formatBytes(inode.size)})`]);
  for (const name of names) {
    if (isPause(facts.length)) yield undefined;
    facts.push(['also', showPath(name)]);
  }
  for (const { name, value } of inode.xattrs)
    facts.push(['xattr', `${displayName(name)} = ${valueText(value)}`]);
  yield* longTable(
    facts.map(([key]) => [key]),
    new Set([0]),
    (row) => printable(facts[row]?.[1] ?? ''),
  );
  const rows: (readonly string[])[] = [];
  for (const chunk of chunksOf(filesystem, found)) {
    if (chunk === undefined) {
      yield undefined;
      continue;
    }
    const { offset, size, digest, stored } = chunk;
    const head = ['chunk', 'offset', 'bytes', filesystem.digester];
    if (rows.length === 0) rows.push(stored === undefined ? head : [...head, 'blob', 'at', 'stored']);
    rows.push([
      String(rows.length - 1),
      String(offset),
      String(size),
      digest.slice(0, 16),
      ...(stored === undefined ? [] : [stored.blob.slice(0, 12), String(stored.offset), String(stored.size)]),
    ]);
  }
  if (rows.length === 0) return;
  yield '';
  yield* longTable(rows, new Set([3, 4]));
}

function fraction(nanoseconds: number): string {
  return nanoseconds === 0 ? '' : `.${String(nanoseconds).padStart(9, '0')}`;
}

/** Text where it is text, else hexadecimal digits. */
function valueText(value: Uint8Array): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const text = bytes.toString('utf8');
  return /^[\x20-\x7e]*$/.test(text) ? `"${text}"` : `0x${bytes.toString('hex')}`;
}

function* namesOf(inode: Inode, links: LinkCounts): Generator<string | undefined, void> {
  for (const [count, name] of links.namesOf(inode).entries()) {
    if (isPause(count)) yield undefined;
    yield showPath(name);
  }
}

function statJson(filesystem: Filesystem, found: Found, links: LinkCounts): object {
  const { node, path } = found;
  const { inode } = node;
  return {
    ...entryJson(path, node, links),
    names: new LazyList(namesOf(inode, links)),
    xattrs: inode.xattrs.map(({ name, value }) => ({
      ...rawJson('name', rawNameBytes(name).toString('latin1') as typeof path), // the same raw text
      valueBase64: Buffer.from(value).toString('base64'),
    })),
    digester: filesystem.digester,
    chunks: new LazyList(chunksOf(filesystem, found)),
  };
}
