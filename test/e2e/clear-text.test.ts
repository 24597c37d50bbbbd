/** `--source-insecure` and its like allow clear text, each for its side, for registries that speak nothing else. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { registryListener } from '../../src/embedded-registry/server.js';
import { buildImage } from '../support/images/image-builder.js';
import { authority } from '../support/registries/certificate.js';
import { needs } from '../support/needs.js';
import { dir, file, layer } from '../support/images/tar.js';
import { observedRegistry } from '../support/registries/observed-registry.js';
import { tempFolder } from '../support/temp-folder.js';
import { nydusify, registry } from '../support/command.js';

const image = buildImage({ layers: [layer(dir('etc'), file('etc/motd', 'hello'))] });

/** Reaches servers on loopback by an address that does not count as loopback. */
const elsewhere = (host: string): string => host.replace('127.0.0.1', '0.0.0.0');

test('a registry without TLS gets clear text from a side that need not prove its identity, and the run says so', async (t) => {
  const { host, put } = await registry(t);
  await put('app:1', image);
  const source = `${elsewhere(host)}/app:1`;
  const run = async (...flags: readonly string[]): ReturnType<typeof nydusify> =>
    nydusify(['convert', ...flags, source, `oci:${await tempFolder(t)}:v`], { cwd: await tempFolder(t) });
  const allowed = await run('--source-insecure');
  assert.equal(allowed.status, 0, allowed.stderr);
  const warnings = allowed.stderr.split('\n').filter((line) => line.includes('does not speak TLS'));
  assert.deepEqual(
    warnings.map((line) => line.startsWith(`warning: registry ${elsewhere(host)} `)),
    [true],
  );
  for (const flags of [[], ['--target-insecure']]) {
    const refused = await run(...flags);
    assert.equal(refused.status, 3);
    assert.match(refused.stderr, /does not speak TLS\nhint: .*--plain-http/);
  }
});

test('clear text is for registries that speak nothing else: not for one with TLS, not for a web server that points to TLS', async (t) => {
  if (!needs(t, 'openssl')) return;
  const { cert, key } = await (await authority(await tempFolder(t))).issue('unknown');
  const stored = await observedRegistry(t);
  const server = createServer(
    { cert: await readFile(cert), key: await readFile(key) },
    registryListener({ root: stored.root }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const secure = `0.0.0.0:${(server.address() as AddressInfo).port}`; // of a TCP server that listens
  const args = ['inspect', '--insecure'];
  const inspected = await nydusify([...args, `${secure}/a:1`]);
  assert.equal(inspected.status, 3);
  assert.match(inspected.stderr, /does not exist/, 'it has answered over TLS');
  assert.doesNotMatch(inspected.stderr, /clear text/);
  const { host } = await registry(t, {
    intercept: (request, response) => {
      response.writeHead(301, { location: `https://${secure}${request.url ?? ''}` }).end();
      return true;
    },
  });
  const { status, stderr } = await nydusify([...args, `${elsewhere(host)}/a:1`]);
  assert.equal(status, 3);
  assert.match(stderr, /does not speak TLS/);
});
