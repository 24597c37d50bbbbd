/**
 * No secret leaves the command: everything that it prints and writes, in every mode and with every debug log that Node and
 * its HTTP client have, is searched for passwords, tokens, and the signatures of storage URLs. And nothing of them is sent to
 * another host.
 */
import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { buildImage } from '../support/images/image-builder.js';
import { dir, file, layer } from '../support/images/tar.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTokenServer } from '../support/registries/token-server.js';
import { nydusify, registry } from '../support/command.js';

const PASSWORD = 'c0rrect:h0rse/battery';
const SIGNATURE = 'S1gnatureOfTheStorage';
const HEADER = 'He4derOfHostsToml';
const image = buildImage({ layers: [layer(dir('etc'), file('etc/motd', 'hello'))] });

interface Lab {
  readonly host: string;
  readonly folder: string;
  /** All secrets that the cases have made up so far. */
  readonly secrets: () => readonly string[];
  /** Headers of the requests that came to another host. */
  readonly foreign: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

/**
 * A registry that wants tokens, sends blobs to a storage host by signed URLs, and quotes in its errors and warnings what it was
 * told.
 */
async function lab(t: TestContext, refuse: (path: string) => boolean): Promise<Lab> {
  const folder = await tempFolder(t);
  const tokens = await startTokenServer({ users: { me: PASSWORD } });
  t.after(() => tokens.close());
  const said = new Set<string>();
  const foreign: { path: string; headers: IncomingHttpHeaders }[] = [];
  let guarded = false;
  const lab = await registry(t, {
    intercept: (request, response) => {
      const { authorization = '' } = request.headers;
      if (authorization !== '') said.add(authorization.replace(/^\w+ /, ''));
      if (!guarded) return false;
      if (tokens.guard(request, response)) return true;
      const path = request.url ?? '';
      response.setHeader('warning', `299 - "you said ${authorization}"`);
      if (refuse(`${request.method ?? ''} ${path}`)) {
        request.resume();
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ errors: [{ code: 'DENIED', message: `you said ${authorization}` }] }));
        return true;
      }
      if (request.method !== 'GET' || !path.includes('/blobs/sha256')) return false;
      const signed = `http://${storage}${path}?X-Amz-Signature=${SIGNATURE}`;
      response.writeHead(307, { location: signed }).end();
      return true;
    },
  });
  const server = createServer((request, response) => {
    foreign.push({ path: request.url ?? '', headers: request.headers });
    const digest = /sha256:[0-9a-f]{64}/.exec(request.url ?? '')?.[0];
    const part = image.parts.find(({ descriptor }) => descriptor.digest === digest);
    response.writeHead(part === undefined ? 404 : 200).end(part?.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const storage = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  await lab.put('a:1', image);
  guarded = true;

  // A helper has the password, so that talking to it is looked at as well.
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const helper = join(bin, 'docker-credential-lab');
  const answer = JSON.stringify({ Username: 'me', Secret: PASSWORD });
  await writeFile(helper, `#!/bin/sh\ncat >/dev/null\nprintf '%s' '${answer}'\n`);
  await chmod(helper, 0o755);
  await writeFile(join(folder, 'config.json'), JSON.stringify({ credHelpers: { [lab.host]: 'lab' } }));
  const hosts = join(folder, 'hosts', lab.host);
  await mkdir(hosts, { recursive: true });
  await writeFile(
    join(hosts, 'hosts.toml'),
    `server = "http://${lab.host}"\n[header]\nx-secret = "${HEADER}"\n`,
  );
  return {
    host: lab.host,
    folder,
    foreign,
    secrets: () => [
      PASSWORD,
      encodeURIComponent(PASSWORD),
      Buffer.from(`me:${PASSWORD}`).toString('base64'),
      SIGNATURE,
      HEADER,
      ...said,
      ...tokens.tokens.keys(),
    ],
    env: { DOCKER_CONFIG: folder, PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    args: ['--hosts-dir', join(folder, 'hosts')],
  };
}

/** With `--log-file`, `isLogged`: then what is shown otherwise stands there. */
const MODES: readonly {
  readonly flags: readonly string[];
  readonly debug: string;
  readonly isLogged?: boolean;
}[] = [
  { flags: ['--debug'], debug: '' },
  { flags: ['--progress', 'json', '--log-level', 'trace'], debug: 'nydus:registry' },
  { flags: ['--debug', '--progress', 'json'], debug: 'nydus:registry', isLogged: true },
  { flags: ['--verbose'], debug: 'nydus:registry', isLogged: true },
  { flags: ['--verbose'], debug: 'http,https,undici,fetch,net,tls,stream' },
  { flags: [], debug: '*' },
];

for (const [title, refuse] of [
  ['that succeeds', () => false],
  ['that a registry refuses, quoting the request', (path: string) => path.startsWith('PUT ')],
  ['that is refused a blob', (path: string) => path.startsWith('GET ') && path.includes('/blobs/')],
] as const) {
  test(`a conversion ${title} prints and writes no secret, with any debug log`, async (t) => {
    const { host, folder, foreign, secrets, env, args } = await lab(t, refuse);
    const modes = title === 'that succeeds' ? MODES : MODES.slice(-3);
    for (const [i, { flags, debug, isLogged = false }] of modes.entries()) {
      const out = (name: string): string => join(folder, `${name}-${i}`);
      const outcome = await nydusify(
        [
          'convert',
          ...args,
          ...flags,
          '--push-retry-count=1',
          '--output-json',
          out('report'),
          ...(isLogged ? ['--log-file', out('log')] : []),
          `${host}/a:1`,
          `${host}/a:nydus-${i}`,
        ],
        { env: { ...env, NODE_DEBUG: debug } },
      );
      const logged = await nydusify(['check', '--json', ...args, `${host}/a:nydus-${i}`], {
        env: { ...env, NODE_DEBUG: debug },
      });
      assert.equal(outcome.status === 0, title === 'that succeeds', outcome.stderr.slice(-2000));
      const log = isLogged ? await readFile(out('log'), 'utf8') : '';
      const written = (await readFile(out('report'), 'utf8')) + log;
      const all = [outcome, logged].map(({ stdout, stderr }) => stdout + stderr).join('\n') + written;
      for (const secret of secrets()) {
        const at = all.indexOf(secret);
        assert.equal(
          at,
          -1,
          `"${secret}" with ${flags.join(' ')} NODE_DEBUG=${debug}:\n${all.slice(at - 600, at + 200)}`,
        );
      }
      assert.match(isLogged ? log : outcome.stderr, /says: you said Bearer REDACTED/);
    }
    assert.ok(title !== 'that succeeds' || foreign.length > 0, 'blobs came from another host');
    const names = new Set(foreign.flatMap(({ headers }) => Object.keys(headers)));
    assert.deepEqual(
      [...names].filter((name) => !PUBLIC_HEADERS.includes(name)),
      [],
    );
  });
}

/** Header fields that a request to any other host than the registry may carry. */
const PUBLIC_HEADERS = ['accept', 'connection', 'host', 'range', 'user-agent'];
