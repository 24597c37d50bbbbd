import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidReferenceError } from '../../../src/errors.js';
import {
  familiarName,
  formatReference,
  parseReference,
  parseRegistry,
  registryHost,
  withTag,
} from '../../../src/oci/reference.js';

const HEX = 'ab'.repeat(32);

/** From distribution's reference_test.go and normalize_test.go, and what people type. */
const VALID: readonly (readonly [text: string, full: string])[] = [
  ['nginx', 'docker.io/library/nginx:latest'],
  ['nginx:1.27', 'docker.io/library/nginx:1.27'],
  ['library/nginx', 'docker.io/library/nginx:latest'],
  ['bitnami/redis:7', 'docker.io/bitnami/redis:7'],
  ['docker.io/nginx', 'docker.io/library/nginx:latest'],
  ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
  ['registry-1.docker.io/library/nginx', 'docker.io/library/nginx:latest'],
  ['docker.io/a/b/c', 'docker.io/a/b/c:latest'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000', 'docker.io/library/localhost:5000'],
  ['localhost:5000/app', 'localhost:5000/app:latest'],
  ['127.0.0.1:5000/a/b:tag', '127.0.0.1:5000/a/b:tag'],
  ['[::1]:5000/app', '[::1]:5000/app:latest'],
  ['[2001:db8::1]/app:v1', '[2001:db8::1]/app:v1'],
  ['ghcr.io/o/r:v1', 'ghcr.io/o/r:v1'],
  ['xn--n3h.com/myimage:xn--n3h.com', 'xn--n3h.com/myimage:xn--n3h.com'],
  ['Host/app', 'Host/app:latest'],
  ['a.b/c__d-e---f.g_h', 'a.b/c__d-e---f.g_h:latest'],
  [`nginx@sha256:${HEX}`, `docker.io/library/nginx@sha256:${HEX}`],
  [`a.b:1/c:t@sha256:${HEX}`, `a.b:1/c:t@sha256:${HEX}`],
  [`a.b/c:${'t'.repeat(128)}`, `a.b/c:${'t'.repeat(128)}`],
];

test('names are read as Docker reads them', () => {
  for (const [text, full] of VALID) assert.equal(formatReference(parseReference(text)), full, text);
});

/** Each with the column that the caret must stand under, counted from 0. */
const INVALID: readonly (readonly [text: string, column: number, reason: RegExp])[] = [
  ['', 0, /empty/],
  ['registry.example/Foo', 17, /lower case/],
  ['Uppercase', 0, /lower case/],
  ['a.b/c//d', 6, /between slashes is empty/],
  ['a.b/', 4, /name is missing/],
  ['/a', 0, /host before the slash/],
  ['a.b/c:', 6, /tag/],
  ['a.b/c:-x', 6, /tag/],
  [`a.b/c:${'t'.repeat(129)}`, 6, /128/],
  ['a.b/c@sha256:abc', 6, /64 hexadecimal/],
  [`a.b/c@sha512:${'a'.repeat(128)}`, 6, /sha256/],
  ['a.b/c d', 5, /blanks/],
  ['https://a.b/c', 0, /scheme/],
  ['a.b/c_', 6, /lower-case letters/],
  ['a.b/c___d', 7, /lower-case letters/],
  ['a.b/-c', 4, /lower-case letters/],
  ['-a.b/c', 0, /not a host/],
  ['[fe80::1%eth0]/c', 0, /not a host/],
  ['a.b:0/c', 4, /port is a number from 1 to 65535/],
  ['a.b:65536/c', 4, /port/],
  ['[::1]:99999/c', 6, /port/],
  [HEX, 0, /image id/],
  [`a.b/${'x'.repeat(256)}`, 4, /255/],
];

test('an error says at which character a name does not parse', () => {
  for (const [text, column, reason] of INVALID) {
    assert.throws(
      () => parseReference(text),
      (error) => {
        assert.ok(error instanceof InvalidReferenceError);
        assert.match(error.message, reason, text);
        assert.deepEqual(error.fault, { text, at: column });
        return true;
      },
    );
  }
});

test('Docker Hub is spoken to at its API host', () => {
  assert.equal(registryHost(parseReference('nginx')), 'registry-1.docker.io');
  assert.equal(registryHost(parseReference('ghcr.io/a/b')), 'ghcr.io');
});

test('the familiar form leaves out what Docker adds', () => {
  assert.equal(familiarName(parseReference('nginx')), 'nginx:latest');
  assert.equal(familiarName(parseReference('a/b:1')), 'a/b:1');
  assert.equal(familiarName(parseReference('a.b/c')), 'a.b/c:latest');
});

test('another tag takes the place of tag and digest', () => {
  const reference = withTag(parseReference(`a.b/c:t@sha256:${HEX}`), 'u');
  assert.equal(formatReference(reference), 'a.b/c:u');
  assert.throws(() => withTag(reference, 'no/tag'), InvalidReferenceError);
});

test('an error about a reference with a user and a password shows neither', () => {
  for (const [text, shown] of [
    ['user:hunter22@host.example/app', 'REDACTED@host.example/app'],
    ['user:hunter22@host.example/app:1', 'REDACTED@host.example/app:1'],
    ['https://user:hunter22@host.example/app', 'https://REDACTED@host.example/app'],
    ['https://hunter22@host.example/app', 'https://REDACTED@host.example/app'],
    ['hunter22@host.example/app', 'REDACTED@host.example/app'],
    ['user:hun/ter22@x@host.example/app', 'REDACTED@host.example/app'],
    ['user:hunter22@host', 'REDACTED@host'],
    [`user:hunter22@host/app@sha256:${HEX}`, `REDACTED@host/app@sha256:${HEX}`],
  ] as const) {
    assert.throws(
      () => parseReference(text),
      (error) =>
        error instanceof InvalidReferenceError &&
        error.fault?.text === shown &&
        !`${error.message} ${error.hint}`.includes('hunter'),
      text,
    );
  }
  assert.throws(() => parseReference('a.b/c:1@nothing'), /a digest is/);
});

test('a registry alone is a host as references begin with one', () => {
  for (const [text, registry] of [
    ['registry.example', 'registry.example'],
    ['https://registry.example/v2/', 'registry.example'],
    ['registry.example:5000/', 'registry.example:5000'],
    ['localhost', 'localhost'],
    ['[::1]:5000', '[::1]:5000'],
    ['https://index.docker.io/v1/', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
  ] as const)
    assert.equal(parseRegistry(text), registry);
  for (const text of [
    '',
    'nas',
    'a.b/team',
    'a b.c',
    'a.b:99999',
    'a.b:0',
    'a.b:',
    'me:secret@a.b',
    'me:secret@a.b/x',
  ])
    assert.throws(
      () => parseRegistry(text),
      (error) =>
        error instanceof InvalidReferenceError && !`${error.message}${error.hint ?? ''}`.includes('secret'),
      text,
    );
});
