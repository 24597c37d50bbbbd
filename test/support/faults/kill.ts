/**
 * The kill matrix: the real command, killed at moments spread over a conversion, then run again. What is in the target is read
 * from the registry's folder.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { changeBody } from '../../../src/embedded-registry/held-answer.js';
import { startRegistry } from '../../../src/embedded-registry/server.js';
import { anonymous } from '../../../src/registry/credentials.js';
import { openTarget } from '../../../src/registry/open.js';
import { buildImage, putImage } from '../built-image.js';
import { projectRoot } from '../tools.js';
import { inspectTarget, SOURCE_NAME, sampleLayers, TARGET_NAME, TARGET_TAG } from './lab.js';

export interface KillResult {
  readonly signal: NodeJS.Signals;
  /** From the start of the command, milliseconds. */
  readonly atMs: number;
  /** Exit code of the killed run; null when the signal ended it. */
  readonly status: number | null;
  readonly tag: 'absent' | 'whole' | 'broken';
  /** Bytes of blobs that the target held after the kill. */
  readonly heldBytes: number;
  /** Bytes of blobs that the next run sent. */
  readonly sentBytes: number;
  /** Bytes of all blobs of the result. */
  readonly totalBytes: number;
  /** Promises that were broken; none, if all is well. */
  readonly faults: readonly string[];
}

/** Each answer waits so long: the conversation becomes as long as the work, and every phase of it is met. */
const ANSWER_DELAY_MS = 15;
/** So large that most of the conversion is no start-up. */
const IMAGE_SCALE = 40;

export interface KillLab extends AsyncDisposable {
  /** What a run that nobody disturbs takes. */
  readonly durationMs: number;
  run(signal: NodeJS.Signals, atMs: number): Promise<KillResult>;
}

export async function openKillLab(): Promise<KillLab> {
  const root = await mkdtemp(join(tmpdir(), 'nydusify-kill-'));
  const source = await startRegistry({ root: join(root, 'source'), intercept: slow });
  await using seed = openTarget(`${source.host}/${SOURCE_NAME}:1`, { credentials: anonymous });
  await putImage(seed, buildImage({ layers: sampleLayers(IMAGE_SCALE) }));
  const from = `${source.host}/${SOURCE_NAME}:1`;
  const plain = await undisturbed(join(root, 'plain'), from);
  let number = 0;
  return {
    durationMs: plain.durationMs,
    run: async (signal, atMs) => {
      const folder = join(root, String(number++));
      try {
        return await killOnce(folder, from, {
          signal,
          atMs,
          reference: plain.digest,
          totalBytes: plain.totalBytes,
        });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    [Symbol.asyncDispose]: async () => {
      await source.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function slow(): Promise<boolean> {
  await sleep(ANSWER_DELAY_MS);
  return false;
}

async function undisturbed(
  folder: string,
  from: string,
): Promise<{ readonly digest: string; readonly durationMs: number; readonly totalBytes: number }> {
  await using registry = await startRegistry({ root: join(folder, 'target'), intercept: slow });
  await command(folder, from, registry.host); // the first start reads everything from disk
  await rm(join(folder, 'target'), { recursive: true });
  const started = performance.now();
  const { status, said } = await command(folder, from, registry.host);
  const durationMs = performance.now() - started;
  const { tagged, damage } = await inspectTarget(join(folder, 'target'), TARGET_NAME, TARGET_TAG);
  if (status !== 0 || tagged === undefined || damage.length > 0)
    throw new Error(`the run without a kill failed: ${said}`);
  return { digest: tagged, durationMs, totalBytes: await heldBlobs(join(folder, 'target')) };
}

interface Kill {
  readonly signal: NodeJS.Signals;
  readonly atMs: number;
  readonly reference: string;
  readonly totalBytes: number;
}

async function killOnce(
  folder: string,
  from: string,
  { signal, atMs, reference, totalBytes }: Kill,
): Promise<KillResult> {
  const target = join(folder, 'target');
  const counter = { bytes: 0 };
  await using registry = await startRegistry({
    root: target,
    intercept: async (request) => {
      if (request.url?.includes('/blobs/uploads/') === true)
        changeBody(request, (body) => counted(body, counter));
      return slow();
    },
  });
  const faults: string[] = [];
  const killed = await command(folder, from, registry.host, { signal, atMs });
  // What the killed run had sent may still be on its way through the registry.
  await sleep(4 * ANSWER_DELAY_MS);
  const after = await inspectTarget(target, TARGET_NAME, TARGET_TAG);
  const tag =
    after.tagged === undefined
      ? 'absent'
      : after.tagged === reference && after.damage.length === 0
        ? 'whole'
        : 'broken';
  if (tag === 'broken')
    faults.push(`after the kill the tag is ${after.tagged ?? ''}: ${after.damage.join(', ')}`);
  if (signal === 'SIGTERM') {
    if (killed.status !== 0 && killed.status !== 130 && !(killed.status === null && killed.said === ''))
      faults.push(`ended with ${String(killed.status)}: ${killed.said.slice(-300)}`);
    if (killed.status !== null)
      faults.push(...(await leftovers(folder)).map((name) => `SIGTERM left ${name}`));
  }
  const heldBytes = await heldBlobs(target);
  counter.bytes = 0;
  const again = await command(folder, from, registry.host);
  if (again.status !== 0)
    faults.push(`the next run ended with ${String(again.status)}: ${again.said.slice(-300)}`);
  const end = await inspectTarget(target, TARGET_NAME, TARGET_TAG);
  if (end.tagged !== reference || end.damage.length > 0)
    faults.push(`the next run gave ${end.tagged ?? 'no tag'}: ${end.damage.join(', ')}`);
  faults.push(...(await leftovers(folder)).map((name) => `the next run left ${name}`));
  if (counter.bytes !== totalBytes - heldBytes)
    faults.push(`the next run sent ${counter.bytes} bytes of ${totalBytes - heldBytes} that were missing`);
  return {
    signal,
    atMs,
    status: killed.status,
    tag,
    heldBytes,
    sentBytes: counter.bytes,
    totalBytes,
    faults,
  };
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  counter: { bytes: number },
): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) {
    counter.bytes += bytes.length;
    yield bytes;
  }
}

/** The command as a user runs it, with a work folder and a temporary folder of its own. */
async function command(
  folder: string,
  from: string,
  host: string,
  kill?: { readonly signal: NodeJS.Signals; readonly atMs: number },
): Promise<{ readonly status: number | null; readonly said: string }> {
  const tmp = join(folder, 'tmp');
  await mkdir(tmp, { recursive: true });
  const args = ['convert', '--merge-platform', '--work-dir', join(folder, 'work'), '--progress', 'plain'];
  const child = spawn(
    process.execPath,
    [join(projectRoot, 'bin', 'nydusify.js'), ...args, from, `${host}/${TARGET_NAME}:${TARGET_TAG}`],
    { env: { PATH: process.env['PATH'], HOME: tmp, TMPDIR: tmp }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      said += bytes.toString('utf8');
    });
  }
  const timer = kill === undefined ? undefined : setTimeout(() => child.kill(kill.signal), kill.atMs);
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => {
        resolve({ status, said });
      });
    });
  } finally {
    clearTimeout(timer);
  }
}

/** What is in the work folder and the temporary folder. */
async function leftovers(folder: string): Promise<string[]> {
  const lists = await Promise.all(
    ['work', 'tmp'].map(async (name) =>
      (await readdir(join(folder, name), { recursive: true }).catch(() => [])).map(
        (path) => `${name}/${path}`,
      ),
    ),
  );
  return lists.flat();
}

/** Bytes of the blobs that the target repository holds. */
async function heldBlobs(root: string): Promise<number> {
  const links = await readdir(join(root, 'repositories', ...TARGET_NAME.split('/'), '_blobs')).catch(
    () => [],
  );
  const sizes = await Promise.all(links.map(async (hex) => (await stat(join(root, 'blobs', hex))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
