/** Signatures of OSS, beside the examples that Alibaba Cloud publishes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signed, signedV1, signedV4 } from '../../../src/backend/oss/sign.js';

test('version 1: the example of the documentation', () => {
  const headers = {
    'content-md5': 'ODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM=',
    'content-type': 'text/html',
    date: 'Thu, 17 Nov 2005 18:49:58 GMT',
    host: 'oss-example.oss-cn-hangzhou.aliyuncs.com',
    'x-oss-meta-author': 'foo@bar.com',
    'x-oss-magic': 'abracadabra',
  };
  const request = { method: 'PUT', bucket: 'oss-example', key: 'nelson', query: {}, headers };
  const keys = {
    id: '44CF9590006BF252F707',
    secret: 'OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV',
    token: undefined,
  };
  assert.equal(
    signedV1(request, keys)['authorization'],
    'OSS 44CF9590006BF252F707:26NBxoKdsyly4EDv6inkoDft/yA=',
  );
});

test("version 4: the example of the vendor's own client", () => {
  const request = {
    method: 'PUT',
    bucket: 'bucket',
    key: '1234+-/123/1.txt',
    query: {
      param1: 'value1',
      '+param1': 'value3',
      '|param1': 'value4',
      '+param2': '',
      '|param2': '',
      param2: '',
    },
    headers: {
      'x-oss-head1': 'value',
      abc: 'value',
      zabc: 'value',
      xyz: 'value',
      'content-type': 'text/plain',
    },
  };
  const keys = { id: 'ak', secret: 'sk', token: undefined };
  assert.equal(
    signedV4(request, keys, 'cn-hangzhou', new Date(1_702_743_657_000))['authorization'],
    'OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,Signature=e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe',
  );
});

test('requests without keys are not signed, and a token is a part of what is signed', () => {
  const request = { method: 'GET', bucket: 'b', key: 'k', query: {}, headers: { range: 'bytes=0-1' } };
  const now = new Date(0);
  assert.deepEqual(signed(request, undefined, 'r', now), { range: 'bytes=0-1' });
  for (const region of [undefined, 'r']) {
    const [without, one, other] = [undefined, 'one', 'other'].map(
      (token) => signed(request, { id: 'i', secret: 's', token }, region, now)['authorization'],
    );
    assert.equal(new Set([without, one, other]).size, 3);
  }
});
