import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/properties.js';
import { NydusError } from '../../src/errors.js';
import { digestFromHex } from '../../src/oci/digest.js';
import { formatReference, parseReference, type Reference } from '../../src/oci/reference.js';
import { formatLocation, parseLocation } from '../../src/registry/location.js';
import { formatPlatform, parsePlatform } from '../../src/oci/platform.js';

const domain = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\.[a-z]{2,5}$/);
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
const host = fc
  .tuple(domain, port)
  .map(([name, number]) => (number === undefined ? name : `${name}:${number}`));
const loopback = fc.constantFrom(
  'localhost',
  'localhost:5000',
  '[::1]:5000',
  '[2001:db8::2]',
  '127.0.0.1:80',
);
const component = fc.stringMatching(/^[a-z0-9]{1,8}(([._]|__|-{1,3})[a-z0-9]{1,4}){0,2}$/);
const repository = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/);
const digest = fc.stringMatching(/^[0-9a-f]{64}$/).map(digestFromHex);
const name = fc.oneof(fc.record({ tag }), fc.record({ digest }), fc.record({ tag, digest }));

const reference: fc.Arbitrary<Reference> = fc
  .tuple(fc.oneof(host, loopback), repository, name)
  .map(([registry, path, rest]) => ({ registry, repository: path, ...rest }));

test('parsing a formatted reference gives the reference back', () => {
  fc.assert(
    fc.property(reference, (value) => {
      assert.deepEqual(parseReference(formatReference(value)), value);
    }),
  );
});

test('any text parses, or is refused with an error of ours that shows it', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9.:/@_[\]-]{1,30}$/)), (text) => {
      try {
        const parsed = parseReference(text);
        assert.deepEqual(parseReference(formatReference(parsed)), parsed);
      } catch (error) {
        assert.ok(error instanceof NydusError, String(error));
      }
    }),
  );
});

test('parsing a formatted location gives the location back', () => {
  const path = fc.stringMatching(/^\/[a-z]{1,5}(\/[a-zA-Z0-9 ._-]{0,5}[a-z])?$/);
  const stored = fc
    .tuple(
      fc.constantFrom('oci', 'oci-archive', 'docker-archive' as const),
      path,
      fc.option(tag),
      fc.option(digest),
    )
    .map(([kind, file, label, hash]) => ({
      kind,
      path: file,
      ...(label === null ? {} : { name: label }),
      ...(hash === null ? {} : { digest: hash }),
    }));
  fc.assert(
    fc.property(stored, (value) => {
      assert.deepEqual(parseLocation(formatLocation(value)), value);
    }),
  );
});

test('a platform in normal form stays as it is', () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  fc.assert(
    fc.property(word, word, fc.option(word), (os, architecture, variant) => {
      const once = formatPlatform(
        parsePlatform([os, architecture, ...(variant === null ? [] : [variant])].join('/')),
      );
      assert.equal(formatPlatform(parsePlatform(once)), once);
    }),
  );
});
