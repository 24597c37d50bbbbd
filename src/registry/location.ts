/** Places of images: a registry reference, or a folder or file with a prefix for its kind. Text is parsed once, at the edge. */
import { resolve } from 'node:path';
import { InvalidReferenceError } from '../errors.js';
import { STDIN } from '../io/pipe.js';
import { type Digest, isDigest } from '../oci/digest.js';
import { type Reference, formatReference, parseReference } from '../oci/reference.js';

/** Selects one image of a folder or archive, which may hold several. */
export interface Selector {
  /** A tag, or a full name as `docker save` writes it. */
  readonly name?: string | undefined;
  readonly digest?: Digest | undefined;
}

export type Location =
  | { readonly kind: 'registry'; readonly reference: Reference }
  | ({ readonly kind: 'oci' | 'oci-archive' | 'docker-archive'; readonly path: string } & Selector);

const PREFIX = /^(oci|oci-archive|docker-archive):/;

/**
 * `REGISTRY/REPO:TAG@DIGEST`, `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:REF]`; the last three also take
 * `@DIGEST`. The file `-` is standard input. As in skopeo, the first colon after the prefix ends the path. Throws InvalidReferenceError.
 */
export function parseLocation(text: string): Location {
  if (text.startsWith('file://'))
    throw new InvalidReferenceError(`"${text}" does not say what the file or folder is`, {
      hint: 'write it as oci:FOLDER, oci-archive:FILE or docker-archive:FILE',
    });
  const prefix = PREFIX.exec(text);
  if (prefix === null)
    return { kind: 'registry', reference: parseReference(text.replace(/^docker:\/\//, '')) };
  const kind = prefix[1] as 'oci' | 'oci-archive' | 'docker-archive'; // the three alternatives of the pattern
  let rest = text.slice(prefix[0].length);
  let digest: Digest | undefined;
  const at = rest.lastIndexOf('@');
  if (at >= 0 && isDigest(rest.slice(at + 1))) {
    const digestText = rest.slice(at + 1);
    if (isDigest(digestText)) digest = digestText;
    rest = rest.slice(0, at);
  }
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const name = colon < 0 ? '' : rest.slice(colon + 1);
  if (path === '') {
    throw new InvalidReferenceError(`"${text}" names no ${kind === 'oci' ? 'folder' : 'file'}`, {
      hint: `write it as ${kind}:PATH or ${kind}:PATH:TAG`,
    });
  }
  return {
    kind,
    path: path === '-' && kind !== 'oci' ? STDIN : resolve(path),
    ...(name === '' ? {} : { name }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Accepts a location as text or as a parsed value. */
export function toLocation(location: string | Location): Location {
  return typeof location === 'string' ? parseLocation(location) : location;
}

/** The location with `digest` instead of its tag or name. */
export function withDigest(location: Location, digest: Digest): Location {
  if (location.kind !== 'registry') return { kind: location.kind, path: location.path, digest };
  const { registry, repository } = location.reference;
  return { kind: 'registry', reference: { registry, repository, digest } };
}

/** True when both are in one registry, which can then mount content from one to the other. */
export function inOneRegistry(one: Location, other: Location): boolean {
  return (
    one.kind === 'registry' &&
    other.kind === 'registry' &&
    one.reference.registry === other.reference.registry
  );
}

/** Host and repository; undefined for folders and files. */
export function repositoryOf(location: Location): string | undefined {
  if (location.kind !== 'registry') return undefined;
  return `${location.reference.registry}/${location.reference.repository}`;
}

/** The normal form; parses back to the same location. */
export function formatLocation(location: Location): string {
  if (location.kind === 'registry') return formatReference(location.reference);
  const name = location.name === undefined ? '' : `:${location.name}`;
  const digest = location.digest === undefined ? '' : `@${location.digest}`;
  return `${location.kind}:${location.path}${name}${digest}`;
}
