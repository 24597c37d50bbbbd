/**
 * WebDAV for reading (RFC 4918, class 1 without its writes): a client learns what a directory holds by PROPFIND. Symbolic links appear as
 * the files that they lead to. Links to directories are left out, since clients that copy whole trees would follow them in circles;
 * asked for by name they are answered.
 */
import { SaxesParser } from 'saxes';
import type { FileInode } from '../look/filesystem.js';
import { follow } from '../look/lookup.js';
import { displayName, type RawName, type RawPath } from '../oci/raw-name.js';
import { sortedChildrenSteps } from '../rafs-builder/model/walk.js';
import type { Inode, TreeNode } from '../rafs-builder/model/tree.js';
import { isPause } from '../turns.js';
import { type Entities, httpTime } from './entity.js';
import { escaped } from './markup.js';
import { Refusal } from './refusal.js';
import { encodedName, encodedPath } from './request-path.js';

const DAV = 'DAV:';

interface Property {
  readonly namespace: string;
  readonly name: string;
}

/** What a client asks for: names alone, all properties, or some. */
export type Wanted =
  { readonly kind: 'names' | 'all' } | { readonly kind: 'some'; readonly properties: readonly Property[] };

/** More of them are no question about a file. */
const MAX_PROPERTIES = 100;

/** Throws Refusal for a body that is no `propfind`. An empty one asks for everything. */
export function wantedProperties(body: string): Wanted {
  if (body.trim() === '') return { kind: 'all' };
  const properties: Property[] = [];
  const open: Property[] = [];
  let kind: Wanted['kind'] | undefined;
  const parser = new SaxesParser({ xmlns: true });
  const refuse = (reason: string): never => {
    throw new Refusal(400, `the body of PROPFIND cannot be read: ${reason}`);
  };
  parser.on('doctype', () => refuse('it has a document type'));
  parser.on('error', () => refuse('it is no XML'));
  parser.on('opentag', ({ uri, local }) => {
    const parent = open.at(-1);
    if (parent === undefined && !(uri === DAV && local === 'propfind')) refuse('it is no propfind');
    if (open.length === 1 && uri === DAV) {
      if (local === 'allprop') kind ??= 'all';
      if (local === 'propname') kind ??= 'names';
      if (local === 'prop') kind ??= 'some';
    }
    if (open.length === 2 && parent?.name === 'prop') {
      if (properties.length === MAX_PROPERTIES) refuse('it names too many properties');
      properties.push({ namespace: uri, name: local });
    }
    open.push({ namespace: uri, name: local });
  });
  parser.on('closetag', () => void open.pop());
  parser.write(body).close();
  if (kind === undefined) return refuse('it says not what it asks for');
  return kind === 'some' ? { kind, properties } : { kind };
}

/** A file or directory, by the name under which it is answered. */
interface Resource {
  readonly href: string;
  readonly name: RawName;
  readonly inode: Inode;
  /** A file's content; undefined for a directory. */
  readonly file: FileInode | undefined;
}

export interface Listing {
  readonly root: TreeNode;
  readonly entities: Entities;
  /** The path that was asked for. */
  readonly names: readonly RawName[];
  /** The node to which it leads, and where that is without links. */
  readonly node: TreeNode;
  readonly path: RawPath;
  readonly wanted: Wanted;
  /** True for the directory's content, too. */
  readonly withChildren: boolean;
}

/** Yields the body of the answer, with pauses. */
export function* multistatus(listing: Listing): Generator<string | undefined, void> {
  const { names, node, withChildren, wanted, entities } = listing;
  yield '<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">\n';
  const isDirectory = node.children !== undefined;
  const base = encodedPath(names, isDirectory);
  const itself = resourceOf(base, names.at(-1) ?? ('' as RawName), node); // the root has no name
  if (itself !== undefined) yield response(itself, wanted, entities);
  if (isDirectory && withChildren) {
    const children = yield* sortedChildrenSteps(node);
    for (const [i, child] of children.entries()) {
      if (isPause(i)) yield undefined;
      const target = child.inode.kind === 'symlink' ? linkedFile(listing, child) : child;
      if (target === undefined) continue;
      const slash = target.children === undefined ? '' : '/';
      const resource = resourceOf(`${base}${encodedName(child.name)}${slash}`, child.name, target);
      if (resource !== undefined) yield response(resource, wanted, entities);
    }
  }
  yield '</D:multistatus>\n';
}

/** The file to which a link leads; undefined for other links. */
function linkedFile({ root, path }: Listing, { name }: TreeNode): TreeNode | undefined {
  const end = follow(root, (path === '' ? name : `${path}/${name}`) as RawPath, { follow: true }); // joined by `/`
  return 'node' in end && end.node.children === undefined ? end.node : undefined;
}

/** Undefined for what WebDAV does not know: devices, pipes and sockets. */
function resourceOf(href: string, name: RawName, { inode, children }: TreeNode): Resource | undefined {
  if (inode.kind === 'file') return { href, name, inode, file: inode };
  return children === undefined ? undefined : { href, name, inode, file: undefined };
}

function response({ href, name, inode, file }: Resource, wanted: Wanted, entities: Entities): string {
  const known = valuesOf(name, inode, file, entities);
  const found: string[] = [];
  const missing: string[] = [];
  if (wanted.kind === 'some') {
    for (const { namespace, name: property } of wanted.properties) {
      const value = namespace === DAV ? known.get(property) : undefined;
      if (value === undefined) missing.push(`<X:${property} xmlns:X="${escaped(namespace)}"/>`);
      else found.push(element(property, value));
    }
  } else {
    for (const [property, value] of known) found.push(element(property, wanted.kind === 'all' ? value : ''));
  }
  const propstat = (elements: readonly string[], status: string): string =>
    elements.length === 0
      ? ''
      : `<D:propstat><D:prop>${elements.join('')}</D:prop><D:status>HTTP/1.1 ${status}</D:status></D:propstat>`;
  return `<D:response><D:href>${href}</D:href>${propstat(found, '200 OK')}${propstat(missing, '404 Not Found')}${
    found.length + missing.length === 0 ? '<D:status>HTTP/1.1 200 OK</D:status>' : ''
  }</D:response>\n`;
}

function element(name: string, value: string): string {
  return value === '' ? `<D:${name}/>` : `<D:${name}>${value}</D:${name}>`;
}

function valuesOf(
  name: RawName,
  inode: Inode,
  file: FileInode | undefined,
  entities: Entities,
): ReadonlyMap<string, string> {
  const values = new Map([
    ['displayname', escaped(displayName(name))],
    ['resourcetype', file === undefined ? '<D:collection/>' : ''],
  ]);
  const time = httpTime(inode);
  if (time !== undefined) values.set('getlastmodified', time);
  if (file === undefined) return values;
  const { size, type, etag } = entities.of(file, name);
  values.set('getcontentlength', String(size));
  values.set('getcontenttype', escaped(type));
  values.set('getetag', escaped(etag));
  return values;
}
