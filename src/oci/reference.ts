/**
 * Image references: `registry/repository:tag@digest`, with Docker's short names (`nginx` is
 * `docker.io/library/nginx:latest`). The grammar is that of distribution's reference package, composed here of named
 * pieces. The text before the first slash is a host only if it has a dot, a colon or an upper-case letter, or is
 * `localhost`.
 */
import { InvalidReferenceError } from '../errors.js';
import { type Digest, isDigest } from './digest.js';
import { hasUserInfo, withoutUserInfo } from './user-info.js';

export interface Reference {
  /** The host, with an optional port, as people write it; `docker.io` for Docker Hub. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

const DEFAULT_REGISTRY = 'docker.io';
const DEFAULT_TAG = 'latest';
/** The API of Docker Hub is served by this host and not by `docker.io`. */
const DOCKER_HUB_HOST = 'registry-1.docker.io';
/** Former names of Docker Hub, which all mean `docker.io`. */
const DOCKER_HUB_ALIASES = new Set([
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'registry.hub.docker.com',
]);
const MAX_PORT = 65_535;
/** RepositoryNameTotalLengthMax of distribution, for the repository path alone. */
const MAX_REPOSITORY_LENGTH = 255;

/** One label of a host name: letters, digits, and hyphens inside. */
const hostLabel = /[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?/.source;
/** Host names and IPv4 addresses. */
const hostName = `${hostLabel}(?:\\.${hostLabel})*`;
/** An IPv6 address in brackets; zones are not allowed. */
const ipv6 = /\[[a-fA-F0-9:]*:[a-fA-F0-9:.]*\]/.source;
const port = /:[0-9]{1,5}/.source;
/** Words of a path component are separated by one dot, one or two underscores, or any number of hyphens. */
const separator = /(?:[._]|__|-+)/.source;
const pathComponent = `[a-z0-9]+(?:${separator}[a-z0-9]+)*`;

const HOST = new RegExp(`^(?:${hostName}|${ipv6})(?:${port})?$`);
const COMPONENT = new RegExp(`^${pathComponent}$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$/;

/**
 * Throws InvalidReferenceError, which says at which character the text is wrong. A name without tag and digest gets the tag
 * `latest`.
 */
export function parseReference(text: string): Reference {
  const fail = (at: number, reason: string): never => {
    throw new InvalidReferenceError(`invalid reference: ${reason}`, { fault: { text, at } });
  };
  if (hasUserInfo(text)) {
    throw new InvalidReferenceError('invalid reference: it holds a user and a password', {
      fault: { text: withoutUserInfo(text), at: 0 },
      hint: 'leave them out: the logins that are stored for the host are used',
    });
  }
  if (text === '') fail(0, 'the reference is empty');
  const blank = text.search(/\s/);
  if (blank >= 0) fail(blank, 'a reference has no blanks');
  const scheme = /^[a-z]+:\/\//.exec(text);
  if (scheme !== null) fail(0, `a reference has no scheme: leave out "${scheme[0]}"`);

  let rest = text;
  let digest: Digest | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    const digestText = rest.slice(at + 1);
    if (!isDigest(digestText))
      return fail(at + 1, 'a digest is "sha256:" and 64 hexadecimal digits in lower case');
    digest = digestText;
    rest = rest.slice(0, at);
  }

  let tag: string | undefined;
  const colon = rest.indexOf(':', rest.lastIndexOf('/') + 1);
  // `host:5000` alone is a name with a tag, as in Docker. In `[::1]` no colon starts a tag.
  if (colon >= 0 && !rest.startsWith('[', rest.lastIndexOf('/') + 1)) {
    tag = rest.slice(colon + 1);
    if (!TAG.test(tag))
      fail(
        colon + 1,
        'a tag has at most 128 letters, digits, ".", "_" and "-", and starts with none of ".-"',
      );
    rest = rest.slice(0, colon);
  }

  let registry = DEFAULT_REGISTRY;
  let repository = rest;
  const slash = rest.indexOf('/');
  const first = slash < 0 ? '' : rest.slice(0, slash);
  if (slash === 0) fail(0, 'the host before the slash is missing');
  if (isHostLike(first)) {
    if (!HOST.test(first)) fail(0, `"${first}" is not a host`);
    const portText = /:([0-9]+)$/.exec(first)?.[1];
    if (portText !== undefined && !isPort(Number(portText)))
      fail(first.length - portText.length, `a port is a number from 1 to ${MAX_PORT}`);
    registry = DOCKER_HUB_ALIASES.has(first) ? DEFAULT_REGISTRY : first;
    repository = rest.slice(slash + 1);
  }

  let offset = rest.length - repository.length;
  if (repository === '') fail(offset, 'the repository name is missing');
  if (repository.length > MAX_REPOSITORY_LENGTH)
    fail(offset, `a repository name has at most ${MAX_REPOSITORY_LENGTH} characters`);
  for (const component of repository.split('/')) {
    if (!COMPONENT.test(component)) fail(offset + wrongAt(component), componentReason(component));
    offset += component.length + 1;
  }
  if (registry === DEFAULT_REGISTRY && !repository.includes('/')) {
    if (/^[0-9a-f]{64}$/.test(repository)) fail(0, 'this is an image id, not a name');
    repository = `library/${repository}`;
  }
  if (tag === undefined && digest === undefined) tag = DEFAULT_TAG;
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/**
 * Parses a host with an optional port, as references begin with one: `registry` of a reference to it. A scheme, and the path of the
 * API behind the host, may stand there too. Throws InvalidReferenceError.
 */
export function parseRegistry(text: string): string {
  const host = text.replace(/^https?:\/\//i, '').replace(/\/(?:v[12]\/?)?$/, '');
  const shown = withoutUserInfo(text);
  if (host.includes('/')) {
    throw new InvalidReferenceError(`"${shown}" is more than a host`, {
      hint: `a login is for all of a registry: ${withoutUserInfo(host.replace(/\/.*$/, ''))}`,
    });
  }
  if (!HOST.test(host) || !isPort(Number(/:([0-9]+)$/.exec(host.replace(/^\[.*\]/, ''))?.[1] ?? 1)))
    throw new InvalidReferenceError(`"${shown}" is not a host`);
  if (!isHostLike(host)) {
    throw new InvalidReferenceError(
      `"${shown}" is not a host: references would take it for a part of a name`,
      {
        hint: 'write it with its domain or its port',
      },
    );
  }
  return DOCKER_HUB_ALIASES.has(host) ? DEFAULT_REGISTRY : host;
}

function isPort(port: number): boolean {
  return port >= 1 && port <= MAX_PORT;
}

/** Returns the full form, which `parseReference` turns back into the same reference. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** Returns the short form that people type, without Docker Hub's host and `library/`. */
export function familiarName(reference: Reference): string {
  const full = formatReference(reference);
  const official = `${DEFAULT_REGISTRY}/library/`;
  if (full.startsWith(official)) return full.slice(official.length);
  return full.startsWith(`${DEFAULT_REGISTRY}/`) ? full.slice(DEFAULT_REGISTRY.length + 1) : full;
}

/** Returns the host and port that serve the API of a reference's registry. */
export function registryHost(reference: Pick<Reference, 'registry'>): string {
  return reference.registry === DEFAULT_REGISTRY ? DOCKER_HUB_HOST : reference.registry;
}

/** Returns the same name with another tag and no digest. */
export function withTag(reference: Reference, tag: string): Reference {
  if (!TAG.test(tag)) throw new InvalidReferenceError(`"${tag}" is not a tag`);
  return { registry: reference.registry, repository: reference.repository, tag };
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** Repeats splitDockerDomain of distribution (normalize.go). */
function isHostLike(text: string): boolean {
  return /[.:]/.test(text) || text === 'localhost' || text !== text.toLowerCase();
}

/** Returns the offset of the first character that is not allowed at its place. */
function wrongAt(component: string): number {
  for (let length = 1; length <= component.length; length++) {
    const start = component.slice(0, length);
    // A start is valid if it is a component, or becomes one with one more word after its separator.
    if (!COMPONENT.test(start) && !COMPONENT.test(`${start}a`)) return length - 1;
  }
  return component.length;
}

function componentReason(component: string): string {
  if (component === '') return 'a part of the name between slashes is empty';
  if (component !== component.toLowerCase()) return 'a repository name is in lower case';
  return 'a repository name has lower-case letters and digits, with ".", "_", "__" or "-" between them';
}
