/** The flags of `login` and `logout`, and the values that both read. */
import { UsageError } from '../../errors.js';
import { parseRegistry } from '../../oci/reference.js';
import { credentialPaths } from '../../registry/auth/docker-config.js';
import { isLoopback } from '../../registry/http/hosts.js';
import type { Environment } from '../../io/variables.js';
import type { Flag, FlagValues } from './flags.js';
import { OUTPUT } from './global.js';
import { ONE_REGISTRY_FLAGS, REGISTRY, TRUST_FLAGS } from './registry.js';

const LOGIN = 'Login:';
/** The server of `docker login` without one. */
export const DEFAULT_SERVER = 'docker.io';

/** Another sentence than that of the commands that read logins. */
const AUTHFILE: Flag = {
  name: 'authfile',
  type: 'string',
  value: 'file',
  group: REGISTRY,
  help: "the file that the login is stored in; default: $REGISTRY_AUTH_FILE, else Docker's config.json",
};

const JSON_FLAG: Flag = {
  name: 'json',
  type: 'boolean',
  group: OUTPUT,
  help: 'print what was done as JSON',
};

export const LOGIN_FLAGS: readonly Flag[] = [
  { name: 'username', short: 'u', type: 'string', value: 'name', group: LOGIN, help: 'asked for without it' },
  {
    name: 'password-stdin',
    type: 'boolean',
    group: LOGIN,
    help: 'read the password from standard input, as scripts do; without it the terminal asks, and shows nothing',
  },
  {
    name: 'identity-token',
    type: 'boolean',
    group: LOGIN,
    help: 'what is read in place of the password is an identity token (an OAuth2 refresh token), which needs no user name',
  },
  {
    name: 'password',
    short: 'p',
    type: 'string',
    value: 'password',
    group: LOGIN,
    hidden: true,
    secret: true,
    help: 'refused: other users of the machine see command lines',
  },
  ...ONE_REGISTRY_FLAGS,
  AUTHFILE,
  ...TRUST_FLAGS.filter(({ name }) => name !== AUTHFILE.name),
  JSON_FLAG,
];

export const LOGOUT_FLAGS: readonly Flag[] = [AUTHFILE, JSON_FLAG];

/** The host of `SERVER`, as references have it. Throws InvalidReferenceError, and UsageError for clear text that no flag allows. */
export function serverOf(word: string | undefined, flags: FlagValues): string {
  const text = word ?? DEFAULT_SERVER;
  const host = parseRegistry(text);
  if (/^http:/i.test(text) && !flags.isOn('plain-http') && !isLoopback(host)) {
    throw new UsageError(`${text} would get the password in clear text`, {
      hint: `write ${host}; add --plain-http if it is meant to go without encryption`,
    });
  }
  return host;
}

/** The file in which the login is, or is going to be. Throws UsageError where nothing says which. */
export function loginFile(flags: FlagValues, env: Environment): string {
  const path = flags.text('authfile') ?? credentialPaths(env)[0];
  if (path !== undefined) return path;
  throw new UsageError('there is no home folder, so nothing says where logins are', {
    hint: 'name a file with --authfile, or a folder with DOCKER_CONFIG',
  });
}
