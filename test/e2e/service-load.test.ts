/** The service under load and kills, in small; `npm run service-load` does it in large. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needs } from '../support/needs.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { runLoad } from '../support/service/load.js';
import { seeded } from '../support/service/mutated-json.js';

test('every tag has the result of what it points to, whatever was killed, pushed again and told of thrice', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using registry = await startDockerRegistry();
  const plan = {
    images: 200,
    moved: 10,
    digests: 4,
    kills: 3,
    workerShare: 0,
    workers: 2,
    random: seeded(7),
  };
  const result = await runLoad(t, registry.host, plan);
  const { wrong, foreign, left, attempts, completed, contents, skipped } = result;
  assert.deepEqual({ wrong, foreign, left }, { wrong: [], foreign: [], left: [] }, result.log.slice(-4000));
  assert.ok(completed <= contents, `${completed} conversions of ${contents} contents`);
  const interrupted = attempts - completed - skipped;
  assert.ok(interrupted <= plan.kills * plan.workers, `${interrupted} attempts came to nothing`);
});
