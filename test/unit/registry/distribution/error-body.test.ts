/** One sentence and a hint for every way in which registries and proxies refuse. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuthError, type NydusError, RegistryError } from '../../../../src/errors.js';
import { contentOf } from '../../../../src/io/streams.js';
import { type JsonObject, serialise } from '../../../../src/oci/manifest.js';
import { MEDIA } from '../../../../src/oci/media-types.js';
import { type Refusal, refusalError } from '../../../../src/registry/distribution/error-body.js';
import { explainManifestRefusal } from '../../../../src/registry/distribution/manifest-refusal.js';
import { ANSWERS } from '../../../../src/registry/answers.js';
import { Redactor } from '../../../../src/registry/http/redact.js';

async function refused(
  status: number,
  body: string,
  more: Partial<Refusal> & { readonly headers?: Record<string, string> } = {},
): Promise<NydusError> {
  return refusalError(
    {
      status,
      headers: more.headers ?? {},
      url: new URL('https://r.example/v2/a/blobs/x'),
      body: contentOf(Buffer.from(body)).open(),
      discard: async () => undefined,
    },
    {
      what: 'cannot do it',
      host: 'r.example',
      side: 'target',
      method: 'PUT',
      redactor: new Redactor(),
      credentials: 'a file',
      hasCredential: false,
      isElsewhere: false,
      answers: ANSWERS.finishUpload,
      ...more,
    },
  );
}

const errors = (code: string, message = ''): string => JSON.stringify({ errors: [{ code, message }] });

const SENTENCES: readonly (readonly [
  status: number,
  body: string,
  message: string,
  hint: RegExp | undefined,
])[] = [
  [
    404,
    errors('NAME_UNKNOWN', 'x'),
    'cannot do it: there is no such repository (404 NAME_UNKNOWN): x',
    /check the name/,
  ],
  [
    502,
    '<html><head><title>502 Bad Gateway</title></head><body>nginx',
    'cannot do it: r.example has a fault of its own (502): 502 Bad Gateway',
    undefined,
  ],
  [502, '<!doctype html><p>sorry', 'cannot do it: r.example has a fault of its own (502)', undefined],
  [
    503,
    'down for\nmaintenance',
    'cannot do it: r.example has a fault of its own (503): down for maintenance',
    undefined,
  ],
  [500, '', 'cannot do it: r.example has a fault of its own (500)', undefined],
  [400, '{"message":"bad input"}', 'cannot do it: r.example refused (400): bad input', undefined],
  [400, '{"error":{"message":"bad input"}}', 'cannot do it: r.example refused (400): bad input', undefined],
  [400, '{"errors":"many"}', 'cannot do it: r.example refused (400)', undefined],
  [413, '', 'cannot do it: r.example refuses content of this size (413)', undefined],
  [507, '', 'cannot do it: the space that the registry grants is used up (507)', /quota/],
  [
    403,
    errors('DENIED', 'adding 2 MiB of storage resource will exceed the configured upper limit of 1 MiB'),
    'cannot do it: the space that the registry grants is used up (403 DENIED): adding 2 MiB of storage resource will exceed the configured upper limit of 1 MiB',
    /quota/,
  ],
  [
    429,
    errors('TOOMANYREQUESTS'),
    'cannot do it: the registry asks for fewer requests (429 TOOMANYREQUESTS)',
    /a login may/,
  ],
];

for (const [status, body, message, hint] of SENTENCES) {
  test(`${status} with "${body.slice(0, 30).replaceAll('\n', ' ')}" is one sentence`, async () => {
    const error = await refused(status, body);
    assert.ok(error instanceof RegistryError);
    assert.equal(error.message, message);
    if (hint === undefined) assert.equal(error.hint, undefined);
    else assert.match(error.hint ?? '', hint);
  });
}

test('a denial is about credentials, unless it speaks of the quota', async () => {
  const error = await refused(403, errors('DENIED', 'no'));
  assert.ok(error instanceof AuthError);
  assert.match(error.message, /denied without a login \(403 DENIED\): no/);
  assert.deepEqual(error.remedy, { kind: 'login', host: 'r.example', searched: 'a file', stored: false });
  assert.equal(error.side, 'target');
});

test('a registry that wants to be left alone for long says for how long', async () => {
  const error = await refused(429, '', { headers: { 'retry-after': '600' } });
  assert.match(error.hint ?? '', /left alone for 600 s/);
});

const index = (marks: JsonObject): Uint8Array =>
  serialise({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [{ platform: marks }] });
const plain = index({ os: 'linux' });
const features = index({ os: 'linux', 'os.features': ['nydus.remoteimage.v1'] });
const subject = serialise({ schemaVersion: 2, subject: { digest: 'x' } });

test('a refusal of os.features names other marks as the remedy, also when its reason misleads', () => {
  const said = { status: 405, codes: ['UNSUPPORTED'], message: 'Invalid parameter: os.features' };
  const otherMarks = { kind: 'index-marks', marks: 'artifact-type' } as const;
  assert.deepEqual(explainManifestRefusal(said, MEDIA.ociIndex, features), { remedy: otherMarks });
  const misleading = { ...said, message: 'Invalid JSON syntax' };
  assert.deepEqual(explainManifestRefusal(misleading, MEDIA.ociIndex, features), {
    remedy: { ...otherMarks, unlessKnown: true },
  });
  assert.equal(explainManifestRefusal(said, MEDIA.ociIndex, plain), undefined);
});

test('a refusal of subject names a conversion without it as the remedy', () => {
  const said = { status: 400, codes: ['MANIFEST_INVALID'], message: 'unknown field subject' };
  assert.deepEqual(explainManifestRefusal(said, MEDIA.ociManifest, subject), {
    remedy: { kind: 'omit-subject' },
  });
});

test('a registry that misses the parts of an index is recognised by its code, and by a 400 without one', () => {
  for (const code of ['MANIFEST_BLOB_UNKNOWN', 'MANIFEST_UNKNOWN', 'BLOB_UNKNOWN']) {
    const known = explainManifestRefusal(
      { status: 404, codes: [code], message: '' },
      MEDIA.ociIndex,
      features,
    );
    assert.match(known?.text ?? '', /misses parts that the index names/);
  }
  const silent = explainManifestRefusal({ status: 400, codes: [], message: '' }, MEDIA.ociIndex, plain);
  assert.match(silent?.hint ?? '', /does not yet have all/);
});
