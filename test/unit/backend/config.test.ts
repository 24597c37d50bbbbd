/** Settings of storage backends, as upstream's files have them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBackendConfig } from '../../../src/backend/config.js';
import { UsageError } from '../../../src/errors.js';

const SECRET = 'S3cretS3cretS3cret';
const S3 = { bucket_name: 'b', region: 'r', access_key_id: 'id', access_key_secret: SECRET };

test('members of upstream mean what they mean there, and those for nydusd are passed over', () => {
  assert.deepEqual(parseBackendConfig('localfs', '{"dir":"/blobs","readahead":true}'), {
    type: 'localfs',
    dir: '/blobs',
  });
  assert.deepEqual(parseBackendConfig('s3', JSON.stringify(S3)), {
    type: 's3',
    bucket: 'b',
    prefix: '',
    metaPrefix: '',
    keys: { id: 'id', secret: SECRET, token: undefined },
    scheme: 'https:',
    endpoint: 's3.amazonaws.com',
    insecure: false,
    region: 'r',
    checksum: 'CRC32',
  });
  const own = {
    ...S3,
    endpoint: '127.0.0.1:9000',
    scheme: 'http',
    object_prefix: 'nydus/',
    blob_prefix: 'passed over/',
    meta_prefix: 'meta/',
    checksum_algorithm: '',
    skip_verify: true,
    access_key_id: '',
    access_key_secret: '',
  };
  assert.deepEqual(parseBackendConfig('s3', JSON.stringify(own)), {
    type: 's3',
    bucket: 'b',
    prefix: 'nydus/',
    metaPrefix: 'meta/',
    keys: undefined,
    scheme: 'http:',
    endpoint: '127.0.0.1:9000',
    insecure: true,
    region: 'r',
    checksum: undefined,
  });
  const oss = { endpoint: 'https://oss-x.example.com/', bucket_name: 'b' };
  assert.deepEqual(parseBackendConfig('oss', JSON.stringify(oss)), {
    type: 'oss',
    bucket: 'b',
    prefix: '',
    metaPrefix: '',
    keys: undefined,
    scheme: 'https:',
    endpoint: 'oss-x.example.com',
    insecure: false,
    region: undefined,
  });
});

test('settings that make no sense are refused in a sentence that names the member, and holds no value', () => {
  const cases: readonly (readonly [type: string, json: string, message: RegExp])[] = [
    ['gcs', '{}', /one of oss, s3, localfs, not "gcs"$/],
    ['localfs', '{}', /localfs backend has no dir$/],
    ['localfs', '{"dir":5}', /dir is no text$/],
    ['s3', JSON.stringify({ ...S3, region: '' }), /s3 backend has no region$/],
    ['s3', JSON.stringify({ ...S3, bucket_name: undefined }), /has no bucket_name$/],
    ['s3', JSON.stringify({ ...S3, bucket_name: `a/${SECRET}` }), /bucket_name is no name of a bucket$/],
    ['s3', JSON.stringify({ ...S3, access_key_id: undefined }), /access_key_secret without access_key_id$/],
    ['s3', JSON.stringify({ ...S3, access_key_secret: '' }), /access_key_id without access_key_secret$/],
    ['s3', JSON.stringify({ ...S3, scheme: `ftp${SECRET}` }), /scheme is https or http$/],
    [
      's3',
      JSON.stringify({ ...S3, endpoint: `u:${SECRET}@h` }),
      /endpoint is a host, with a port or without$/,
    ],
    ['s3', JSON.stringify({ ...S3, checksum_algorithm: SECRET }), /checksum_algorithm is one of CRC32/],
    ['oss', JSON.stringify({ bucket_name: 'b' }), /oss backend has no endpoint$/],
    ['s3', `{"access_key_secret": "${SECRET}"`, /is no JSON object$/],
    ['s3', `"${SECRET}"`, /is no JSON object$/],
    ['s3', '[]', /is no JSON object$/],
    ['s3', '{"__proto__":{"region":"r"}}', /has no bucket_name$/],
  ];
  for (const [type, json, message] of cases) {
    assert.throws(
      () => parseBackendConfig(type, json),
      (error) =>
        error instanceof UsageError &&
        message.test(error.message) &&
        !error.message.includes(SECRET) &&
        error.cause === undefined,
      json,
    );
  }
});
