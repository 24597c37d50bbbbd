/** Many writers of one cache at the same time: none that has finished loses a record, and every reader finds a whole cache. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCache } from '../../src/cache/root.js';
import type { CacheLayout } from '../../src/cache/update.js';
import { sha256 } from '../../src/oci/digest.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openTarget } from '../../src/registry/open.js';
import { madeUpRecord } from '../support/cache/made-up-record.js';
import { writeMadeUp } from '../support/cache/writer.js';
import { registry } from '../support/command.js';
import { needs } from '../support/needs.js';
import { buildCacheTool, pathOrSkip } from '../support/references/tools.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { tryRun } from '../support/run-tool.js';

/** Reads the cache all the time while `write` runs; throws if it is ever not whole. Returns the digests of its records. */
async function read(location: string, write: () => Promise<void>): Promise<ReadonlySet<string>> {
  await using reader = openTarget(location, { credentials: anonymous });
  const stop = new AbortController();
  const reading = (async () => {
    let count = 0;
    for (; !stop.signal.aborted; count++) {
      const root = await readCache(reader, {});
      assert.ok(root === undefined || root.manifests.length === 1);
      await sleep(5);
    }
    return count;
  })();
  await Promise.all([
    write().finally(() => {
      stop.abort();
    }),
    reading,
  ]);
  assert.ok((await reading) > 3);
  const root = await readCache(reader, {});
  return new Set(root?.manifests.flatMap(({ records }) => records.map(({ digest }) => digest as string)));
}

const WRITERS = 24;

for (const layout of ['manifest', 'index'] as const) {
  test(`${WRITERS} writers of one tag keep each other's records: ${layout}`, async (t) => {
    const lab = await registry(t);
    const location = `${lab.host}/app:cache`;
    const names = Array.from({ length: WRITERS }, (_, i) => String(i));
    const kept = await read(location, async () => {
      await Promise.all(
        names.map(async (name, i) => {
          await sleep((i % 7) * 3);
          await writeMadeUp(location, name, layout);
        }),
      );
    });
    assert.deepEqual([...kept].sort(), names.map((name) => madeUpRecord(name).record.digest).sort());
  });
}

const WRITER = join(import.meta.dirname, '..', 'support', 'cache', 'writer.js');
/** `NYDUSIFY_WRITERS` is another number. */
const PROCESSES = Number(process.env['NYDUSIFY_WRITERS'] ?? '10');

/** Writes by processes, every second of which is killed; returns the names of those that have finished. */
async function writeAndKill(location: string, layout: CacheLayout): Promise<readonly string[]> {
  const finished: string[] = [];
  await Promise.all(
    Array.from({ length: PROCESSES }, async (_, i) => {
      const name = String(i);
      const child = spawn(process.execPath, [WRITER, location, name, layout], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (text.includes('ready') && i % 2 === 0) setTimeout(() => child.kill('SIGKILL'), 20 * i);
      });
      await once(child, 'close');
      if (said.includes('done')) finished.push(name);
      else assert.equal(i % 2, 0, 'a writer that was not killed has finished');
    }),
  );
  assert.ok(finished.length >= PROCESSES / 2);
  return finished;
}

for (const layout of ['manifest', 'index'] as const) {
  test(`of ${PROCESSES} processes that write one tag, half are killed: the others keep their records: ${layout}`, async (t) => {
    const lab = await registry(t);
    const location = `${lab.host}/app:cache`;
    let finished: readonly string[] = [];
    const kept = await read(location, async () => {
      finished = await writeAndKill(location, layout);
    });
    assert.deepEqual(
      finished.filter((name) => !kept.has(madeUpRecord(name).record.digest)),
      [],
    );
  });
}

for (const layout of ['manifest', 'index'] as const) {
  test(`upstream reads the tag all the time while ${PROCESSES} processes write it and half are killed: ${layout}`, async (t) => {
    if (!needs(t, 'docker-registry')) return;
    const tool = pathOrSkip(t, await buildCacheTool());
    if (tool === undefined) return;
    await using real = await startDockerRegistry();
    const location = `${real.host}/app:cache`;
    await writeMadeUp(location, 'before', layout);
    const watching = spawn(tool, ['watch', location, ''], { stdio: ['pipe', 'pipe', 'ignore'] });
    const lines = createInterface({ input: watching.stdout });
    const errors: string[] = [];
    let reads = 0;
    lines.on('line', (line) => {
      const { error } = JSON.parse(line) as { readonly error: string }; // the tool's own form
      reads += 1;
      if (error !== '') errors.push(error);
    });
    let finished: readonly string[] = [];
    const kept = await read(location, async () => {
      finished = await writeAndKill(location, layout);
    });
    watching.stdin.end();
    await once(lines, 'close');
    // docker-registry answers so while it writes the file of the tag; clients ask again.
    const refused = errors.filter((error) => error.includes('500 Internal Server Error'));
    assert.deepEqual(
      errors.filter((error) => !refused.includes(error)),
      [],
    );
    assert.ok(reads - refused.length > 3, `${reads} reads, of which ${refused.length} were refused`);
    t.diagnostic(
      `${finished.length} of ${PROCESSES} writers have finished; upstream has read ${reads} times`,
    );
    const made = [...finished, 'before'].map(madeUpRecord);
    assert.ok(made.every(({ record }) => kept.has(record.digest)));
    const layers = made.map(({ source }) => sha256(source));
    const { stdout } = await tryRun(tool, ['read', location, '', ...layers]);
    const targets = stdout
      .toString('utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { readonly target?: string }).target); // the tool's own form
    assert.deepEqual(
      targets,
      made.map(({ record }) => record.digest),
    );
  });
}
