import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { InvalidReferenceError, UsageError } from '../../../src/errors.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { formatLocation, parseLocation } from '../../../src/registry/location.js';
import { openSource, openTarget } from '../../../src/registry/open.js';

const DIGEST = `sha256:${'0'.repeat(64)}`;

test('a location without prefix is an image reference', () => {
  assert.equal(formatLocation(parseLocation('nginx')), 'docker.io/library/nginx:latest');
  assert.equal(formatLocation(parseLocation('docker://a.b/c:1')), 'a.b/c:1');
});

test('folders and archives are a path, then a name or a digest', () => {
  assert.deepEqual(parseLocation('oci:/a/b'), { kind: 'oci', path: '/a/b' });
  assert.deepEqual(parseLocation('oci:/a/b:1.0'), { kind: 'oci', path: '/a/b', name: '1.0' });
  assert.deepEqual(parseLocation(`oci:/a@b@${DIGEST}`), { kind: 'oci', path: '/a@b', digest: DIGEST });
  assert.deepEqual(parseLocation('docker-archive:/x.tar:localhost:5000/a:b'), {
    kind: 'docker-archive',
    path: '/x.tar',
    name: 'localhost:5000/a:b',
  });
  assert.deepEqual(parseLocation('oci-archive:x.tar'), { kind: 'oci-archive', path: resolve('x.tar') });
});

test('the error for a file of an unknown kind names the prefixes that say it', () => {
  assert.throws(() => parseLocation('file:///a/b.tar'), {
    name: 'InvalidReferenceError',
    hint: /oci:FOLDER, oci-archive:FILE or docker-archive:FILE/,
  });
});

test('the error for a prefix without a path shows how to write it', () => {
  for (const text of ['oci:', 'oci-archive::tag', 'docker-archive:'])
    assert.throws(() => parseLocation(text), InvalidReferenceError, text);
});

test('a location that cannot be a target is refused before anything happens', () => {
  const options = { credentials: anonymous };
  assert.throws(() => openTarget('docker-archive:/x.tar', options), UsageError);
  assert.throws(() => openTarget(`oci:/x@${DIGEST}`, options), UsageError);
  assert.throws(() => openTarget(`a.b/c@${DIGEST}`, options), InvalidReferenceError);
  assert.throws(() => openSource('A.b/C', options), InvalidReferenceError);
});

test('a location is formatted in full', async () => {
  await using source = openSource('nginx', { credentials: anonymous });
  assert.equal(source.location, 'docker.io/library/nginx:latest');
});
