import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { test } from 'node:test';
import { openOptions } from '../../../src/cli/flags/environment.js';
import { configFolder, given, homeFolder } from '../../../src/io/variables.js';
import { credentialPaths } from '../../../src/registry/auth/docker-config.js';

/** Every variable that is read, but for those of flags. */
const NAMES = [
  'ALL_PROXY',
  'DOCKER_CONFIG',
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'NODE_EXTRA_CA_CERTS',
  'NO_PROXY',
  'REGISTRY_AUTH_FILE',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
  'XDG_CONFIG_HOME',
  'XDG_RUNTIME_DIR',
  'http_proxy',
  'https_proxy',
  'no_proxy',
] as const;

test('a variable that is empty counts as not set', async () => {
  assert.equal(given({ A: '', B: 'b' }, 'A', 'B'), 'b');
  assert.equal(homeFolder({ HOME: '' }), homedir());
  assert.equal(configFolder({ HOME: '/h', XDG_CONFIG_HOME: '' }), '/h/.config');
  const registries = { insecure: false, plainHttp: false };
  const shape = async (env: Readonly<Record<string, string>>): Promise<unknown> => {
    const { proxies, trust, credentials } = await openOptions({ HOME: '/h', ...env }, registries);
    return { proxies, trust, searched: credentials?.description };
  };
  const unset = await shape({});
  for (const name of NAMES) {
    assert.deepEqual(await shape({ [name]: '' }), unset, name);
    assert.notDeepEqual(await shape({ [name]: '/somewhere' }), unset, name);
  }
});

test('the lower-case name of a proxy wins unless it is empty', async () => {
  const { proxies = {} } = await openOptions(
    {
      http_proxy: '',
      HTTP_PROXY: 'http://upper:1',
      https_proxy: 'http://lower:1',
      HTTPS_PROXY: 'http://upper:1',
    },
    { insecure: false, plainHttp: false },
  );
  assert.equal(proxies.http, 'http://upper:1');
  assert.equal(proxies.https, 'http://lower:1');
});

test('empty names never lead into the current folder', () => {
  const paths = credentialPaths({
    HOME: '/h',
    DOCKER_CONFIG: '',
    XDG_RUNTIME_DIR: '',
    REGISTRY_AUTH_FILE: '',
  });
  assert.deepEqual(paths, [
    '/h/.docker/config.json',
    `/run/containers/${process.getuid?.() ?? ''}/auth.json`,
    '/h/.config/containers/auth.json',
  ]);
});
