/** The names under which logins are stored: Docker, podman and their helpers have several spellings for one host. */

/** The key of Docker Hub's entry, which Docker has kept since its first registry. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';
const DOCKER_HUB = 'docker.io';
const DOCKER_HUB_HOSTS = new Set([
  'registry-1.docker.io',
  DOCKER_HUB,
  'index.docker.io',
  'registry.hub.docker.com',
]);
/** Docker's own login in a browser stores two tokens beside the entry. */
const DOCKER_HUB_TOKENS = /^index\.docker\.io\/v1\/(?:access|refresh)-token$/;

/** The host's name for a person who logs in, which is one name for all hosts of Docker Hub. */
export function loginHost(host: string): string {
  return DOCKER_HUB_HOSTS.has(host) ? DOCKER_HUB : host;
}

/** The key that Docker, podman, skopeo and oras store a login of this host under, and ask helpers for. */
export function storedKey(host: string): string {
  return DOCKER_HUB_HOSTS.has(host) ? DOCKER_HUB_KEY : host;
}

/** Old clients stored `https://host/v1/` where new ones store `host`. */
export function normalKey(key: string): string {
  const bare = bareKey(key);
  return DOCKER_HUB_HOSTS.has(bare) ? DOCKER_HUB : bare;
}

/** True for every key of this host, in any spelling and in capitals too; not for a key of a part of its repositories. */
export function isKeyOf(key: string, host: string): boolean {
  const lower = key.toLowerCase();
  if (normalKey(lower) === loginHost(host.toLowerCase())) return true;
  return loginHost(host.toLowerCase()) === DOCKER_HUB && DOCKER_HUB_TOKENS.test(bareKey(lower));
}

/** The spellings that helpers may hold a login under: they are asked by exact keys, and not all of them can list theirs. */
export function spellings(host: string): readonly string[] {
  const hosts = loginHost(host) === DOCKER_HUB ? [...DOCKER_HUB_HOSTS] : [host];
  const plain = hosts.flatMap((one) => [one, `https://${one}`, `http://${one}`]);
  return [...new Set([storedKey(host), ...plain])];
}

function bareKey(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '');
}
