/** Images over HTTP and WebDAV: the bytes of every file, and nothing else of the machine. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { nydusify, registry, type TestRegistry } from '../support/command.js';
import { buildImage } from '../support/images/image-builder.js';
import { noise } from '../support/images/opaque-image.js';
import { dir, fifo, file, hardlink, layer, symlink } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { runTool } from '../support/run-tool.js';
import { rawGet, rawRequest, serving } from '../support/serving.js';
import { tempFolder } from '../support/temp-folder.js';

const LARGE = Buffer.from(noise(6_000_000, 7));
/** Names of files that are hostile to pages, to XML and to terminals; as bytes. */
const HOSTILE = [
  '<script>alert(1)<',
  '"onclick=',
  'a&amp;b',
  'javascript:x',
  '\x1b[31m',
  'a b%2f',
  '\\..\\',
  '?q#f',
  ';x',
];

const LAYERS = [
  layer(
    dir('etc'),
    file('etc/passwd', 'root\n', { mtime: 1000 }),
    file('etc/page.html', '<script>1</script>'),
    file('etc/empty', ''),
    dir('usr'),
    dir('usr/bin'),
    file('usr/bin/tool', LARGE),
    hardlink('usr/bin/same', 'usr/bin/tool'),
    symlink('usr/bin/around', '.'),
    symlink('bin', 'usr/bin'),
    symlink('absolute', '/etc/passwd'),
    symlink('outside', '../../../../../../etc/passwd'),
    symlink('shadow', '/etc/shadow'),
    symlink('loop', 'loop'),
    fifo('pipe'),
    dir('odd'),
    ...HOSTILE.map((name) => file(`odd/${name}`, `content of ${name}`)),
    file(Buffer.from('odd/\xff\xfe', 'latin1'), 'content of bytes'),
  ),
];

interface Lab {
  readonly store: TestRegistry;
  readonly nydus: string;
  readonly ordinary: string;
}

async function lab(t: TestContext): Promise<Lab> {
  const store = await registry(t);
  const ordinary = await store.put('library/app:1', buildImage({ layers: LAYERS }));
  const nydus = `${store.host}/library/app:1-nydus`;
  assert.equal((await nydusify(['convert', ordinary, nydus])).status, 0);
  return { store, nydus, ordinary };
}

async function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return fetch(url, { method, headers, redirect: 'manual' });
}

const bytesOf = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer());

test('HTTP clients read files, ranges and pages of a Nydus image', async (t) => {
  const { nydus } = await lab(t);
  const { url, port, stderr } = await serving(t, [nydus]);

  await t.test(
    'a file has its bytes, type, tag and time, under each of its names and through links',
    async () => {
      for (const path of ['usr/bin/tool', 'usr/bin/same', 'bin/tool', 'bin/around/around/tool']) {
        const answer = await get(url + path);
        assert.equal(answer.status, 200, path);
        assert.deepEqual(await bytesOf(answer), LARGE, path);
      }
      const answer = await get(`${url}etc/passwd`);
      assert.equal(answer.headers.get('last-modified'), 'Thu, 01 Jan 1970 00:16:40 GMT');
      assert.equal(answer.headers.get('content-length'), '5');
      assert.match(answer.headers.get('etag') ?? '', /^"[\w-]{32}"$/);
      assert.equal(
        (await get(`${url}etc/page.html`)).headers.get('content-type'),
        'text/html; charset=utf-8',
      );
      assert.equal((await bytesOf(await get(`${url}etc/empty`))).length, 0);
    },
  );

  await t.test('HEAD says the same without a body', async () => {
    const [whole, head] = [await get(`${url}usr/bin/tool`), await get(`${url}usr/bin/tool`, {}, 'HEAD')];
    for (const name of ['content-length', 'etag', 'content-type', 'accept-ranges'])
      assert.equal(head.headers.get(name), whole.headers.get(name), name);
    assert.equal((await bytesOf(head)).length, 0);
    await bytesOf(whole);
  });

  await t.test('one range and several are parts of the file', async () => {
    const path = `${url}usr/bin/tool`;
    for (const [range, start, end] of [
      ['0-0', 0, 1],
      ['1048570-1048590', 1_048_570, 1_048_591],
      ['5999990-', 5_999_990, 6_000_000],
      ['-7', 5_999_993, 6_000_000],
      ['0-99999999', 0, 6_000_000],
    ] as const) {
      const answer = await get(path, { range: `bytes=${range}` });
      assert.equal(answer.status, 206, range);
      assert.equal(answer.headers.get('content-range'), `bytes ${start}-${end - 1}/6000000`);
      assert.deepEqual(await bytesOf(answer), LARGE.subarray(start, end), range);
    }
    const several = await get(path, { range: 'bytes=0-9,3000000-3000009' });
    assert.equal(several.status, 206);
    const body = await bytesOf(several);
    assert.equal(several.headers.get('content-length'), String(body.length));
    assert.ok(body.includes(LARGE.subarray(0, 10)) && body.includes(LARGE.subarray(3_000_000, 3_000_010)));
    const beyond = await get(path, { range: 'bytes=6000000-' });
    assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */6000000']);
    const many = Array.from({ length: 20 }, (_, i) => `${i * 10}-${i * 10}`).join(',');
    assert.equal((await get(path, { range: `bytes=${many}` })).status, 416);
    assert.equal((await get(path, { range: 'lines=1-2' })).status, 200);
  });

  await t.test('a client that has the content is told so, and a range of other content is none', async () => {
    const path = `${url}etc/passwd`;
    const { headers } = await get(path);
    const [etag, time] = [headers.get('etag') ?? '', headers.get('last-modified') ?? ''];
    const status = async (given: Record<string, string>): Promise<number> => (await get(path, given)).status;
    assert.equal(await status({ 'if-none-match': `"other", W/${etag}` }), 304);
    assert.equal(await status({ 'if-none-match': '"other"', 'if-modified-since': time }), 200);
    assert.equal(await status({ 'if-modified-since': time }), 304);
    assert.equal(await status({ 'if-match': '"other"' }), 412);
    assert.equal(await status({ 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' }), 412);
    assert.equal(await status({ range: 'bytes=0-1', 'if-range': etag }), 206);
    assert.equal(await status({ range: 'bytes=0-1', 'if-range': time }), 206);
    assert.equal(await status({ range: 'bytes=0-1', 'if-range': `W/${etag}` }), 200);
    assert.equal(await status({ range: 'bytes=0-1', 'if-range': 'Thu, 01 Jan 1970 00:00:00 GMT' }), 200);
  });

  await t.test('nothing but the image can be named', async () => {
    const refused = [
      '/../etc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/etc/..%2fpasswd',
      '/etc/%2e/passwd',
      '/etc//passwd',
      '//etc/passwd',
      '/etc/passwd%00',
      '/%2fetc%2fpasswd',
      '/etc%2fpasswd',
      '/%zz',
      'http://localhost/etc/passwd',
      '*',
    ];
    for (const target of refused) assert.match(await rawGet(port, target), /^HTTP\/1\.1 400 /, target);
    for (const target of [
      '/..\\etc\\passwd',
      '/etc\\passwd',
      '/%5c..%5cetc',
      '/%252e%252e/etc/passwd',
      '/shadow',
      '/loop',
      '/etc/passwd/',
      '/etc/passwd/x',
    ])
      assert.match(await rawGet(port, target), /^HTTP\/1\.1 404 /, target);
    for (const target of ['/absolute', '/outside'])
      assert.match(await rawGet(port, target), /^HTTP\/1\.1 200 [^]*\r\n\r\nroot\n$/, target);
    assert.match(
      await rawGet(port, '/pipe'),
      /^HTTP\/1\.1 403 [^]*\/pipe is a named pipe: it has no content/,
    );
    assert.match(await rawGet(port, `/${'a'.repeat(5000)}`), /^HTTP\/1\.1 414 /);
  });

  await t.test('names of files make no markup, no address and no line of the log', async () => {
    const page = await get(`${url}odd/`);
    assert.match(
      page.headers.get('content-security-policy') ?? '',
      /^default-src 'none'; style-src 'sha256-/,
    );
    const text = await page.text();
    assert.doesNotMatch(text, /<script|"onclick|href="javascript|\x1b/i);
    const links = [...text.matchAll(/href="\.\/([^"]*)"/g)].map(([, link = '']) => link);
    assert.ok(links.includes('%FF%FE'));
    const contents = await Promise.all(
      links.map(async (link) => (await bytesOf(await get(`${url}odd/${link}`))).toString()),
    );
    assert.deepEqual(contents.sort(), [...HOSTILE, 'bytes'].map((name) => `content of ${name}`).sort());
    await rawGet(port, '/\xe2\x80\xae\x9b31m');
    assert.ok(!/[\x1b\x9b\u202e]/.test(stderr()));
    const active = await get(`${url}etc/page.html`);
    assert.match(active.headers.get('content-security-policy') ?? '', /default-src 'none'.*; sandbox$/);
    assert.equal(active.headers.get('x-content-type-options'), 'nosniff');
  });

  await t.test('a directory is known by the slash at its end', async () => {
    const answer = await get(`${url}usr/bin`);
    assert.deepEqual([answer.status, answer.headers.get('location')], [301, '/usr/bin/']);
    assert.match(await (await get(url)).text(), /<a href="\.\/etc\/">etc\/<\/a>/);
  });

  await t.test('pages of other sites read nothing, whatever name leads them here', async () => {
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', '192.0.2.1', ''])
      assert.match(await rawGet(port, '/etc/passwd', host), /^HTTP\/1\.1 421 /, host);
    for (const host of ['localhost', `127.0.0.1:${port}`, '[::1]:1', 'app.localhost'])
      assert.match(await rawGet(port, '/etc/passwd', host), /^HTTP\/1\.1 200 /, host);
    assert.equal((await get(url)).headers.get('cross-origin-resource-policy'), 'same-origin');
  });

  await t.test('every method that writes is refused', async () => {
    for (const method of [
      'PUT',
      'DELETE',
      'POST',
      'PATCH',
      'MKCOL',
      'COPY',
      'MOVE',
      'PROPPATCH',
      'LOCK',
      'UNLOCK',
    ]) {
      const answer = await rawRequest(
        port,
        `${method} /etc/passwd HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc`,
      );
      assert.match(answer, /^HTTP\/1\.1 405 [^]*allow: OPTIONS, GET, HEAD, PROPFIND\r\n/, method);
    }
  });
});

for (const kind of ['nydus', 'ordinary'] as const)
  test(`WebDAV clients read the files of an image (${kind})`, async (t) => {
    const { [kind]: image } = await lab(t);
    const { url, port } = await serving(t, [image]);
    const folder = await tempFolder(t);
    const propfind = (depth: string, body = ''): Promise<string> =>
      rawRequest(
        port,
        `PROPFIND /usr/bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${depth}Content-Length: ${body.length}\r\n\r\n${body}`,
      );

    await t.test('PROPFIND lists files, links to files among them, and no circle', async () => {
      const hrefs = [...(await propfind('Depth: 1\r\n')).matchAll(/<D:href>([^<]*)</g)].map(
        ([, href]) => href,
      );
      assert.deepEqual(hrefs, ['/usr/bin/', '/usr/bin/same', '/usr/bin/tool']);
      assert.match(
        await propfind('Depth: 0\r\n'),
        /^HTTP\/1\.1 207 [^]*<D:href>\/usr\/bin\/<[^]*<D:collection\/>/,
      );
      for (const depth of ['Depth: infinity\r\n', ''])
        assert.match(await propfind(depth), /^HTTP\/1\.1 403 /);
      const some =
        '<propfind xmlns="DAV:"><prop><getcontentlength/><x xmlns="urn:x&quot;"/></prop></propfind>';
      assert.match(
        await propfind('Depth: 1\r\n', some),
        /<D:getcontentlength>6000000<[^]*<X:x xmlns:X="urn:x&quot;"\/>[^]*404 Not Found/,
      );
      for (const body of [
        '<!DOCTYPE a [<!ENTITY b "c">]><propfind xmlns="DAV:"><allprop/></propfind>',
        '<propfind',
        '<x/>',
      ])
        assert.match(await propfind('Depth: 1\r\n', body), /^HTTP\/1\.1 400 /, body);
      assert.match(await propfind('Depth: 1\r\n', ' '.repeat(70_000)), /^HTTP\/1\.1 413 /);
    });

    await t.test('cadaver lists, gets, and is not let write', async (step) => {
      if (!needs(step, 'cadaver')) return;
      const [got, mine] = [join(folder, 'got'), join(folder, 'mine')];
      await writeFile(mine, 'mine');
      const child = spawn('cadaver', [url], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'], HOME: folder },
      });
      let said = '';
      child.stdout.on('data', (data: Buffer) => (said += data.toString()));
      child.stdin.end(`ls\ncd usr/bin\nget tool ${got}\nput ${mine} new\nquit\n`);
      await once(child, 'close');
      assert.match(said, /Coll: +etc /);
      assert.match(said, /Uploading [^]*failed:\s+405/);
      assert.deepEqual(await readFile(got), LARGE);
    });

    await t.test('rclone copies every file, once', async (step) => {
      if (!needs(step, 'rclone')) return;
      const out = join(folder, 'copied');
      await mkdir(out);
      const remote = ['--config', '/dev/null', '--webdav-url', url, '--webdav-vendor', 'other'];
      const copy = ['copy', ...remote, '--exclude', '/odd/**', ':webdav:', out];
      await runTool('rclone', copy, { env: { ...process.env, HOME: folder } });
      const files = (await runTool('find', [out, '-type', 'f', '-printf', '%P\n']))
        .toString()
        .trim()
        .split('\n');
      assert.deepEqual(files.sort(), [
        'absolute',
        'etc/empty',
        'etc/page.html',
        'etc/passwd',
        'outside',
        'usr/bin/same',
        'usr/bin/tool',
      ]);
      assert.deepEqual(await readFile(join(out, 'usr/bin/same')), LARGE);
      assert.equal(await readFile(join(out, 'outside'), 'utf8'), 'root\n');
    });
  });

test('images of every format, and blobs in a backend, are served alike', async (t) => {
  const { store, ordinary } = await lab(t);
  const folder = await tempFolder(t);
  const backend = ['--backend-type', 'localfs', '--backend-config', JSON.stringify({ dir: folder })];
  const formats: Readonly<Record<string, readonly string[]>> = {
    'chunks that stay in gzip layers': ['--oci-ref'],
    batches: ['--batch-size', '0x100000'],
    'RAFS v5, lz4': ['--fs-version', '5', '--compressor', 'lz4_block'],
    'a backend': backend,
  };
  await Promise.all(
    Object.entries(formats).map(async ([format, options], i) => {
      const image = `${store.host}/library/app:${i}`;
      const { status, stderr } = await nydusify(['convert', ...options, ordinary, image]);
      assert.equal(status, 0, stderr);
      const { url } = await serving(t, [...(options === backend ? backend : []), image]);
      assert.deepEqual(await bytesOf(await get(`${url}bin/tool`)), LARGE, format);
      const range = { range: 'bytes=2500000-2500009,5999999-' };
      const part = await bytesOf(await get(`${url}usr/bin/same`, range));
      assert.ok(part.includes(LARGE.subarray(2_500_000, 2_500_010)), format);
      assert.equal((await bytesOf(await get(`${url}etc/passwd`))).toString(), 'root\n', format);
      assert.equal(
        (await bytesOf(await get(`${url}odd/a%20b%252f`))).toString(),
        'content of a b%2f',
        format,
      );
    }),
  );
});

test('a port of IPv6 is as local as one of IPv4', async (t) => {
  const { nydus } = await lab(t);
  const { url } = await serving(t, ['--listen', '[::1]:0', nydus]);
  assert.match(url, /^http:\/\/\[::1\]:\d+\/$/);
  assert.equal((await get(`${url}etc/passwd`)).status, 200);
});

test('beyond this machine, and where a token file says so, the token is asked for', async (t) => {
  const { nydus } = await lab(t);
  const folder = await tempFolder(t);

  await t.test('a new token is shown once, on standard output alone', async () => {
    const { port, stdout, stderr } = await serving(t, ['--listen', '0.0.0.0:0', nydus]);
    const url = `http://127.0.0.1:${port}/etc/passwd`;
    const refused = await get(url);
    assert.equal(refused.status, 401);
    assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic /);
    const [, line = ''] = stdout();
    const [, token = ''] = /^token: (\S{32})$/.exec(line) ?? [];
    assert.equal((await get(url, { authorization: `Bearer ${token}` })).status, 200);
    assert.equal((await get(url, { authorization: `Basic ${btoa(`any:${token}`)}` })).status, 200);
    for (const wrong of [`Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${btoa(token)}`, 'Bearer'])
      assert.equal((await get(url, { authorization: wrong })).status, 401, wrong);
    assert.ok(token !== '' && !stderr().includes(token));
    assert.match(stderr(), /warning: .*clear text/);
  });

  await t.test('a token of a file holds on loopback too, and is not shown', async () => {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'a-token-of-20-chars.\n');
    const { url, stdout } = await serving(t, ['--token-file', tokenFile, nydus]);
    assert.equal((await get(`${url}etc/passwd`)).status, 401);
    assert.equal(
      (await get(`${url}etc/passwd`, { authorization: 'Bearer a-token-of-20-chars.' })).status,
      200,
    );
    assert.equal(stdout().length, 1);
    await writeFile(tokenFile, 'short');
    const { status, stderr } = await nydusify(['serve', '--token-file', tokenFile, nydus]);
    assert.equal(status, 6);
    assert.match(stderr, /holds no token/);
  });
});

test('a hundred clients at once get the bytes, and each chunk is fetched once', async (t) => {
  const { store, nydus } = await lab(t);
  const { url } = await serving(t, [nydus]);
  const before = store.requests.length;
  const clients = Array.from({ length: 100 }, async (_, i) => {
    const start = (i * 59_999) % 5_000_000;
    const whole = i % 10 === 0;
    const answer = await get(
      `${url}usr/bin/tool`,
      whole ? {} : { range: `bytes=${start}-${start + 99_999}` },
    );
    assert.deepEqual(await bytesOf(answer), whole ? LARGE : LARGE.subarray(start, start + 100_000));
  });
  await Promise.all(clients);
  const fetched = store.requests.slice(before).filter(({ method }) => method === 'GET');
  assert.ok(fetched.length <= 6, `${fetched.length} requests for the six chunks`);
});

test('of a damaged chunk no byte is served, and other files are', async (t) => {
  const { nydus } = await lab(t);
  const folder = await tempFolder(t);
  const layout = join(folder, 'layout');
  assert.equal((await nydusify(['copy', nydus, `oci:${layout}:1`])).status, 0);
  const blobs = join(layout, 'blobs/sha256');
  for (const name of await readdir(blobs)) {
    const bytes = await readFile(join(blobs, name));
    const at = bytes.indexOf(LARGE.subarray(2_000_000, 2_000_016));
    if (at === -1) continue;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(join(blobs, name), bytes);
  }
  const { url, logs } = await serving(t, [`oci:${layout}:1`]);
  assert.equal((await get(`${url}usr/bin/tool`, { range: 'bytes=1500000-1500001' })).status, 502);
  await logs(/ 502 .*: blob sha256:\w+: the chunk at \d+/);
  const cut = await get(`${url}usr/bin/tool`).then(bytesOf, () => Buffer.alloc(0));
  assert.ok(!cut.includes(LARGE.subarray(1_500_000, 1_500_016)));
  assert.equal((await bytesOf(await get(`${url}etc/passwd`))).toString(), 'root\n');
});

test('a signal ends the server within a second, whatever clients do', async (t) => {
  const { nydus } = await lab(t);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const server = await serving(t, [nydus]);
    const silent = connect(server.port, '127.0.0.1');
    const slow = connect(server.port, '127.0.0.1');
    for (const socket of [silent, slow]) socket.on('error', () => undefined);
    slow.write('GET /usr/bin/tool HTTP/1.1\r\nHost: localhost\r\n\r\n');
    slow.pause();
    await get(`${server.url}etc/passwd`);
    const { code, ms } = await server.stop(signal);
    assert.equal(code, 0, server.stderr());
    assert.ok(ms < 1000, `${ms} ms`);
  }
});

test('the two forms of serve do not mix, and each says what it needs', async (t) => {
  const { nydus } = await lab(t);
  for (const [args, said] of [
    [['serve'], /serve needs an image, or required flag --config/],
    [['serve', '--config', '/nowhere.yaml', '--listen', '127.0.0.1:0'], /--listen goes with an image/],
    [['serve', '--check', nydus], /--check is for the service/],
    [['serve', '--listen', '127.0.0.1', nydus], /it says no port/],
    [['serve', nydus, nydus], /./],
  ] as const) {
    const { status, stderr } = await nydusify(args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, said);
  }
});
