/** What senders may try on a running service, in small; `npm run service-load -- --part security` does it in large. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackService, faultsOfAttack } from '../support/service/attacks.js';
import { seeded } from '../support/service/mutated-json.js';

test('bodies of any shape make no failure, secrets show nowhere, hosts of the file alone are contacted, and refusals take one time', async (t) => {
  const result = await attackService(t, { bodies: 100, tries: 400, random: seeded(1) });
  assert.deepEqual(faultsOfAttack(result), []);
  assert.ok(result.accepted > 20, `${result.accepted} bodies were accepted`);
});
