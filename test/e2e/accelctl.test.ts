/** `acceld` and `accelctl` as upstream's scripts call them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { needs } from '../support/needs.js';
import { productCommand } from '../support/project.js';
import { freePort, startDockerRegistry } from '../support/registries/real-registries.js';
import { pushImage } from '../support/service/running.js';
import { tempFolder } from '../support/temp-folder.js';

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function program(name: string): string {
  return join(dirname(productCommand), `${name}.js`);
}

async function accelctl(...argv: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [program('accelctl'), ...argv], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

/** Starts `acceld`, and returns its address once it listens. */
async function acceld(t: TestContext, path: string): Promise<void> {
  const child = spawn(process.execPath, [program('acceld'), '--config', path], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  for (let i = 0; i < 1500 && !said.includes('listening on'); i++) await sleep(20);
  assert.match(said, /^time="[^"]+" level=info msg="Version: /);
  assert.match(said, /listening on/);
}

test('a task is created, waited for and listed; a conversion needs no server', async (t) => {
  if (!needs(t, 'docker-registry')) return;
  await using registry = await startDockerRegistry();
  const folder = await tempFolder(t);
  const path = join(folder, 'accel.yaml');
  const port = await freePort();
  await writeFile(
    path,
    `server: { host: 127.0.0.1, port: ${port} }
provider: { work_dir: ${folder}, source: { "${registry.host}": {} } }
converter: { worker: 1, rules: [{ tag_suffix: -nydus }] }`,
  );
  await acceld(t, path);
  const image = `${registry.host}/team/app:1`;
  await pushImage(image, 'one');
  const address = ['--addr', `127.0.0.1:${port}`];
  const created = await accelctl('task', ...address, 'create', '--sync', image);
  assert.equal(created.status, 0, created.stderr);
  assert.match(created.stderr, /level=info msg="Waiting task to be completed\.\.\."/);
  assert.match(created.stderr, /level=info msg="Task has been completed\."/);
  const later = await accelctl('task', ...address, 'create', image);
  assert.match(later.stderr, /Submitted asynchronous task, check status by `task list`\./);
  const listed = await accelctl('task', ...address, 'ls');
  assert.match(listed.stdout, /^ID\t+CREATED\t+STATUS\t+SOURCE\t+REASON\n/);
  assert.match(listed.stdout, new RegExp(`\\tCOMPLETED\\t+${image}\\t+`));
  const refused = await accelctl('task', ...address, 'create', 'elsewhere.example/app:1');
  assert.equal(refused.status, 1);
  assert.match(
    refused.stderr,
    /level=fatal msg="service response: elsewhere\.example is not in provider\.source"/,
  );
  const local = await accelctl('convert', '--config', path, `${registry.host}/team/app:1`);
  assert.equal(local.status, 0, local.stderr);
  assert.match(local.stderr, /made from this image already/);
  await pushImage(`${registry.host}/team/app:2`, 'two');
  const second = await accelctl('convert', '--config', path, `${registry.host}/team/app:2`);
  assert.match(second.stderr, /converted to .*app:2-nydus/);
});

test("faults have upstream's sentences and exit code", async () => {
  for (const [argv, sentence] of [
    [['task', 'create'], /level=fatal msg="source is required"/],
    [['convert', 'a:1'], /level=fatal msg="Required flag \\"config\\" not set"/],
    [['task', '--addr', '127.0.0.1:1', 'list'], /level=fatal msg="do http request: /],
    [['task', '--port', '1'], /flag provided but not defined: -port/],
  ] as const) {
    const outcome = await accelctl(...argv);
    assert.equal(outcome.status, 1, argv.join(' '));
    assert.match(outcome.stderr, sentence);
  }
  const help = await accelctl('--help');
  assert.equal(help.status, 0);
  assert.match(help.stdout, /accelctl task \[--addr HOST:PORT\] create/);
});
