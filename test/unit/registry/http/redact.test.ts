import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redactor, redactUrl, redactUrls } from '../../../../src/registry/http/redact.js';

test('a URL is printed without user, password and signatures', () => {
  assert.equal(
    redactUrl(new URL('https://me:secret@store.example/b?X-Amz-Signature=abc&digest=sha256:1&sig=x#frag')),
    'https://store.example/b?X-Amz-Signature=REDACTED&digest=sha256%3A1&sig=REDACTED',
  );
  assert.equal(redactUrl(new URL('https://a.b/v2/c/manifests/1')), 'https://a.b/v2/c/manifests/1');
});

test('URLs in a text from outside are printed in the same way', () => {
  assert.equal(
    redactUrls('FETCH 1: GET http://a.b//v2/x?X-Amz-Signature=abc - HTTP 200 <https://[oops?sig=1>'),
    'FETCH 1: GET http://a.b//v2/x?X-Amz-Signature=REDACTED - HTTP 200 <https://[oops>',
  );
});

test('secrets that this run has seen are removed from any text', () => {
  const redactor = new Redactor();
  redactor.add('p4ss word');
  redactor.add('p4ss word and more');
  redactor.add('ab'); // too short to be one
  redactor.add(undefined);
  assert.equal(redactor.text('x p4ss word and more, p4ss%20word, ab'), 'x REDACTED, REDACTED, ab');
});

test('a text in the form of an authorization header is removed although this run has not seen it', () => {
  assert.equal(
    new Redactor().text('got Bearer abcdefgh.ijk and basic dXNlcjpwYXNz'),
    'got Bearer REDACTED and basic REDACTED',
  );
});
