import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { RegistryError } from '../../../../src/errors.js';
import { NamedHosts, networkOf } from '../../../../src/registry/http/addresses.js';
import { Redactor } from '../../../../src/registry/http/redact.js';
import { Transport } from '../../../../src/registry/http/transport.js';

test('an address is known for what it is, however it is written', () => {
  for (const [network, addresses] of Object.entries({
    loopback: ['127.0.0.1', '127.9.9.9', '0.0.0.0', '::1', '::', '::ffff:127.0.0.1', '::7f00:1'],
    'link-local': [
      '169.254.169.254',
      'fe80::1',
      'fe80::1%eth0',
      '::ffff:a9fe:a9fe',
      '64:ff9b::169.254.169.254',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
      '::ffff:100.100.100.200',
      'fd00:ec2::254',
      'fd20:ce::254',
    ],
    private: [
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.100.100.201',
      'fd00:ec2::255',
      '64:ff9b:1::a9fe:a9fe',
      '2002:a00:1::',
    ],
    public: ['8.8.8.8', '172.32.0.1', '2001:4860:4860::8888', '64:ff9b::8.8.8.8'],
  }))
    for (const address of addresses) assert.equal(networkOf(address), network, address);
});

test('a registry leads to hosts of its own kind of network, and to others only by leave', () => {
  const cases: readonly (readonly [named: string, led: readonly string[], refused: readonly string[]])[] = [
    [
      'registry.example',
      ['s3.example', '8.8.8.8'],
      ['127.0.0.1:80', 'localhost', 'a.localhost', '[::1]:8080', '10.0.0.1', '169.254.169.254', '[fd00::1]'],
    ],
    ['127.0.0.1:5000', ['127.0.0.1:80', 'localhost:1', '[::1]'], ['169.254.169.254', '192.168.0.1']],
    ['10.1.2.3', ['10.1.2.4:9000', '192.168.0.1'], ['127.0.0.1', '169.254.169.254', '100.100.100.200']],
    ['169.254.1.1', ['169.254.1.1:80', '1.1.1.1'], ['169.254.169.254', '10.0.0.1']],
  ];
  for (const [named, led, refused] of cases) {
    const hosts = new NamedHosts();
    hosts.add(named);
    for (const host of led) assert.ok(hosts.allows(host), `${named} leads to ${host}`);
    for (const host of refused) assert.ok(!hosts.allows(host), `${named} does not lead to ${host}`);
    const byLeave = new NamedHosts(refused);
    byLeave.add(named);
    for (const host of refused) assert.ok(byLeave.allows(host), host);
  }
});

test('a name is judged by the address that the connection would use', async () => {
  const hosts = new NamedHosts();
  hosts.add('registry.example');
  const looked = (name: string, of = hosts): Promise<string> =>
    new Promise((resolve, reject) => {
      of.lookup(name, {}, (error, address) => {
        if (error !== null) reject(error);
        else resolve(typeof address === 'string' ? address : '');
      });
    });
  await assert.rejects(looked('localhost'), { code: 'ERR_PRIVATE_ADDRESS' });
  const allowing = new NamedHosts(['localhost']);
  allowing.add('registry.example');
  assert.match(await looked('localhost', allowing), /^(127\.0\.0\.1|::1)$/);
});

test('a redirect to a private address ends with a sentence that names the way to allow it', async (t) => {
  let isReached = false;
  const server = createServer((request, response) => {
    if (request.url === '/secret') isReached = true;
    response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`; // a TCP server has one
  await using transport = new Transport({ side: 'source' }, new Redactor());
  transport.hosts.add(host);
  const get = (url: string) => transport.send({ method: 'GET', url: new URL(url), headers: {} });
  await assert.rejects(
    get(`http://${host}/`),
    (error) =>
      error instanceof RegistryError &&
      !error.retryable &&
      /leads to 169\.254\.169\.254, which has a private address/.test(error.message) &&
      error.remedy?.kind === 'allow-host',
  );
  await using other = new Transport({ side: 'source' }, new Redactor());
  other.hosts.add('registry.example');
  await assert.rejects(
    other.send({ method: 'GET', url: new URL(`http://${host}/secret`), headers: {} }),
    /has a private address/,
  );
  assert.equal(isReached, false);
});
