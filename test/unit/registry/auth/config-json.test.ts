import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from '../../../../src/errors.js';
import { withEntry, withoutEntries } from '../../../../src/registry/auth/config-json.js';

const ENTRY = { auth: 'bmV3' };

function stored(
  text: string | undefined,
  host: string,
  entry: Readonly<Record<string, string>> = ENTRY,
): string {
  const bytes = text === undefined ? undefined : Buffer.from(text);
  return Buffer.from(withEntry(bytes, 'config.json', host, entry)).toString('utf8');
}

function erased(text: string, host: string): { readonly text: string; readonly keys: readonly string[] } {
  const { bytes, keys } = withoutEntries(Buffer.from(text), 'config.json', host);
  return { text: Buffer.from(bytes).toString('utf8'), keys };
}

test('a file that is absent, empty or without members begins as Docker writes it', () => {
  const fresh = '{\n\t"auths": {\n\t\t"a.b": {\n\t\t\t"auth": "bmV3"\n\t\t}\n\t}\n}\n';
  for (const before of [undefined, '', ' \n', '{}', '{ }\n']) assert.equal(stored(before, 'a.b'), fresh);
});

test('an entry is added or replaced in the style of the file, and all else stays byte for byte', () => {
  const cases: readonly (readonly [before: string, after: string])[] = [
    [
      '{\n    "proxies": { "x": 1.50 },\n    "auths": {\n        "c.d": {\n            "auth": "b2xk"\n        }\n    },\n    "ü": [ ]\n}',
      '{\n    "proxies": { "x": 1.50 },\n    "auths": {\n        "c.d": {\n            "auth": "b2xk"\n        },\n        "a.b": {\n            "auth": "bmV3"\n        }\n    },\n    "ü": [ ]\n}',
    ],
    ['{"z":1,"auths":{"a.b":{"auth":"b2xk"},"c.d":{}}}', '{"z":1,"auths":{"a.b":{"auth":"bmV3"},"c.d":{}}}'],
    ['{"credHelpers": {}}', '{"credHelpers": {},"auths": {"a.b": {"auth": "bmV3"}}}'],
    ['{"auths":null,"z":1}', '{"auths":{"a.b":{"auth":"bmV3"}},"z":1}'],
    [
      '{\r\n  "auths": {}\r\n}\r\n',
      '{\r\n  "auths": {\r\n    "a.b": {\r\n      "auth": "bmV3"\r\n    }\r\n  }\r\n}\r\n',
    ],
  ];
  for (const [before, after] of cases) assert.equal(stored(before, 'a.b'), after);
});

test('a login takes the place of all spellings of its host, and of no other key', () => {
  const before =
    '{"auths":{"https://a.b/v1/":{},"a.b:443":{},"http://A.b":{},"a.b/team":{},"a.b":{"auth":"b2xk"},"a.b/":{},"x.a.b":{}}}';
  assert.deepEqual(JSON.parse(stored(before, 'a.b')), {
    auths: { 'a.b:443': {}, 'a.b/team': {}, 'a.b': ENTRY, 'x.a.b': {} },
  });
});

test('Docker Hub has one entry, under the name that Docker gives it', () => {
  const before =
    '{"auths":{"docker.io":{},"registry-1.docker.io":{},"https://index.docker.io/v1/access-token":{}}}';
  assert.deepEqual(JSON.parse(stored(before, 'docker.io')), {
    auths: { 'https://index.docker.io/v1/': ENTRY },
  });
  const { text, keys } = erased(
    before.replace('}}}', '},"https://index.docker.io/v1/":{},"hub.docker.com":{}}}'),
    'docker.io',
  );
  assert.equal(text, '{"auths":{"hub.docker.com":{}}}');
  assert.equal(keys.length, 4);
});

test('an erased entry comes back from no key or member that is written twice', () => {
  const { text } = erased(
    '{"auths":{"a.b":{"auth":"MQ=="}},"auths":{"a.b":{},"c.d":{},"a.b":{"auth":"Mg=="}}}',
    'a.b',
  );
  assert.equal(text, '{"auths":{},"auths":{"c.d":{}}}');
  const twice = stored('{"auths":{"a.b":{"auth":"MQ=="},"a.b":{"auth":"Mg=="}}}', 'a.b');
  assert.equal(twice, '{"auths":{"a.b":{"auth":"bmV3"}}}');
});

test('a file without the host stays as it is', () => {
  const before = '{ "auths" : { "c.d":{} } , "x": 1 }';
  assert.deepEqual(erased(before, 'a.b'), { text: before, keys: [] });
});

test('a file that is no JSON object is not touched, and not quoted', () => {
  for (const before of ['{"auths":{"a.b":{"auth":"c2VjcmV0"', '[]', '{} {}']) {
    for (const change of [() => stored(before, 'a.b'), () => erased(before, 'a.b')])
      assert.throws(
        change,
        (error) =>
          error instanceof FormatError &&
          error.message === 'config.json: not JSON' &&
          error.cause === undefined,
      );
  }
});
