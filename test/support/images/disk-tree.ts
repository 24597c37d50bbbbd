/** What a disk keeps of a tree: ext4 has years up to 2446, no mode of a link, and no xattr of more than a few blocks. */

/** The last second of ext4. */
const LAST_SECOND = 15_032_385_535;
/** `treeDifferences` compares no time with it: programs make different ones of a time that the disk lacks. */
const ANY_TIME = '-';
/** Characters of a line whose xattrs no disk here holds. */
const TOO_LONG = 20_000;
/** Files of eStargz, which converters leave out. */
const ESTARGZ = new Set(['/stargz.index.json', '/.prefetch.landmark', '/.no.prefetch.landmark']);

/** The lines of a tree in the form of `expected.tree`, as they are after it was laid out on a disk. */
export function diskTree(tree: string): string {
  return tree
    .split('\n')
    .filter((line) => !ESTARGZ.has(line.split(' ')[0] ?? ''))
    .map(onDisk)
    .join('\n');
}

function onDisk(line: string): string {
  const [
    path = '',
    type,
    mode = '',
    uid = '',
    gid = '',
    size = '',
    mtime = '',
    content = '',
    first = '',
    ...xattrs
  ] = line.split(' ');
  if (type === undefined) return line;
  const time = Number(mtime) > LAST_SECOND ? ANY_TIME : mtime;
  const kept = line.length > TOO_LONG ? [] : xattrs;
  return [
    path,
    type,
    type === 'l' ? '0777' : maskedMode(mode, xattrs),
    uid,
    gid,
    size,
    time,
    content,
    first,
    ...kept,
  ].join(' ');
}

/** Linux keeps the mask of an access list and the mode's bits for the group as one (acl(5)). */
function maskedMode(mode: string, xattrs: readonly string[]): string {
  const list = xattrs.find((xattr) => xattr.startsWith(ACCESS_LIST))?.slice(ACCESS_LIST.length) ?? '';
  // Behind a version, entries of tag, bits and id.
  for (const [, bits = ''] of list.slice(8).matchAll(/1000(..)00.{8}/g))
    return `${mode.slice(0, -2)}${Number.parseInt(bits, 16)}${mode.slice(-1)}`;
  return mode;
}

const ACCESS_LIST = 'system.posix_acl_access=';
