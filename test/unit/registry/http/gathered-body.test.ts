import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type Flow, GatheredBody } from '../../../../src/registry/http/gathered-body.js';

/** Records the calls on a connection, in order. */
function recorded(): { readonly flow: Flow; readonly done: string[] } {
  const done: string[] = [];
  return {
    done,
    flow: {
      pause: () => done.push('pause'),
      resume: () => done.push('resume'),
      abort: ({ message }) => done.push(`abort: ${message}`),
    },
  };
}

async function text(body: GatheredBody): Promise<string> {
  const { value } = await body.next();
  assert.ok(value !== undefined);
  return Buffer.from(value).toString();
}

test('the bytes of one turn of the event loop become one piece, in order', async () => {
  const body = new GatheredBody(recorded().flow);
  const first = text(body);
  for (const piece of ['a', 'bc', 'd']) body.push(Buffer.from(piece));
  assert.equal(await first, 'abcd');
  const second = text(body);
  body.push(Buffer.from('e'));
  assert.equal(await second, 'e');
  body.push(Buffer.from('f'));
  body.end();
  assert.equal(await text(body), 'f');
  assert.deepEqual(await body.next(), { done: true, value: undefined });
  assert.deepEqual(await body.next(), { done: true, value: undefined });
});

test('a waiting reader gets the bytes by the next turn, and the end of the body at once', async () => {
  const body = new GatheredBody(recorded().flow);
  const got: string[] = [];
  void text(body).then((piece) => got.push(piece));
  body.push(Buffer.from('a'));
  await turn();
  assert.deepEqual(got, ['a']);
  void text(body).then((piece) => got.push(piece));
  body.push(Buffer.from('b'));
  body.end();
  await new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });
  assert.deepEqual(got, ['a', 'b']);
});

test('adjacent pieces are joined without copying, and large ones are handed over as they are', async () => {
  const body = new GatheredBody(recorded().flow);
  const slab = Buffer.alloc(500_000);
  body.push(slab.subarray(0, 200_000));
  body.push(slab.subarray(200_000, 300_000));
  body.push(Buffer.from('small'));
  body.push(Buffer.from('small'));
  body.push(slab.subarray(300_000 - 1));
  body.end();
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  assert.deepEqual(
    pieces.map(({ length }) => length),
    [300_000, 10, 200_001],
  );
  assert.equal(pieces[0]?.buffer, slab.buffer);
});

test('a body is paused while it is not read, and resumed when all bytes have been taken', async () => {
  const { flow, done } = recorded();
  const body = new GatheredBody(flow);
  body.push(Buffer.alloc(200_000));
  assert.deepEqual(done, []);
  body.push(Buffer.alloc(200_000));
  // A connection may still bring what it has already read.
  body.push(Buffer.alloc(200_000));
  assert.deepEqual(done, ['pause']);
  await body.next();
  assert.deepEqual(done, ['pause']);
  await body.next();
  assert.deepEqual(done, ['pause', 'resume']);
  await body.next();
  const next = text(body);
  body.push(Buffer.from('c'));
  assert.equal(await next, 'c');
  assert.deepEqual(done, ['pause', 'resume']);
});

test('a waiting reader gets a large piece before the turn is over', async () => {
  const { flow, done } = recorded();
  const body = new GatheredBody(flow);
  const first = body.next();
  for (let i = 0; i < 100; i++) body.push(Buffer.alloc(60_000));
  const { value } = await first;
  assert.ok(value !== undefined && value.length < 1_000_000, `${value?.length} bytes`);
  assert.deepEqual(done, ['pause']);
});

test('a failure comes after the bytes before it; what comes after it is dropped', async () => {
  const body = new GatheredBody(recorded().flow);
  body.push(Buffer.from('a'));
  body.fail(new Error('cut'));
  body.push(Buffer.from('b'));
  body.end();
  assert.equal(await text(body), 'a');
  await assert.rejects(body.next(), /cut/);
  await assert.rejects(body.next(), /cut/);
});

test('cutting a body ends the connection, drops unread bytes, and fails a waiting reader', async () => {
  const { flow, done } = recorded();
  const body = new GatheredBody(flow);
  body.push(Buffer.from('a'));
  body.cut(new Error('stop'));
  await assert.rejects(body.next(), /stop/);
  assert.deepEqual(done, ['abort: stop']);

  const waiting = new GatheredBody(recorded().flow);
  const next = waiting.next();
  waiting.cut(new Error('stop'));
  await assert.rejects(next, /stop/);
});

test('a reader that stops ends the connection, unless the body is complete', async () => {
  const { flow, done } = recorded();
  const body = new GatheredBody(flow);
  const next = body.next();
  await body.return();
  await body.return();
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.equal(done.length, 1);
  assert.match(done[0] ?? '', /^abort/);

  const whole = recorded();
  const complete = new GatheredBody(whole.flow);
  complete.push(Buffer.from('a'));
  complete.end();
  await complete.return();
  assert.deepEqual(await complete.next(), { done: true, value: undefined });
  assert.deepEqual(whole.done, []);
});
