import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FormatError } from '../../../../src/errors.js';
import { parseReference } from '../../../../src/oci/reference.js';
import { endpointsOf } from '../../../../src/registry/distribution/endpoints.js';
import { hostUrl } from '../../../../src/registry/distribution/registry-settings.js';
import { parseHostsToml } from '../../../../src/registry/distribution/hosts-toml.js';
import { tempFolder } from '../../../support/temp-folder.js';

const FILE = `
server = "https://registry-1.docker.io"

[host."https://mirror-b.example:8443/cache"]
  capabilities = ["pull", "resolve"]
  ca = ["one.pem", "/abs/two.pem"]
  client = [["c.cert", "c.key"], "both.pem"]
  dial_timeout = "1.5s"
  [host."https://mirror-b.example:8443/cache".header]
    x-team = "blue"
    X-Many = ["1", "2"]

[host."mirror-a.example"]
  skip_verify = true
  capabilities = ["pull"]

[host."http://plain.example/api/v1"]
  override_path = true
`;

test('hosts come in the order of the file, the server last, with all that is said of them', () => {
  const [b, a, plain, server, ...rest] = parseHostsToml(FILE, 'hosts.toml', '/certs/docker.io');
  assert.deepEqual(rest, []);
  assert.equal(b?.root?.href, 'https://mirror-b.example:8443/cache/v2');
  assert.deepEqual(b.capabilities, ['pull', 'resolve']);
  assert.deepEqual(b.headers, { 'x-team': 'blue', 'x-many': '1, 2' });
  assert.deepEqual(b.tls, {
    ca: ['/certs/docker.io/one.pem', '/abs/two.pem'],
    client: [
      { cert: '/certs/docker.io/c.cert', key: '/certs/docker.io/c.key' },
      { cert: '/certs/docker.io/both.pem', key: undefined },
    ],
    skipVerify: false,
    dialTimeoutMs: 1500,
  });
  assert.equal(a?.root?.href, 'https://mirror-a.example/v2');
  assert.equal(a.tls.skipVerify, true);
  assert.equal(plain?.root?.href, 'http://plain.example/api/v1');
  assert.deepEqual(plain.capabilities, ['pull', 'resolve', 'push']);
  assert.equal(server?.root?.href, 'https://registry-1.docker.io/v2');
});

test('a file that is wrong says where, and never what stands there', () => {
  const fails = (text: string, pattern: RegExp): void => {
    assert.throws(
      () => parseHostsToml(text, '/x/hosts.toml', '/x'),
      (error) => error instanceof FormatError && pattern.test(error.message) && !/s3cret/.test(error.message),
      text,
    );
  };
  fails('server = "https://a"\n[host.x.header]\nauthorization = "s3cret', /hosts\.toml is no TOML: line 3/);
  fails('[host."https://a"]\ncapabilities = ["fly"]', /capability "fly" is none of pull, resolve, push/);
  fails(
    '[host."https://a"]\nskip_verify = "s3cret"',
    /host\.https:\/\/a\.skip_verify is not as containerd has it/,
  );
  fails('[host."ftp://a"]', /is no host|neither http nor https/);
  fails('[host."https://a"]\ndial_timeout = "soon"', /no duration/);
});

test('the folder of a registry is found as containerd finds it, else the one for all', async (t) => {
  const root = await tempFolder(t);
  const put = async (name: string, content: string, file = 'hosts.toml'): Promise<void> => {
    await mkdir(join(root, name), { recursive: true });
    await writeFile(join(root, name, file), content);
  };
  const hosts = async (reference: string): Promise<string[]> =>
    (await endpointsOf(parseReference(reference), { hostsDir: root })).map(
      ({ host, root: url, namespace }) =>
        `${url?.origin ?? host}${namespace === undefined ? '' : ` ns=${namespace}`}`,
    );
  assert.deepEqual(await hosts('a.example/x'), ['a.example']);
  await put('_default', '[host."https://all.example"]');
  assert.deepEqual(await hosts('a.example/x'), ['https://all.example ns=a.example', 'a.example']);
  assert.deepEqual(await hosts('nginx'), ['https://all.example ns=docker.io', 'registry-1.docker.io']);
  await put('a.example:5000', '[host."https://with-colon"]');
  assert.deepEqual(await hosts('a.example:5000/x'), [
    'https://with-colon ns=a.example:5000',
    'a.example:5000',
  ]);
  await put('a.example_5000_', 'server = "https://instead.example"');
  assert.deepEqual(await hosts('a.example:5000/x'), ['https://instead.example ns=a.example:5000']);
  await put('docker.io', 'server = "https://registry-1.docker.io"');
  assert.deepEqual(await hosts('nginx'), ['https://registry-1.docker.io']);
  await put('certs.example', 'x', 'ca.crt');
  const [certs] = await endpointsOf(parseReference('certs.example/x'), { hostsDir: root });
  assert.deepEqual(certs?.tls, { ca: [join(root, 'certs.example', 'ca.crt')], client: [] });
});

test('settings of a registry stand for a hosts.toml where there is none for it', async (t) => {
  const root = await tempFolder(t);
  const registries = {
    'a.example:5000': {
      plainHttp: true,
      mirrors: ['http://mirror.example', 'https://other.example:8443/base'],
      ca: ['/ca.pem'],
    },
    'docker.io': { insecure: true },
  };
  await mkdir(join(root, '_default'));
  await writeFile(join(root, '_default', 'hosts.toml'), '[host."https://all.example"]');
  const endpoints = async (reference: string): Promise<unknown> =>
    (await endpointsOf(parseReference(reference), { hostsDir: root, registries })).map(
      ({ host, root: url, capabilities, tls, namespace }) => [
        host,
        url?.href,
        capabilities.join(),
        tls,
        namespace,
      ],
    );
  const ca = ['/ca.pem'];
  assert.deepEqual(await endpoints('a.example:5000/x'), [
    ['mirror.example', 'http://mirror.example/v2', 'pull', { ca, skipVerify: false }, 'a.example:5000'],
    [
      'other.example:8443',
      'https://other.example:8443/base/v2',
      'pull',
      { ca, skipVerify: false },
      'a.example:5000',
    ],
    [
      'a.example:5000',
      'http://a.example:5000/v2',
      'pull,resolve,push',
      { ca, skipVerify: undefined },
      undefined,
    ],
  ]);
  assert.deepEqual(await endpoints('nginx'), [
    ['registry-1.docker.io', undefined, 'pull,resolve,push', { ca: [], skipVerify: true }, undefined],
  ]);
  await mkdir(join(root, 'docker.io'));
  await writeFile(join(root, 'docker.io', 'hosts.toml'), 'server = "https://registry-1.docker.io"');
  assert.deepEqual(await endpoints('nginx'), [
    [
      'registry-1.docker.io',
      'https://registry-1.docker.io/v2',
      'pull,resolve,push',
      { ca: [], client: [], skipVerify: false, dialTimeoutMs: undefined },
      undefined,
    ],
  ]);
  assert.throws(
    () => hostUrl('https://me:secret@mirror.example'),
    (error) => error instanceof FormatError && !error.message.includes('secret'),
  );
});
