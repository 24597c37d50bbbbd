/** `nydusify logout`: removes a login, under every name that it may be stored by. */
import { parseRegistry, registryHost } from '../../oci/reference.js';
import { credentialPaths } from '../../registry/auth/docker-config.js';
import { loginHost } from '../../registry/auth/hosts-of-logins.js';
import { eraseLogin, holdsLogin } from '../../registry/auth/login-store.js';
import type { CommandTable } from '../command.js';
import { DEFAULT_SERVER, loginFile, LOGOUT_FLAGS } from '../flags/login.js';
import { printLine } from '../text/print.js';

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
    const { env, signal, stdout, stderr } = context;
    const server = parseRegistry(words[0] ?? DEFAULT_SERVER);
    const host = loginHost(registryHost({ registry: server }));
    const path = loginFile(flags, env);
    const erased = await eraseLogin(host, { path, env, signal });
    printLine(stdout, erased ? `logged out of ${server}` : `${path} holds no login of ${server}`);
    if (log.quiet || flags.text('authfile') !== undefined) return;
    // Another program has stored it there, for its own use.
    for (const other of credentialPaths(env).filter((one) => one !== path))
      if (await holdsLogin(host, other))
        printLine(stderr, `note: ${other} still holds a login of ${server}: --authfile ${other} removes it`);
  },
};
