import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegistryError } from '../../../../src/errors.js';
import { connectionFailure } from '../../../../src/registry/http/connection-failure.js';
import { Redactor } from '../../../../src/registry/http/redact.js';

test('an authority is asked for only where one would help', () => {
  const remedyOf = (code: string): unknown => {
    const error = connectionFailure(Object.assign(new Error(code), { code }), {
      label: 'GET https://h/v2/',
      url: new URL('https://h/v2/'),
      proxy: undefined,
      redactor: new Redactor(),
      side: 'source',
      peer: 'registry',
      signal: undefined,
    });
    assert.ok(error instanceof RegistryError);
    assert.match(error.message, /certificate is not trusted/);
    return error.remedy;
  };
  for (const code of [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ])
    assert.deepEqual(remedyOf(code), { kind: 'trust-ca' });
  for (const [code, because] of [
    ['CERT_HAS_EXPIRED', 'expired'],
    ['CERT_NOT_YET_VALID', 'not-yet-valid'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'other-name'],
    ['CERT_REVOKED', 'unfit'],
    ['CERT_SIGNATURE_FAILURE', 'unfit'],
  ])
    assert.deepEqual(remedyOf(code ?? ''), { kind: 'new-certificate', because });
});
