/** `nydusify login`: tries a login at a registry, and stores it where Docker and others find it, too. */
import { UsageError } from '../../errors.js';
import type { Credential } from '../../registry/auth/credentials.js';
import { loginHost } from '../../registry/auth/hosts-of-logins.js';
import { registryHost } from '../../oci/reference.js';
import { storeLogin, type StoredLogin } from '../../registry/auth/login-store.js';
import { tryLogin } from '../../registry/distribution/try-login.js';
import type { CommandCall, CommandTable } from '../command.js';
import { openOptions } from '../flags/environment.js';
import { LOGIN_FLAGS, loginFile, serverOf } from '../flags/login.js';
import { registryFlags } from '../flags/registry.js';
import { printJson, printLine, printMessage } from '../text/print.js';
import { withAdvice } from '../text/remedies.js';

const EXAMPLES = `
The login is tried before it is stored. It goes into the file of --authfile, else of $REGISTRY_AUTH_FILE, else into config.json of
$DOCKER_CONFIG or ~/.docker; if that file names a credential helper for the registry (credsStore, credHelpers), the helper keeps it.
docker, podman, skopeo and oras read the same file.

Examples:
  The terminal asks for name and password:
    $ nydusify login registry.example
  In a pipeline:
    $ printf '%s' "$REGISTRY_PASSWORD" | nydusify login -u ci --password-stdin registry.example:5000
  A login of this job alone:
    $ printf '%s' "$TOKEN" | nydusify login -u ci --password-stdin --authfile job.json registry.example
    $ nydusify convert --authfile job.json registry.example/app:1.0 registry.example/app:1.0-nydus`;

export const LOGIN: CommandTable = {
  description:
    'Logs in to a registry.\n\nSERVER is a host with an optional port; without one it is Docker Hub.',
  words: [['[server]', 'the registry; docker.io by default']],
  usage: '[options] [SERVER]',
  flags: LOGIN_FLAGS,
  examples: EXAMPLES,
  run: async (call) => {
    const { context, flags, log } = call;
    refusePassword(call);
    const server = serverOf(call.words[0], flags);
    const path = loginFile(flags, context.env);
    const credential = await credentialOf(call, server);
    const reporter = withAdvice(
      {
        emit: (event) => {
          if (event.type === 'warning') printMessage(context, `warning: ${event.message}`);
        },
      },
      { name: call.name, flags: call.declared },
    );
    const { signal } = context;
    // The file is where the login goes to; none is read for it.
    const options = await openOptions(context.env, { ...registryFlags(flags), authFile: undefined });
    const tried = await tryLogin(server, credential, { ...options, side: 'source' }, { signal, reporter });
    const host = loginHost(registryHost({ registry: server }));
    const stored = await storeLogin(host, tried.credential, { path, env: context.env, signal });
    if (!tried.wasAsked)
      printMessage(context, `warning: registry ${server} asks for no login, so this one could not be tried`);
    if (flags.isOn('json')) {
      printJson(context.stdout, loginDocument(server, credential, { ...stored, tried: tried.wasAsked }), 2);
      return;
    }
    const user = credential.username === undefined ? '' : ` as ${credential.username}`;
    printLine(context.stdout, `logged in to ${server}${user}`);
    if (!log.quiet) printMessage(context, `note: ${placeOf(stored)}`);
  },
};

interface Done extends StoredLogin {
  /** False if the registry asked for no login. */
  readonly tried: boolean;
}

function loginDocument(server: string, { username }: Credential, { path, helper, tried }: Done): object {
  return {
    schemaVersion: 1,
    server,
    ...(username === undefined ? {} : { username }),
    tried,
    file: path,
    ...(helper === undefined ? {} : { helper }),
  };
}

function placeOf({ path, helper }: StoredLogin): string {
  return helper === undefined
    ? `the login lies in ${path}, readable for you alone and not encrypted; a helper named there by "credsStore" would keep it better`
    : `the login lies with docker-credential-${helper}, which ${path} names`;
}

/** A word that is longer than any password, and shorter than a file that was piped by mistake. */
const MAX_SECRET = 64 * 1024;

function refusePassword({ flags }: CommandCall): void {
  if (!flags.isGiven('password')) return;
  const variable = flags.variableOf('password');
  throw new UsageError(
    variable === undefined
      ? 'a password on the command line is seen by every user of the machine, and kept by the shell: --password is refused'
      : `$${variable} is refused, since programs that are started would inherit the password`,
    { hint: `printf '%s' "$PASSWORD" | nydusify login --username NAME --password-stdin SERVER` },
  );
}

/** Throws UsageError where neither a pipe nor a person gives what is needed. */
async function credentialOf({ flags, context }: CommandCall, server: string): Promise<Credential> {
  const { input, signal } = context;
  const byToken = flags.isOn('identity-token');
  const piped = flags.isOn('password-stdin');
  const isTerminal = input?.isTerminal === true;
  const secretName = byToken ? 'identity token' : 'password';
  if (!piped && !isTerminal) {
    throw new UsageError(`there is no terminal to ask for the ${secretName}`, {
      hint: 'pipe it, and add --password-stdin',
    });
  }
  let username = flags.text('username');
  if (username === undefined && !byToken) {
    if (piped || input === undefined)
      throw new UsageError('--password-stdin needs --username', {
        hint: 'standard input holds the password alone',
      });
    username = (await input.ask(`user name at ${server}: `, { hidden: false, signal })).trim();
    if (username === '') throw new UsageError('the user name is empty');
  }
  if (username?.includes(':') === true)
    throw new UsageError('a user name with a colon cannot be told from its password', {
      hint: 'Basic authentication ends the name at the first colon',
    });
  const secret = piped
    ? lineOf((await input?.readAll(MAX_SECRET, signal)) ?? Buffer.alloc(0))
    : ((await input?.ask(`${secretName}: `, { hidden: true, signal })) ?? '');
  if (secret === '')
    throw new UsageError(`the ${secretName} is empty`, {
      ...(piped ? { hint: 'nothing came on standard input: check the variable or file that is piped' } : {}),
    });
  return byToken ? { username, identityToken: secret } : { username, password: secret };
}

/** The text without the line break that `echo` and files end with. */
function lineOf(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/\r?\n$/, '');
}
