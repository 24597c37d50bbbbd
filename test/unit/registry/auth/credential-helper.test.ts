/** Credential helpers that do not end as they should, and all that would keep a command from ending after them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuthError } from '../../../../src/errors.js';
import { askHelper, type HelperOptions } from '../../../../src/registry/auth/credential-helper.js';
import type { Credential } from '../../../../src/registry/auth/credentials.js';
import { tempFolder } from '../../../support/temp-folder.js';

const ANSWER = `cat >/dev/null; echo '{"Username":"me","Secret":"s3cret"}'`;

async function ask(
  folder: string,
  script: string,
  options: Partial<HelperOptions> = {},
): Promise<Credential | undefined> {
  const path = join(folder, 'docker-credential-test');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return askHelper('test', 'a.b', {
    env: { PATH: `${folder}:/usr/bin:/bin` },
    timeoutMs: 20_000,
    searched: 'a test',
    signal: undefined,
    ...options,
  });
}

/** The process that the script has written down, and whether it runs. */
async function childOf(folder: string): Promise<{ readonly pid: number; readonly runs: () => boolean }> {
  const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
  assert.ok(pid > 1);
  const runs = (): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  return { pid, runs };
}

async function ends(runs: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && runs(); i++) await sleep(20);
  assert.equal(runs(), false);
}

test('a helper that answers and ends has answered, though a daemon of it keeps its output open', async (t) => {
  const folder = await tempFolder(t);
  const started = performance.now();
  const credential = await ask(folder, `${ANSWER}; sleep 60 & echo $! >${folder}/pid`);
  assert.deepEqual(credential, { username: 'me', password: 's3cret' });
  assert.ok(performance.now() - started < 5000);
  const { pid, runs } = await childOf(folder);
  assert.ok(runs()); // the daemon is the helper's own matter
  process.kill(pid);
});

test('the time limit ends a helper and its children', async (t) => {
  const folder = await tempFolder(t);
  await assert.rejects(
    ask(folder, `sleep 60 & echo $! >${folder}/pid; wait`, { timeoutMs: 500 }),
    (error) => error instanceof AuthError && /gave no answer for a\.b/.test(error.message),
  );
  await ends((await childOf(folder)).runs);
});

test('an answer without end ends the helper', async (t) => {
  const folder = await tempFolder(t);
  await assert.rejects(
    ask(folder, `echo $$ >${folder}/pid; exec cat /dev/zero`),
    (error) => error instanceof AuthError && /more than 1 MiB/.test(error.message),
  );
  await ends((await childOf(folder)).runs);
});

test('a signal ends a helper and its children, and is the error', async (t) => {
  const folder = await tempFolder(t);
  const stop = new AbortController();
  const asked = ask(folder, `sleep 60 & echo $! >${folder}/pid; wait`, { signal: stop.signal });
  let child: Awaited<ReturnType<typeof childOf>> | undefined;
  while (child === undefined) {
    await sleep(10);
    child = await childOf(folder).catch(() => undefined);
  }
  stop.abort(new Error('enough'));
  await assert.rejects(asked, /^Error: enough$/);
  await ends(child.runs);
});

test('a command ends with its error, whatever became of the helper', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'docker-credential-hangs'), '#!/bin/sh\nsleep 60 & wait\n', { mode: 0o755 });
  const module = join(import.meta.dirname, '../../../../src/registry/auth/credential-helper.js');
  for (const [name, timeoutMs] of [
    ['missing', 30_000],
    ['hangs', 200],
  ] as const) {
    const script = `
      import { askHelper } from ${JSON.stringify(module)};
      const env = { PATH: ${JSON.stringify(`${folder}:/usr/bin:/bin`)} };
      await askHelper('${name}', 'a.b', { env, timeoutMs: ${timeoutMs}, searched: 'a test' }).catch(() => console.log('error'));
    `;
    const started = performance.now();
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    assert.ok(performance.now() - started < 10_000, name);
  }
});
