/** Real registries × real clients: what they push we read, what we push they read, digest by digest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meetAll } from '../support/references/interop-table.js';

test('registries and clients of others: an image goes through each pair of them and us unchanged', async (t) => {
  for (const { registry, client, outcome, detail } of await meetAll()) {
    await t.test(`${client} at ${registry}`, (own) => {
      if (outcome === 'missing') own.skip(detail);
      else assert.equal(outcome, 'equal', detail);
    });
  }
});
