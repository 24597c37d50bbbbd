/** What Prometheus reads: judged by Prometheus' own reader, and by what a client could put into it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { openMetrics } from '../../../src/service/metrics.js';
import { needs } from '../../support/needs.js';
import { API_CONFIG, apiBench } from '../../support/service/api-server.js';
import { addShownTasks, HOSTILE } from '../../support/service/shown-tasks.js';

test('promtool reads the metrics and has nothing to say about their names, types and help', async (t) => {
  if (!needs(t, 'promtool')) return;
  const { ask, queue } = await apiBench(t, { config: `${API_CONFIG}metric: { enabled: true }` });
  await addShownTasks(queue);
  await ask('POST', '/api/v2/tasks', { body: { source: 'r.example/a:1' } });
  await ask('POST', '/api/v2/tasks', { body: { source: 'elsewhere.example/a:1' } });
  await ask('GET', `/${encodeURIComponent(HOSTILE)}`, { headers: { host: 'evil.example' } });
  const { text, headers } = await ask('GET', '/metrics');
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
  for (const word of ['evil', 'img', 'elsewhere', 'r.example', 'team/', 'sha256'])
    assert.ok(!text.includes(word), `no label holds what a client has sent: ${word}`);
});

test('long conversions are told apart, and failures have times, too', async (t) => {
  const { queue } = await apiBench(t);
  const metrics = openMetrics({
    name: 'API',
    version: '0',
    queue,
    workers: () => ({ busy: 0, free: 1 }),
    storeBytes: () => 0,
  });
  metrics.jobSeconds.observe({ kind: 'convert', outcome: 'failed' }, 1000);
  const text = await metrics.registry.metrics();
  const counted = (seconds: number): string | undefined =>
    new RegExp(`nydusify_job_seconds_bucket\\{le="${seconds}",kind="convert",outcome="failed"\\} (\\d)`).exec(
      text,
    )?.[1];
  assert.deepEqual([counted(10), counted(600), counted(1800), counted(3600)], ['0', '0', '1', '1']);
});
