/** Backends that are buckets, by both protocols, on a server in memory that can fail every request. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobBackend } from '../../../src/backend/backend.js';
import { PART_BYTES, partSize } from '../../../src/backend/objects/upload.js';
import { AuthError, NydusError, RegistryError } from '../../../src/errors.js';
import { collect, contentOf, type ReplayableContent } from '../../../src/io/streams.js';
import { sha256 } from '../../../src/oci/digest.js';
import { allOf, backendContract } from '../../support/backends/contract.js';
import type { Fault, ObjectServerOptions, ServedRequest } from '../../support/backends/object-server.js';
import { KEYS, QUICK, servedBackend } from '../../support/backends/open.js';
import { noise } from '../../support/images/opaque-image.js';

type Dialect = Pick<ObjectServerOptions, 'dialect' | 'region'>;

const DIALECTS: readonly Dialect[] = [
  { dialect: 's3' },
  { dialect: 'oss' },
  { dialect: 'oss', region: 'cn-hangzhou' },
];

const PART = QUICK.partBytes;
/** Three parts, the last of them short. */
const LARGE = 2 * PART + 1000;

const bytesOf = (size: number, seed = 1): Buffer => Buffer.from(noise(size, seed));
const BIG = bytesOf(LARGE);
const BLOB = { digest: sha256(BIG), size: LARGE };
const KEY = BLOB.digest.slice('sha256:'.length);

const nameOf = ({ dialect, region }: Dialect): string => (region === undefined ? dialect : `${dialect} (V4)`);

for (const dialect of DIALECTS) {
  backendContract(nameOf(dialect), [1, 50_000, PART, LARGE], async (t) => {
    const { server, backend } = await servedBackend(t, { ...dialect, page: 2 }, 'images/of us+/');
    return {
      backend,
      names: () => Promise.resolve(server.names().map((name) => name.replace('images/of us+/', ''))),
      stray: async (name) => {
        server.objects.set(`images/of us+/${name}`, { bytes: Buffer.from('x'), modified: new Date() });
        await Promise.resolve();
      },
    };
  });

  test(`${nameOf(dialect)}: every request of an upload may fail once, in every way, and is made again; nothing else stays`, async (t) => {
    const faults: readonly Fault[] = [
      'cut',
      'cut-after',
      'cut-within',
      { status: 503, code: 'SlowDown', headers: { 'retry-after': '0' } },
      { status: 500, code: 'InternalError' },
      { status: 502, code: 'BadGateway' },
      { status: 504, code: 'GatewayTimeout' },
      { status: 429, code: 'TooManyRequests' },
      { status: 408, code: 'RequestTimeout' },
    ];
    const { server, another } = await servedBackend(t, dialect);
    await (await another()).put(BLOB, contentOf(BIG));
    const usual = server.requests.length;
    assert.ok(usual * faults.length >= 50, `${usual} requests`);
    for (const fault of faults) {
      for (let at = 1; at <= usual; at++) {
        server.objects.clear();
        const before = server.requests.length;
        server.fault = ({ number }) => (number === before + at ? fault : undefined);
        await (await another()).put(BLOB, contentOf(BIG));
        assert.deepEqual(server.names(), [KEY], `${JSON.stringify(fault)} of request ${at}`);
        assert.ok(server.objects.get(KEY)?.bytes.equals(BIG));
        const made = server.requests.length - before;
        assert.ok(made <= usual + 4, `${made} requests instead of ${usual}`);
      }
    }
  });

  test(`${nameOf(dialect)}: a run that fails for good, at any request, leaves no part`, async (t) => {
    const { server, another } = await servedBackend(t, dialect);
    const gone: Fault = { status: 403, code: 'AccessDenied' };
    for (const verb of ['BEGIN', 'PART', 'COMPLETE']) {
      server.fault = (request) => (request.verb === verb ? gone : undefined);
      await assert.rejects((await another()).put(BLOB, contentOf(BIG)), AuthError, verb);
      assert.deepEqual(server.names(), [], verb);
    }
    // A server that is always busy costs the attempts of one request.
    server.fault = (request) => (request.part === 2 ? { status: 503, code: 'SlowDown' } : undefined);
    await assert.rejects(
      (await another()).put(BLOB, contentOf(BIG)),
      (error) => error instanceof RegistryError && /the server asks to go slower/.test(error.message),
    );
    assert.deepEqual(server.names(), []);
  });

  test(`${nameOf(dialect)}: what a killed run has sent is not sent again, and its upload is ended`, async (t) => {
    const { server, another } = await servedBackend(t, { ...dialect, page: 1 });
    for (const kept of [1, 2, 3]) {
      server.objects.clear();
      const first = await another();
      // A run that is killed aborts nothing.
      let parts = 0;
      server.fault = ({ verb }: ServedRequest): Fault | undefined => {
        if (verb === 'PART') parts += 1;
        if (verb === 'ABORT') return 'cut';
        return verb === 'COMPLETE' || (verb === 'PART' && parts > kept)
          ? { status: 403, code: 'AccessDenied' }
          : undefined;
      };
      await assert.rejects(first.put(BLOB, contentOf(BIG)));
      server.fault = undefined;
      const [left] = server.uploads.values();
      assert.equal(left?.key, KEY);
      const there = left.parts.size;
      assert.ok(there >= 1);
      const [listed, ...more] = await allOf(first.unfinished());
      assert.deepEqual([listed?.digest, more], [BLOB.digest, []]);
      const before = server.requests.length;
      await (await another()).put(BLOB, contentOf(BIG));
      const sent = server.requests.slice(before).filter(({ verb }) => verb === 'PART').length;
      assert.equal(sent, 3 - there, `${there} parts were there`);
      assert.deepEqual(server.names(), [KEY]);
      assert.ok(server.objects.get(KEY)?.bytes.equals(BIG));
    }
  });

  test(`${nameOf(dialect)}: parts of an upload that are other bytes are sent again, and further uploads of the blob are ended`, async (t) => {
    const { server, backend } = await servedBackend(t, dialect);
    const wrong = [bytesOf(PART, 9), bytesOf(5, 9)];
    for (const [i, started] of ['2020-01-01', '2021-01-01'].entries())
      server.uploads.set(`left-${i}`, {
        key: KEY,
        started: new Date(started),
        parts: new Map([
          [1, wrong[0] ?? assert.fail()],
          [2, wrong[1] ?? assert.fail()],
          [7, Buffer.from('none of ours')],
        ]),
      });
    await backend.put(BLOB, contentOf(BIG));
    assert.deepEqual(server.names(), [KEY]);
    assert.ok(server.objects.get(KEY)?.bytes.equals(BIG));
  });

  test(`${nameOf(dialect)}: an upload that cannot be completed is ended, and the blob is sent from its start`, async (t) => {
    const { server, backend } = await servedBackend(t, dialect);
    server.uploads.set('left', { key: KEY, started: new Date(), parts: new Map() });
    server.fault = ({ verb }) =>
      verb === 'COMPLETE' && server.uploads.has('left') ? { status: 500, code: 'InternalError' } : undefined;
    await backend.put(BLOB, contentOf(BIG));
    assert.deepEqual(server.names(), [KEY]);
    assert.ok(server.objects.get(KEY)?.bytes.equals(BIG));
  });

  test(`${nameOf(dialect)}: an upload that takes a part after it was aborted is aborted again`, async (t) => {
    const { server, backend } = await servedBackend(t, dialect);
    let aborts = 0;
    server.fault = ({ verb }): Fault | undefined => {
      if (verb === 'PART') return { status: 403, code: 'AccessDenied' };
      if (verb !== 'ABORT' || ++aborts > 1) return undefined;
      // It answers, and the upload is there again.
      return { status: 204, code: '' };
    };
    await assert.rejects(backend.put(BLOB, contentOf(BIG)), AuthError);
    assert.ok(aborts >= 2);
    assert.deepEqual(server.names(), []);
  });

  test(`${nameOf(dialect)}: a key that may not list uploads stores blobs all the same`, async (t) => {
    const { server, backend } = await servedBackend(t, dialect);
    server.fault = ({ verb }) => (verb === 'UPLOADS' ? { status: 403, code: 'AccessDenied' } : undefined);
    await backend.put(BLOB, contentOf(BIG));
    assert.deepEqual(server.names(), [KEY]);
  });

  test(`${nameOf(dialect)}: two runs that send one blob at once both succeed`, async (t) => {
    const { server, another } = await servedBackend(t, dialect);
    const runs = await Promise.all([another(), another(), another()]);
    await Promise.all(runs.map((backend) => backend.put(BLOB, contentOf(BIG))));
    assert.ok(server.objects.get(KEY)?.bytes.equals(BIG));
  });

  test(`${nameOf(dialect)}: a body that breaks off is gone on with behind the bytes that came`, async (t) => {
    const { server, backend } = await servedBackend(t, dialect);
    server.objects.set(KEY, { bytes: BIG, modified: new Date() });
    let cuts = 2;
    server.fault = ({ verb }) => (verb === 'GET' && cuts-- > 0 ? 'cut' : undefined);
    const read = await collect(backend.read(BLOB.digest, undefined), LARGE, 'blob');
    assert.ok(read.equals(BIG));
  });

  test(`${nameOf(dialect)}: each refusal is one sentence, which holds no secret`, async (t) => {
    const { server, another } = await servedBackend(t, dialect);
    const attempt = async (
      changes: Readonly<Record<string, string>>,
      fault: Fault | undefined,
    ): Promise<NydusError> => {
      const backend = await another(changes);
      server.fault = () => fault;
      const outcome = await backend.put(BLOB, contentOf(BIG)).then(
        () => assert.fail('it was not refused'),
        (error: unknown) => error,
      );
      assert.ok(outcome instanceof NydusError, String(outcome));
      assert.ok(!`${outcome.message} ${outcome.hint ?? ''}`.includes(KEYS.secret), outcome.message);
      assert.doesNotMatch(outcome.message, /\n/);
      return outcome;
    };
    const cases: readonly (readonly [Readonly<Record<string, string>>, Fault | undefined, RegExp, number])[] =
      [
        [{ access_key_id: 'AKIDOTHER' }, undefined, /: the access key is not known there$/, 4],
        [
          {},
          { status: 403, code: 'SignatureDoesNotMatch' },
          /: the secret key does not belong to the access key$/,
          4,
        ],
        [{}, { status: 400, code: 'ExpiredToken' }, /: the security token has expired$/, 4],
        [{}, { status: 403, code: 'AccessDenied' }, /: access is denied \(AccessDenied/, 4],
        [
          {},
          { status: 403, code: 'RequestTimeTooSkewed' },
          /: the clock of this machine and that of the server/,
          3,
        ],
        [{ bucket_name: 'other' }, undefined, /: there is no bucket other at 127\.0\.0\.1:\d+$/, 3],
        [{}, { status: 503, code: 'SlowDown' }, /: the server asks to go slower$/, 3],
        [
          {},
          { status: 400, code: 'AuthorizationHeaderMalformed' },
          /: the bucket blobs is in another region/,
          3,
        ],
        [{}, { status: 507, code: 'QuotaExceeded' }, /: there is no room in the bucket blobs$/, 3],
        [{}, { status: 418, code: `X${KEYS.secret}\n\u001b[31m` }, /: status 418 \(XREDACTED/, 3],
        [{}, 'cut', /^storage backend 127\.0\.0\.1/, 3],
      ];
    for (const [changes, fault, message, exitCode] of cases) {
      const error = await attempt(changes, fault);
      assert.match(error.message, message);
      assert.equal(error.exitCode, exitCode, error.message);
    }
  });

  test(`${nameOf(dialect)}: a wrong key is told by its name, though answers to HEAD have no body`, async (t) => {
    const { another } = await servedBackend(t, dialect);
    const backend = await another({ access_key_id: 'AKIDOTHER' });
    await assert.rejects(backend.sizeOf(BLOB.digest), /the access key is not known there$/);
  });

  test(`${nameOf(dialect)}: memory for parts does not grow with the number and size of blobs`, async (t) => {
    const { server, backend } = await servedBackend(t, dialect);
    // No part gets anywhere, so each reader stops when the memory for parts is full.
    let [read, go] = [0, (): void => undefined];
    const waiting = new Promise<void>((resolve) => (go = resolve));
    const counted = (bytes: Buffer): ReplayableContent => ({
      size: bytes.length,
      open: async function* () {
        for (let at = 0; at < bytes.length; at += PART / 4) {
          const piece = bytes.subarray(at, at + PART / 4);
          read += piece.length;
          yield piece;
          await Promise.resolve();
        }
      },
    });
    server.hold = (request) => (request.verb === 'PART' ? waiting : undefined);
    const blobs = [1, 2, 3, 4, 5, 6].map((seed) => bytesOf(12 * PART, seed + 20));
    const all = Promise.all(
      blobs.map((bytes) => backend.put({ digest: sha256(bytes), size: bytes.length }, counted(bytes))),
    );
    await sleep(500);
    // Six parts, and a piece of each reader.
    assert.ok(read <= 6 * PART + 6 * (PART / 4), `${read / PART} parts were read ahead`);
    go();
    await all;
    assert.equal(server.names().length, 6);
  });
}

test('blobs of any size have at most ten thousand parts', () => {
  for (const size of [1, PART_BYTES * 10_000, PART_BYTES * 10_000 + 1, 5 * 2 ** 40]) {
    assert.ok(partSize(size) >= PART_BYTES);
    assert.ok(Math.ceil(size / partSize(size)) <= 10_000);
  }
});

test('a clock that is wrong is set right by what the server says (S3)', async (t: TestContext) => {
  const { server, backend } = await servedBackend(t, { dialect: 's3' });
  let refused = 0;
  server.fault = ({ verb }) => {
    if (verb !== 'PUT' || refused > 0) return undefined;
    refused += 1;
    return { status: 403, code: 'RequestTimeTooSkewed' };
  };
  const small = bytesOf(100);
  await (backend satisfies BlobBackend).put({ digest: sha256(small), size: 100 }, contentOf(small));
  assert.equal(refused, 1);
});
