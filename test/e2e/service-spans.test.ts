/** Spans of a real run, through OpenTelemetry's own SDK: from the event of a sender to the tag of the result, over two processes. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { needs } from '../support/needs.js';
import { projectRoot } from '../support/project.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { pushImage, startService } from '../support/service/running.js';
import { tempFolder } from '../support/temp-folder.js';

/** Loaded before the service and its workers; each span becomes a line of the file. */
const SDK = (project: string, spans: string): string => `
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const require = createRequire(${JSON.stringify(project)});
const { BasicTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const exporter = {
  export(spans, done) {
    for (const { name, kind, parentSpanId, status, attributes, spanContext } of spans.map((span) => ({
      name: span.name, kind: span.kind, parentSpanId: span.parentSpanId, status: span.status, attributes: span.attributes, spanContext: span.spanContext(),
    })))
      appendFileSync(${JSON.stringify(spans)}, JSON.stringify({ name, kind, parent: parentSpanId, status: status.code, attributes, trace: spanContext.traceId, id: spanContext.spanId, pid: process.pid }) + '\\n');
    done({ code: 0 });
  },
  shutdown: async () => undefined,
};
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
`;

interface Span {
  readonly name: string;
  readonly parent?: string;
  readonly status: number;
  readonly trace: string;
  readonly id: string;
  readonly pid: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

test('a trace goes from the sender through the queue and the worker to the tag, and a failure is one of its spans', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using registry = await startDockerRegistry();
  const folder = await tempFolder(t);
  const file = join(folder, 'spans');
  const sdk = join(folder, 'sdk.mjs');
  await writeFile(file, '');
  await writeFile(sdk, SDK(join(projectRoot, 'package.json'), file));
  const run = await startService(
    t,
    {
      provider: `  source: { "${registry.host}": {} }`,
      rest: `converter: { worker: 1, attempts: 1, rules: [{ tag_suffix: -nydus }] }
webhooks: [{ name: hook, type: generic, registry: "${registry.host}", unauthenticated: true }]`,
    },
    { env: { NODE_OPTIONS: `--import ${pathToFileURL(sdk).href}` } },
  );
  const image = `${registry.host}/traced/app:1`;
  await pushImage(image, 'traced');
  const [trace, sender] = ['a'.repeat(32), 'b'.repeat(16)];
  const send = async (reference: string): Promise<void> => {
    const { status } = await run.ask('POST', '/api/v1/webhooks/hook', {
      body: { images: [{ reference }] },
      headers: { traceparent: `00-${trace}-${sender}-01` },
    });
    assert.equal(status, 202);
  };
  await send(image);
  await run.until((tasks) => tasks.some(({ status }) => status === 'COMPLETED'));
  await send(`${registry.host}/traced/missing:1`);
  await run.until((tasks) => tasks.some(({ status }) => status === 'FAILED'));
  assert.equal(await run.end('SIGTERM'), 0);
  const spans = (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Span);
  assert.deepEqual(new Set(spans.map((span) => span.trace)), new Set([trace]));
  const below = (parent: string): readonly Span[] => spans.filter((span) => span.parent === parent);
  const [received, again] = below(sender);
  assert.deepEqual([received?.name, again?.name], ['receive event', 'receive event']);
  const [attempt] = below(received?.id ?? '');
  assert.deepEqual(
    [attempt?.name, attempt?.attributes['nydusify.outcome']],
    ['converting image', 'completed'],
  );
  const parts = below(attempt?.id ?? '');
  assert.deepEqual(parts.map(({ name }) => name).sort(), ['convert and push', 'resolve source']);
  const converting = parts.find(({ name }) => name === 'convert and push');
  const inner = below(converting?.id ?? '');
  assert.deepEqual(inner.map(({ name }) => name).sort(), ['layer', 'set tag']);
  assert.equal(inner.find(({ name }) => name === 'layer')?.attributes['nydusify.outcome'], 'pushed');
  assert.notEqual(converting?.pid, attempt?.pid, 'the worker is another process');
  const [failed] = below(again?.id ?? '');
  assert.deepEqual([failed?.status, failed?.attributes['nydusify.outcome']], [2, 'failed']);
  assert.equal(below(failed?.id ?? '')[0]?.status, 2, 'the span in the worker has failed, too');
});
