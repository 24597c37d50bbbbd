/** `nydusify logout`: removes a login, under every name that it may be stored by. */
import { parseRegistry, registryHost } from '../../oci/reference.js';
import { credentialPaths } from '../../registry/auth/docker-config.js';
import { loginHost } from '../../registry/auth/hosts-of-logins.js';
import { eraseLogin, holdsLogin } from '../../registry/auth/login-store.js';
import type { CommandTable } from '../command.js';
import { DEFAULT_SERVER, loginFile, LOGOUT_FLAGS } from '../flags/login.js';
import { printJson, printLine, printMessage } from '../text/print.js';

const EXAMPLES = `
Examples:
  $ nydusify logout registry.example
  $ nydusify logout --authfile job.json registry.example`;

export const LOGOUT: CommandTable = {
  description:
    'Removes the login of a registry, from the file that `login` stores it in, and from the credential helper that the file names.\n\n' +
    'SERVER is a host with an optional port; without one it is Docker Hub.',
  words: [['[server]', 'the registry; docker.io by default']],
  usage: '[options] [SERVER]',
  flags: LOGOUT_FLAGS,
  examples: EXAMPLES,
  run: async ({ words, flags, context, log }) => {
    const { env, signal } = context;
    const server = parseRegistry(words[0] ?? DEFAULT_SERVER);
    const host = loginHost(registryHost({ registry: server }));
    const path = loginFile(flags, env);
    const erased = await eraseLogin(host, { path, env, signal });
    // Another program has stored a login there, for its own use.
    const elsewhere = flags.text('authfile') === undefined ? credentialPaths(env) : [];
    const others: string[] = [];
    for (const other of elsewhere) if (other !== path && (await holdsLogin(host, other))) others.push(other);
    if (flags.isOn('json')) {
      printJson(context.stdout, { schemaVersion: 1, server, file: path, removed: erased, others }, 2);
      return;
    }
    printLine(context.stdout, erased ? `logged out of ${server}` : `${path} holds no login of ${server}`);
    if (log.quiet) return;
    for (const other of others)
      printMessage(
        context,
        `note: ${other} still holds a login of ${server}: --authfile ${other} removes it`,
      );
  },
};
