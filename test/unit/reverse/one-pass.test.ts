import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { collect } from '../../../src/io/streams.js';
import { OnePass } from '../../../src/reverse/one-pass.js';

const PIECE = Buffer.alloc(100, 'x');

/** True when the promise has settled after the event loop has turned. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await turn();
  return settled;
}

test('the maker waits while the reader is behind, and the reader gets every byte once', async () => {
  const pass = new OnePass(150);
  await pass.push(PIECE);
  const blocked = pass.push(PIECE);
  assert.equal(await isSettled(blocked), false);
  assert.deepEqual(await pass.moreThan(0), { size: 200, complete: false });
  assert.equal((await collect(pass.read({ start: 0, end: 200 }), 200, 'x')).length, 200);
  await blocked;
  pass.end();
  assert.deepEqual(await pass.moreThan(200), { size: 200, complete: true });
  await assert.rejects(collect(pass.read({ start: 0, end: 200 }), 200, 'x'), /not held any more/);
});

test('a reader that waits for a whole chunk gets it, however small the window', async () => {
  const pass = new OnePass(100);
  const chunk = pass.moreThan(349);
  for (let i = 0; i < 3; i++) assert.equal(await isSettled(pass.push(PIECE)), true, `piece ${i}`);
  const last = pass.push(PIECE);
  assert.deepEqual(await chunk, { size: 400, complete: false });
  assert.equal((await collect(pass.read({ start: 0, end: 350 }), 350, 'x')).length, 350);
  assert.equal((await collect(pass.read({ start: 350, end: 400 }), 50, 'x')).length, 50);
  await last;
});

test('when the reader gives up, the maker goes on and nothing is held', async () => {
  const pass = new OnePass(100);
  const blocked = pass.push(PIECE);
  assert.equal(await isSettled(blocked), false);
  pass.abandon();
  await blocked;
  await pass.push(PIECE);
  await assert.rejects(pass.moreThan(1000), /will not be completed/);
  await assert.rejects(pass.moreThan(1000, AbortSignal.abort(new Error('stopped'))), /stopped/);
});
