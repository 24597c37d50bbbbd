import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { AuthError, type NydusError, RegistryError } from '../../../../src/errors.js';
import { contentOf, collect } from '../../../../src/io/streams.js';
import { parseReference } from '../../../../src/oci/reference.js';
import { type ApiRequest, RegistryClient } from '../../../../src/registry/distribution/client.js';
import { ANSWERS } from '../../../../src/registry/answers.js';
import { anonymous, type CredentialStore } from '../../../../src/registry/auth/credentials.js';
import type { HttpResponse } from '../../../../src/registry/http/transport.js';
import type { ConvertEvent } from '../../../../src/reporter.js';

const QUICK = { attempts: 4, baseMs: 1, capMs: 2000 };

interface Rig extends AsyncDisposable {
  readonly client: RegistryClient;
  readonly host: string;
  readonly seen: readonly IncomingMessage[];
  ask(request?: Partial<ApiRequest>): Promise<HttpResponse>;
}

async function serverOf(listener: RequestListener): Promise<{ host: string; close: () => void }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function rig(listener: RequestListener, credentials: CredentialStore = anonymous): Promise<Rig> {
  const seen: IncomingMessage[] = [];
  const { host, close } = await serverOf((request, response) => {
    seen.push(request);
    listener(request, response);
  });
  const client = new RegistryClient(parseReference(`${host}/a`), 'pull', {
    side: 'source',
    credentials,
    retry: QUICK,
    userAgent: 'test/1',
  });
  return {
    client,
    host,
    seen,
    ask: (request) =>
      client.request({
        method: 'GET',
        url: '/v2/a/x',
        answers: ANSWERS.nextReferrers,
        what: 'cannot do it',
        scopes: [],
        ...request,
      }),
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      close();
    },
  };
}

const text = async (response: HttpResponse): Promise<string> =>
  (await collect(response.body, 1000, 'body')).toString();

/** Answers the n-th request by the n-th function; the last one serves all further ones. */
function inTurn(
  ...answers: ((response: ServerResponse, request: IncomingMessage) => void)[]
): RequestListener {
  let n = 0;
  return (request, response) => {
    const answer = answers[Math.min(n++, answers.length - 1)];
    request.resume();
    answer?.(response, request);
  };
}

const ok = (response: ServerResponse): void => {
  response.end('fine');
};
const status =
  (code: number, headers: Record<string, string> = {}, body = '') =>
  (response: ServerResponse): void => {
    response.writeHead(code, headers).end(body);
  };
const cut = (response: ServerResponse): void => {
  response.socket?.destroy();
};

test('what may pass is tried again: 408, 429, 5xx, a cut connection', async () => {
  for (const fault of [status(408), status(429), status(500), status(502), status(503), status(504), cut]) {
    await using r = await rig(inTurn(fault, fault, ok));
    assert.equal(await text(await r.ask()), 'fine');
    assert.equal(r.seen.length, 3);
  }
});

test('what will not pass is an error at once', async () => {
  for (const code of [400, 404, 405, 413, 501]) {
    await using r = await rig(inTurn(status(code)));
    await assert.rejects(
      r.ask(),
      (error) => error instanceof RegistryError && error.status === code && !error.retryable,
    );
    assert.equal(r.seen.length, 1);
  }
});

test('the attempts end, and the last refusal is the error', async () => {
  await using r = await rig(inTurn(status(503)));
  await assert.rejects(r.ask(), (error) => error instanceof RegistryError && error.status === 503);
  assert.equal(r.seen.length, 4);
});

test('Retry-After is honoured', async () => {
  await using r = await rig(inTurn(status(429, { 'retry-after': '1' }), ok));
  const started = performance.now();
  await (await r.ask()).discard();
  assert.ok(performance.now() - started >= 990);
});

test('a retry of a request with a body opens the content anew', async () => {
  const bodies: string[] = [];
  let opened = 0;
  await using r = await rig((request, response) => {
    let body = '';
    request.on('data', (bytes: Buffer) => (body += bytes.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.writeHead(bodies.length < 3 ? 500 : 200).end();
    });
  });
  const content = { size: 5, open: () => (opened++, contentOf(Buffer.from('hello')).open()) };
  await (await r.ask({ method: 'PUT', body: content })).discard();
  assert.deepEqual(bodies, ['hello', 'hello', 'hello']);
  assert.equal(opened, 3);
  assert.equal(r.seen[0]?.headers['content-length'], '5');
});

test('an error body becomes one sentence with codes, status and hint', async () => {
  const body = JSON.stringify({
    errors: [{ code: 'MANIFEST_BLOB_UNKNOWN', message: 'blob\n\u001b[31munknown', detail: {} }],
  });
  await using r = await rig(inTurn(status(404, { 'content-type': 'application/json' }, body)));
  await assert.rejects(r.ask(), (error) => {
    assert.ok(error instanceof RegistryError);
    assert.equal(
      error.message,
      'cannot do it: the registry misses parts that the manifest names (404 MANIFEST_BLOB_UNKNOWN): blob [31munknown',
    );
    assert.deepEqual(error.registryCodes, ['MANIFEST_BLOB_UNKNOWN']);
    assert.match(error.hint ?? '', /run it again/);
    assert.equal(error.request, `GET http://${r.host}/v2/a/x`);
    return true;
  });
});

test('an HTML page, no body, a huge body: the status alone is the reason', async () => {
  for (const body of ['<html>Bad Gateway</html>', '', '{"errors": 1}', `{"x":"${'y'.repeat(100_000)}"}`]) {
    await using r = await rig(inTurn(status(400, {}, body)));
    await assert.rejects(
      r.ask(),
      (error) => (error as NydusError).message === `cannot do it: ${r.host} refused (400)`,
    );
  }
});

test('401 and a bare 403 are a matter of credentials', async () => {
  for (const code of [401, 403]) {
    await using r = await rig(inTurn(status(code)));
    await assert.rejects(
      r.ask(),
      (error) => error instanceof AuthError && error.remedy?.kind === 'login' && error.remedy.host === r.host,
    );
  }
});

test('a redirect to another origin carries no credentials, a redirect to the same origin does', async () => {
  const other: IncomingMessage[] = [];
  const elsewhere = await serverOf((request, response) => {
    other.push(request);
    response.end('blob');
  });
  try {
    for (const code of [301, 302, 303, 307, 308]) {
      const credentials = { get: async () => ({ username: 'u', password: 'p4ssword' }), description: 'test' };
      await using r = await rig((request, response) => {
        if (request.headers.authorization === undefined)
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        else if (request.url === '/v2/a/x') response.writeHead(code, { location: '/v2/a/y' }).end();
        else response.writeHead(code, { location: `http://${elsewhere.host}/store?X-Signature=abc` }).end();
      }, credentials);
      assert.equal(
        await text(await r.ask({ headers: { range: 'bytes=1-2', cookie: 'c=1', 'x-secret': 's' } })),
        'blob',
      );
      assert.deepEqual(
        r.seen.map((request) => [request.url, request.headers.authorization !== undefined]),
        [
          ['/v2/a/x', false],
          ['/v2/a/x', true],
          ['/v2/a/y', true],
        ],
      );
    }
    for (const request of other) {
      assert.deepEqual(Object.keys(request.headers).sort(), ['connection', 'host', 'range', 'user-agent']);
    }
    assert.equal(other.length, 5);
  } finally {
    elsewhere.close();
  }
});

test('a storage host that denies access is no question of credentials: the registry leads there anew', async () => {
  let denied = 0;
  const storage = await serverOf((request, response) => {
    const isGood = request.url?.endsWith('?signature=2') === true;
    if (!isGood) denied++;
    response.writeHead(isGood ? 200 : 403).end(isGood ? 'blob' : '<Error/>');
  });
  try {
    let signatures = 0;
    await using r = await rig((_request, response) => {
      response.writeHead(307, { location: `http://${storage.host}/x?signature=${++signatures}` }).end();
    });
    assert.equal(await text(await r.ask()), 'blob');
    assert.equal(denied, 1);
  } finally {
    storage.close();
  }
});

test('redirects end after ten, and never lead to another scheme', async () => {
  await using loop = await rig(inTurn(status(302, { location: '/again' })));
  await assert.rejects(loop.ask(), /more than 10 redirects/);
  assert.equal(loop.seen.length, 11);
  await using file = await rig(inTurn(status(302, { location: 'file:///etc/passwd' })));
  await assert.rejects(file.ask(), /redirect to file: is refused/);
  await using broken = await rig(inTurn(status(302, { location: 'http://[' })));
  await assert.rejects(broken.ask(), /no URL/);
});

test('a body is cut short: the stream fails with an error that may pass', async () => {
  await using r = await rig((_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half', () => response.socket?.destroy());
  });
  const response = await r.ask();
  await assert.rejects(text(response), (error) => error instanceof RegistryError && error.retryable);
});

test('the signal ends a request that hangs, which rejects with its reason', async () => {
  await using r = await rig(() => undefined);
  const stop = new AbortController();
  setTimeout(() => {
    stop.abort();
  }, 50);
  await assert.rejects(r.ask({ signal: stop.signal }), (error) => error === stop.signal.reason);
});

test('a host that is not loopback is never spoken to in clear text', async () => {
  // The name leads to loopback without being it, so that HTTPS meets a plain HTTP server.
  const { host, close } = await serverOf((_request, response) => {
    response.end('clear text');
  });
  const port = host.split(':')[1] ?? '';
  try {
    await using client = new RegistryClient(parseReference(`0.0.0.0:${port}/a`), 'pull', {
      side: 'target',
      credentials: anonymous,
      retry: QUICK,
    });
    await assert.rejects(
      client.request({ method: 'GET', url: '/', answers: ANSWERS.nextReferrers, what: 'x', scopes: [] }),
      (error) => {
        assert.ok(error instanceof RegistryError);
        assert.match(error.message, /does not speak TLS/);
        assert.deepEqual([error.remedy, error.side], [{ kind: 'plain-http' }, 'target']);
        return true;
      },
    );
    await using inClearText = new RegistryClient(parseReference(`0.0.0.0:${port}/a`), 'pull', {
      side: 'target',
      credentials: anonymous,
      plainHttp: true,
    });
    const response = await inClearText.request({
      method: 'GET',
      url: '/',
      answers: ANSWERS.nextReferrers,
      what: 'x',
      scopes: [],
    });
    assert.equal(await text(response), 'clear text');
  } finally {
    close();
  }
});

test('a port where nothing listens is named, with what was tried', async () => {
  const { host, close } = await serverOf(inTurn(ok));
  close();
  const port = host.split(':')[1] ?? '';
  await using client = new RegistryClient(parseReference(`0.0.0.0:${port}/a`), 'pull', {
    side: 'source',
    credentials: anonymous,
    retry: QUICK,
  });
  await assert.rejects(
    client.request({ method: 'GET', url: '/', answers: ANSWERS.nextReferrers, what: 'x', scopes: [] }),
    (error) => {
      assert.ok(error instanceof RegistryError);
      assert.match(error.message, /connection refused/);
      assert.deepEqual(error.remedy, { kind: 'plain-http', triedPort: Number(port) });
      assert.equal(error.side, 'source');
      return true;
    },
  );
});

test('a Location is made absolute, and is not led down to clear text', async () => {
  await using r = await rig(inTurn(status(202, { location: 'upload/1?state=x' })));
  const response = await r.ask({ answers: ANSWERS.openUpload });
  assert.equal(r.client.resolveLocation(response, 'x').href, `http://${r.host}/v2/a/upload/1?state=x`);
  const secure = { ...response, url: new URL('https://reg.example:444/v2/a/') };
  const at = (location: string): string =>
    r.client.resolveLocation({ ...secure, headers: { location } }, 'x').href;
  assert.equal(at('/u?s=1'), 'https://reg.example:444/u?s=1');
  assert.equal(at('http://reg.example/u'), 'https://reg.example:444/u');
  assert.equal(at('https://store.example/u'), 'https://store.example/u');
  assert.throws(() => at('http://store.example/u'), /refused/);
  assert.throws(() => r.client.resolveLocation({ ...secure, headers: {} }, 'x'), /no Location/);
});

test('warnings of a registry are passed on once for each reporter, and not without end', async () => {
  let n = 0;
  const listener: RequestListener = (_request, response) => {
    n++;
    response.setHeader('warning', [
      '299 - "moves \\"soon\\""',
      `299 - "number ${n > 2 ? n : 0}", 110 - "stale"`,
    ]);
    response.end();
  };
  await using r = await rig(listener);
  const said: string[] = [];
  const reporter = {
    emit: (event: ConvertEvent) => said.push(event.type === 'warning' ? event.message : event.type),
  };
  const ask = async (): Promise<void> => {
    await (await r.ask({ reporter })).discard();
  };
  await ask();
  await ask();
  assert.deepEqual(
    said.map((text) => text.replace(/127\S+/, 'H')),
    ['registry H says: moves "soon"', 'registry H says: number 0'],
  );
  for (let i = 0; i < 40; i++) await ask();
  assert.equal(said.length, 20);
});
