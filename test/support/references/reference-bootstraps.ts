/** The reference's merged bootstraps, byte for byte, written again from the dumps in `fixtures/reference`. */
import { readV6 } from '../../../src/rafs-builder/index.js';
import { writeV6 } from '../../second-opinion/write.js';
import { writeXattrs, xattrAreaSize } from '../../second-opinion/xattrs.js';
import { parseDump } from '../images/dump-parser.js';
import {
  hasReference,
  referenceDigests,
  referenceJson,
  referenceText,
  type ReferenceOption,
} from '../images/fixtures.js';
import { v5FromDump } from '../images/v5-from-dump.js';

/** `option` is the folder of the result: `v6-zstd`, `v5-none`, … */
export function referenceBootstrap(name: string, option: string): Buffer {
  const dump = referenceText(name, option, 'merged.dump');
  if (option.startsWith('v5')) return v5FromDump(dump);
  const bytes = Buffer.from(writeV6(parseDump(dump)));
  // The reference writes several xattrs of one inode in random order; the dump has them sorted.
  if (hasReference(name, option, 'xattr-order.txt'))
    reorder(bytes, readOrder(referenceText(name, option, 'xattr-order.txt')));
  return bytes;
}

/** SHA-256 in hex of what the reference wrote. */
export function referenceBootstrapDigest(name: string, option: string): string | undefined {
  if (!option.startsWith('v5')) return referenceDigests()[name]?.[option as ReferenceOption]?.bootstrap;
  const digests = referenceJson('v5-digests.json') as Record<string, Record<string, string>>; // our own file
  return digests[name]?.[option];
}

/** Paths to names of xattrs, in the order in which they are stored. */
function readOrder(text: string): ReadonlyMap<string, readonly string[]> {
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line): [string, readonly string[]] => {
      const [path = '', ...names] = line.split(' ');
      return [path, names];
    }),
  );
}

/** Writes the xattrs of these paths again, in this order; they take the same room in any. */
function reorder(bytes: Buffer, order: ReadonlyMap<string, readonly string[]>): void {
  for (const { path, xattrs, bodyOffset } of readV6(bytes).inodes.values()) {
    const names = order.get(`/${path}`);
    if (names === undefined) continue;
    const copies = xattrs.map(({ name, value }) => ({ name, value: Buffer.from(value) }));
    const start = bodyOffset - xattrAreaSize(copies);
    bytes.fill(0, start, bodyOffset);
    writeXattrs(
      bytes,
      start,
      copies.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name)),
    );
  }
}
