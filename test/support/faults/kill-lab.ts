/**
 * The kill matrix: the real command, killed at a chosen request of a conversion, then run again. Moments are requests, not
 * times of a clock: they mean the same on a busy machine. What is in the target is read from the registry's folder.
 */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { changeBody } from '../../../src/embedded-registry/held-answer.js';
import { type RegistryOptions, startRegistry } from '../../../src/embedded-registry/server.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openTarget } from '../../../src/registry/open.js';
import { buildImage, putImage } from '../images/image-builder.js';
import { noise } from '../images/opaque-image.js';
import { file, layer } from '../images/tar.js';
import { removeFolder } from '../temp-folder.js';
import { SOURCE_NAME, sampleLayers, TARGET_NAME, TARGET_TAG } from './fault-lab.js';
import { inspectTarget } from './inspect-target.js';
import { kindOf } from './fault-matrix.js';
import { productCommand } from '../project.js';

/** A moment of a run: when a request has arrived at a registry, or when its answer has left. */
export interface Moment {
  /** From 1, in the order of arrival. */
  readonly request: number;
  readonly phase: 'come' | 'answered';
}

export interface KillResult {
  readonly signal: NodeJS.Signals;
  readonly moment: Moment;
  /** The purpose of the request, as docs/reliability.md names it. */
  readonly kind: string;
  /** Exit code of the killed run; null when the signal ended it. */
  readonly status: number | null;
  readonly tag: 'absent' | 'whole' | 'broken';
  /** Bytes of blobs that the target held after the kill. */
  readonly heldBytes: number;
  /** Bytes of bodies that the next run sent to make blobs. */
  readonly sentBytes: number;
  /** Bytes of all blobs that the target holds in the end. */
  readonly totalBytes: number;
  /** Promises that were broken; none, if all is well. */
  readonly faults: readonly string[];
}

/** Each answer waits so long: what belongs to different phases does not fall together. */
const ANSWER_DELAY_MS = 15;
/** Longer than a busy registry takes for a blob that has arrived. */
const SETTLE_MS = 400;
/** Bytes of the large layer: its blob is sent while it is made. */
const LARGE = 6 * 1024 * 1024;
/** The large layer comes in pieces, so that there is a while in which its blob is being made. */
const PIECE_BYTES = 256 * 1024;
const PIECE_DELAY_MS = 15;

/** For one run at a time. */
export interface KillLab extends AsyncDisposable {
  /** Requests of an undisturbed run. */
  readonly requests: number;
  run(signal: NodeJS.Signals, moment: Moment): Promise<KillResult>;
}

export async function openKillLab(): Promise<KillLab> {
  const root = await mkdtemp(join(tmpdir(), 'nydusify-kill-'));
  const sourceRoot = join(root, 'source');
  const [, second, third] = sampleLayers(30);
  if (second === undefined || third === undefined) throw new Error('there are three sample layers');
  const large = layer(file('large', noise(LARGE, 9)));
  const image = buildImage({ layers: [large, second, third] });
  {
    await using seeding = await startRegistry({ root: sourceRoot });
    await using seed = openTarget(`${seeding.host}/${SOURCE_NAME}:1`, { credentials: anonymous });
    await putImage(seed, image);
  }
  const digestOf = (part: string): string =>
    image.parts.find(({ descriptor }) => descriptor.mediaType.includes(part))?.descriptor.digest ?? '';
  // One source for all runs: the result names it, port and all.
  const source = await startRegistry({
    root: sourceRoot,
    intercept: (request, response) => fixed.watchSource(request, response),
  });
  const fixed: Fixed = {
    sourceRoot,
    from: `${source.host}/${SOURCE_NAME}:1`,
    config: digestOf('config'),
    large: digestOf('layer'),
    watchSource: () => false,
  };
  const plain = await undisturbed(join(root, 'plain'), fixed);
  let number = 0;
  return {
    requests: plain.requests,
    run: async (signal, moment) => {
      const folder = join(root, String(number++));
      try {
        return await killOnce(folder, fixed, plain, signal, moment);
      } finally {
        await removeFolder(folder);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await source.close();
      await removeFolder(root);
    },
  };
}

type Intercept = NonNullable<RegistryOptions['intercept']>;

interface Fixed {
  readonly sourceRoot: string;
  readonly from: string;
  /** Digest of the source's config. */
  readonly config: string;
  /** Digest of the source's large layer. */
  readonly large: string;
  /** Sees the second run's requests to the source, and may answer them. */
  watchSource: Intercept;
}

interface Plain {
  readonly digest: string;
  readonly totalBytes: number;
  readonly requests: number;
}

/** The target of one run, and what both registries see. */
interface Stage extends AsyncDisposable {
  readonly to: string;
  /** Requests so far. */
  requests: number;
  /** Bytes of bodies of uploads so far. */
  bytes: number;
  /** Called at both phases of each request. */
  onMoment: (moment: Moment, kind: string) => void;
}

async function openStage(folder: string, fixed: Fixed): Promise<Stage> {
  const { sourceRoot, config, large } = fixed;
  const intercept =
    (host: 'source' | 'target'): Intercept =>
    async (request, response) => {
      const { method = '', url: path = '' } = request;
      const number = ++stage.requests;
      const kind = kindOf({ host, method, path, status: 200 }, config);
      stage.onMoment({ request: number, phase: 'come' }, kind);
      response.once('finish', () => {
        stage.onMoment({ request: number, phase: 'answered' }, kind);
      });
      if (path.includes('/blobs/uploads/')) {
        changeBody(request, (body) => counted(body, (size) => (stage.bytes += size)));
      }
      await sleep(ANSWER_DELAY_MS);
      const isLarge = method === 'GET' && path.endsWith(large) && request.headers.range === undefined;
      if (isLarge) await drip(response, join(sourceRoot, 'blobs', large.replace('sha256:', '')));
      return isLarge;
    };
  fixed.watchSource = intercept('source');
  const target = await startRegistry({ root: join(folder, 'target'), intercept: intercept('target') });
  const stage: Stage = {
    to: `${target.host}/${TARGET_NAME}:${TARGET_TAG}`,
    requests: 0,
    bytes: 0,
    onMoment: () => undefined,
    [Symbol.asyncDispose]: () => target.close(),
  };
  return stage;
}

/** Sends a file slowly; over when the reader is gone. */
async function drip(response: ServerResponse, path: string): Promise<void> {
  response.writeHead(200, { 'content-length': (await stat(path)).size });
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    if (response.destroyed) return;
    response.write(piece);
    await sleep(PIECE_DELAY_MS);
  }
  response.end();
}

async function undisturbed(folder: string, fixed: Fixed): Promise<Plain> {
  await using stage = await openStage(folder, fixed);
  const { status, said } = await command(folder, fixed.from, stage);
  const { tagged, damage } = await inspectTarget(join(folder, 'target'), TARGET_NAME, TARGET_TAG);
  if (status !== 0 || tagged === undefined || damage.length > 0)
    throw new Error(`the run without a kill failed: ${said}`);
  return {
    digest: tagged,
    totalBytes: await heldBlobs(join(folder, 'target')),
    requests: stage.requests,
  };
}

/** A run may make a request or two less than another: the last moments may not come. */
export const ENDED_BEFORE = 'the run had ended';

async function killOnce(
  folder: string,
  fixed: Fixed,
  { digest: reference, totalBytes }: Plain,
  signal: NodeJS.Signals,
  moment: Moment,
): Promise<KillResult> {
  const target = join(folder, 'target');
  await using stage = await openStage(folder, fixed);
  const faults: string[] = [];
  const killed = await command(folder, fixed.from, stage, { signal, moment });
  await settled(target);
  const after = await inspectTarget(target, TARGET_NAME, TARGET_TAG);
  const isWhole = after.tagged === reference && after.damage.length === 0;
  const tag = after.tagged === undefined ? 'absent' : isWhole ? 'whole' : 'broken';
  if (tag === 'broken')
    faults.push(`after the kill the tag is ${after.tagged ?? ''}: ${after.damage.join(', ')}`);
  if (signal === 'SIGTERM') {
    if (killed.status !== 0 && killed.status !== 130)
      faults.push(`ended with ${String(killed.status)}: ${killed.said.slice(-300)}`);
    faults.push(...(await leftovers(folder)).map((name) => `SIGTERM left ${name}`));
  }
  const heldBytes = await heldBlobs(target);
  stage.bytes = 0;
  const again = await command(folder, fixed.from, stage);
  if (again.status !== 0)
    faults.push(`the next run ended with ${String(again.status)}: ${again.said.slice(-300)}`);
  const end = await inspectTarget(target, TARGET_NAME, TARGET_TAG);
  if (end.tagged !== reference || end.damage.length > 0)
    faults.push(`the next run gave ${end.tagged ?? 'no tag'}: ${end.damage.join(', ')}`);
  faults.push(...(await leftovers(folder)).map((name) => `the next run left ${name}`));
  const sentBytes = stage.bytes;
  if (sentBytes !== totalBytes - heldBytes)
    faults.push(`the next run sent ${sentBytes} bytes of ${totalBytes - heldBytes} that were missing`);
  const { kind = ENDED_BEFORE, status } = killed;
  return { signal, moment, kind, status, tag, heldBytes, sentBytes, totalBytes, faults };
}

/** Waits until the registry stores no further blob: data of the killed run may still be on its way. */
async function settled(target: string): Promise<void> {
  let held = -1;
  for (let now = await heldBlobs(target); now !== held; now = await heldBlobs(target)) {
    held = now;
    await sleep(SETTLE_MS);
  }
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  onBytes: (size: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) {
    onBytes(bytes.length);
    yield bytes;
  }
}

interface Ended {
  readonly status: number | null;
  readonly said: string;
  /** The purpose of the request at which the run was killed. */
  readonly kind: string | undefined;
}

/** The command as a user runs it, with a work folder and a temporary folder of its own. */
async function command(
  folder: string,
  from: string,
  stage: Stage,
  kill?: { readonly signal: NodeJS.Signals; readonly moment: Moment },
): Promise<Ended> {
  const tmp = join(folder, 'tmp');
  await mkdir(tmp, { recursive: true });
  const args = ['convert', '--merge-platform', '--work-dir', join(folder, 'work'), '--progress', 'plain'];
  const child = spawn(process.execPath, [productCommand, ...args, from, stage.to], {
    env: { PATH: process.env['PATH'], HOME: tmp, TMPDIR: tmp },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      said += bytes.toString('utf8');
    });
  }
  let struck: string | undefined;
  stage.onMoment = ({ request, phase }, kind) => {
    if (kill === undefined || request !== kill.moment.request || phase !== kill.moment.phase) return;
    struck = kind;
    child.kill(kill.signal);
  };
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => {
        resolve({ status, said, kind: struck });
      });
    });
  } finally {
    stage.onMoment = () => undefined;
  }
}

/** The files in the work folder and the temporary folder. */
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
