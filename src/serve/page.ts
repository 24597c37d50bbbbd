/** The page of a directory: names, sizes and times, without a script. */
import { createHash } from 'node:crypto';
import { displayName, type RawName } from '../oci/raw-name.js';
import { sortedChildrenSteps } from '../rafs-builder/model/walk.js';
import type { Inode, TreeNode } from '../rafs-builder/model/tree.js';
import { isPause } from '../turns.js';
import { httpTime } from './entity.js';
import { escaped } from './markup.js';
import { encodedName } from './request-path.js';

const STYLE = [
  'body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}',
  'h1{font-size:1.2rem;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}',
  'th,td{text-align:left;padding:.15rem .75rem .15rem 0;vertical-align:top}td:first-child{overflow-wrap:anywhere}',
  '.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.k{opacity:.7}',
].join('');

/** The page may have this one style sheet and load nothing. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Yields the page, with pauses. `names` are those of the path that was asked for. */
export function* directoryPage(
  names: readonly RawName[],
  directory: TreeNode,
): Generator<string | undefined, void> {
  const title = escaped(`/${names.map(displayName).join('/')}`);
  yield (
    `<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<title>${title}</title><style>${STYLE}</style></head><body><h1>${title}</h1>\n` +
    `<table><thead><tr><th scope="col">Name</th><th scope="col" class="n">Bytes</th><th scope="col">Modified</th></tr></thead><tbody>\n`
  );
  if (names.length > 0) yield row('<a href="../">../</a>', '', '');
  const children = yield* sortedChildrenSteps(directory);
  for (const [i, { name, inode }] of children.entries()) {
    if (isPause(i)) yield undefined;
    yield row(nameCell(name, inode), inode.kind === 'file' ? String(inode.size) : '', httpTime(inode) ?? '');
  }
  yield '</tbody></table></body></html>\n';
}

function row(name: string, size: string, time: string): string {
  return `<tr><td>${name}</td><td class="n">${size}</td><td class="n">${time}</td></tr>\n`;
}

function nameCell(name: RawName, inode: Inode): string {
  const shown = escaped(displayName(name));
  // The prefix keeps a name such as `javascript:x` from being read as an address.
  const link = (slash: string): string => `<a href="./${encodedName(name)}${slash}">${shown}${slash}</a>`;
  switch (inode.kind) {
    case 'directory':
      return link('/');
    case 'file':
      return link('');
    case 'symlink':
      return `${link('')} <span class="k">→ ${escaped(displayName(inode.target))}</span>`;
    case 'char':
    case 'block':
    case 'fifo':
    case 'socket':
      return `${shown} <span class="k">${inode.kind}</span>`;
  }
}
