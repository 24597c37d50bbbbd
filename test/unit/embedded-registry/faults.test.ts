import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  type FaultRule,
  type FaultScript,
  faultScript,
  FAULTS,
} from '../../../src/embedded-registry/faults.js';
import { startRegistry } from '../../../src/embedded-registry/server.js';
import { contentOf } from '../../../src/io/streams.js';
import { sha256 } from '../../../src/oci/digest.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openTarget } from '../../../src/registry/open.js';
import { tempFolder } from '../../support/temp-folder.js';

const BYTES = Buffer.from('0123456789');

/** A registry that holds one blob, and a script before it; gives the blob's address. */
async function spoiled(
  t: TestContext,
  ...rules: readonly FaultRule[]
): Promise<{ url: string; script: FaultScript }> {
  const root = await tempFolder(t);
  const honest = await startRegistry({ root });
  t.after(() => honest.close());
  await using target = openTarget(`${honest.host}/a:1`, { credentials: anonymous });
  await target.push({ mediaType: 'x', digest: sha256(BYTES), size: BYTES.length }, contentOf(BYTES));
  const script = faultScript(rules, { otherOrigin: honest.url });
  const registry = await startRegistry({ root, intercept: script.intercept });
  t.after(() => registry.close());
  return { url: `${registry.url}/v2/a/blobs/${sha256(BYTES)}`, script };
}

test('a fault strikes the requests that its rule counts, and no other', async (t) => {
  const { url, script } = await spoiled(
    t,
    { fault: '500', method: 'GET', path: /\/blobs\//, at: 2, times: 2 },
    { fault: '429', method: 'HEAD' },
  );
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await fetch(url)).status);
  assert.deepEqual(statuses, [200, 500, 500, 200]);
  assert.equal((await fetch(url, { method: 'HEAD' })).status, 429);
  assert.equal(script.struck(), 3);
});

test('answers in place of the registry have the status and body of their fault', async (t) => {
  for (const [fault, status, header, value] of [
    ['503', 503, 'retry-after', '1'],
    ['401', 401, 'www-authenticate', 'Bearer error="invalid_token"'],
    ['html-200', 200, 'content-type', 'text/html; charset=utf-8'],
    ['html-502', 502, 'content-type', 'text/html; charset=utf-8'],
  ] as const) {
    const { url } = await spoiled(t, { fault });
    const response = await fetch(url);
    assert.equal(response.status, status);
    assert.equal(response.headers.get(header), value);
    await response.body?.cancel();
  }
  const { url } = await spoiled(t, { fault: 'redirect' });
  assert.equal(await (await fetch(url)).text(), '0123456789');
});

test('connections are cut where the rule says', async (t) => {
  for (const fault of ['reset', 'lost-answer'] as const) {
    const { url } = await spoiled(t, { fault });
    await assert.rejects(fetch(url), fault);
  }
  const { url } = await spoiled(t, { fault: 'half' });
  const response = await fetch(url);
  assert.equal(response.headers.get('content-length'), '10');
  const reader = response.body?.getReader();
  assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), '01234');
  await assert.rejects(async () => reader?.read());
});

test('a silent answer lasts until the client closes the connection', async (t) => {
  const { url } = await spoiled(t, { fault: 'stall' });
  const stop = AbortSignal.timeout(200);
  const response = await fetch(url, { signal: stop });
  await assert.rejects(response.text(), { name: 'TimeoutError' });
});

test('a spoiled body has one bit or its half changed, and unchanged headers', async (t) => {
  const flipped = await fetch((await spoiled(t, { fault: 'wrong-digest' })).url);
  assert.equal(await flipped.text(), '0123446789');
  assert.equal(flipped.headers.get('docker-content-digest'), sha256(BYTES));
  const short = await fetch((await spoiled(t, { fault: 'truncated' })).url);
  assert.equal(await short.text(), '01234');
});

test('the body of a request is cut, or reaches the registry changed', async (t) => {
  const { url, script } = await spoiled(
    t,
    { fault: 'half', method: 'PUT' },
    { fault: 'wrong-digest', method: 'PATCH' },
  );
  const uploads = url.replace(/sha256.*/, 'uploads/');
  const open = async (): Promise<URL> => {
    const session = await fetch(uploads, { method: 'POST' });
    return new URL(session.headers.get('location') ?? '', url);
  };
  const first = await open();
  await assert.rejects(fetch(`${first.href}?digest=${sha256(BYTES)}`, { method: 'PUT', body: BYTES }));
  assert.equal((await fetch(first)).headers.get('range'), '0-4');
  const second = await open();
  assert.equal((await fetch(second, { method: 'PATCH', body: BYTES })).status, 202);
  const finished = await fetch(`${second.href}?digest=${sha256(Buffer.from('0123446789'))}`, {
    method: 'PUT',
  });
  assert.equal(finished.status, 201);
  assert.equal(script.struck(), 2);
});

test('every fault is described', () => {
  for (const [fault, what] of Object.entries(FAULTS)) assert.ok(what.length > 10, fault);
});
