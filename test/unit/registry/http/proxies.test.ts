import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../../../src/errors.js';
import { isExcepted, type Proxies, proxyFor } from '../../../../src/registry/http/proxies.js';

test('a proxy is for its own scheme, never for loopback', () => {
  const proxies: Proxies = { http: 'proxy.lan:3128', https: 'https://me:s@secure.lan' };
  const via = (url: string): string | undefined => proxyFor(new URL(url), proxies)?.href;
  assert.equal(via('http://registry.example/'), 'http://proxy.lan:3128/');
  assert.equal(via('https://registry.example/'), 'https://me:s@secure.lan/');
  assert.equal(via('https://localhost:5000/'), undefined);
  assert.equal(via('http://[::1]:5000/'), undefined);
  assert.equal(proxyFor(new URL('https://a.b'), { http: 'http://p' }), undefined);
  assert.equal(proxyFor(new URL('https://a.b'), { https: '' }), undefined);
});

test('ALL_PROXY serves schemes without a proxy of their own', () => {
  const all = 'socks5h://proxy.lan';
  const via = (url: string, proxies: Proxies): string | undefined =>
    proxyFor(new URL(url), { all, ...proxies })?.href;
  assert.equal(via('https://registry.example/', {}), 'socks5h://proxy.lan');
  assert.equal(via('https://registry.example/', { https: 'http://p:1' }), 'http://p:1/');
  assert.equal(via('http://registry.example/', { https: 'http://p:1', http: '' }), 'socks5h://proxy.lan');
  assert.equal(via('https://registry.example/', { no: 'example' }), undefined);
  assert.equal(via('https://127.0.0.1/', {}), undefined);
  for (const wrong of ['socks5://', 'socks5://:1080'])
    assert.throws(() => via('https://a.b', { all: wrong }), UsageError);
});

test('a proxy that cannot be used is named, its password is not', () => {
  for (const https of ['socks4://me:s3cret@p:1080', 'http://me:s3cret@']) {
    assert.throws(
      () => proxyFor(new URL('https://a.b'), { https }),
      (error) =>
        error instanceof UsageError && /HTTPS_PROXY/.test(error.message) && !/s3cret/.test(error.message),
    );
  }
});

test('NO_PROXY excepts names, their subdomains, addresses, networks and ports', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['*', 'https://a.b', true],
    ['', 'https://a.b', false],
    ['a.b', 'https://a.b', true],
    ['A.B', 'https://x.a.b', true],
    ['a.b', 'https://xa.b', false],
    ['.a.b', 'https://a.b', false],
    ['.a.b', 'https://x.a.b', true],
    ['*.a.b', 'https://x.a.b', true],
    ['*.a.b', 'https://a.b', false],
    ['a.b:443', 'https://a.b', true],
    ['a.b:5000', 'https://a.b', false],
    ['a.b:5000', 'http://a.b:5000', true],
    ['x, a.b  y', 'https://a.b', true],
    ['10.0.0.0/8', 'http://10.1.2.3:5000', true],
    ['10.0.0.0/8', 'http://11.1.2.3', false],
    ['10.0.0.0/8', 'http://10.example', false],
    ['10.1.2.3', 'http://10.1.2.3', true],
    ['10.1.2.3:80', 'http://10.1.2.3', true],
    ['fd00::/8', 'https://[fd12::1]', true],
    ['fd00::0:1', 'https://[fd00::1]:5000', true],
    ['[fd00::1]:5000', 'https://[fd00::1]:5000', true],
    ['[fd00::1]:5001', 'https://[fd00::1]:5000', false],
    ['10.0.0.0/99', 'http://10.1.2.3', false],
    ['.', 'https://a.b', false],
    ['10.9.9.9/8', 'http://10.1.2.3', true],
    ['10.0.0.0/8', 'http://[::ffff:10.1.2.3]', true],
    ['10.1.2.3', 'http://[::ffff:10.1.2.3]', true],
    ['::ffff:10.1.2.3', 'http://10.1.2.3', true],
    ['bücher.example', 'https://a.bücher.example', true],
    ['.Bücher.example:443', 'https://a.bücher.example', true],
    ['*.', 'https://a.b', false],
    [',,', 'https://a.b', false],
  ];
  for (const [list, url, expected] of cases)
    assert.equal(isExcepted(new URL(url), list), expected, `${list} ${url}`);
});
