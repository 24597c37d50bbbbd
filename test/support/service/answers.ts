/** How soon events are answered while conversions run, and whether all of them are there after the service was killed. */
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedQueue } from '../../../src/service/queue/embedded/engine.js';
import { pushImage, startService } from './running.js';
import type { Owner } from '../temp-folder.js';

export interface AnswersPlan {
  readonly seconds: number;
  readonly perSecond: number;
  readonly random: () => number;
}

export interface AnswersResult {
  /** Milliseconds of each answer, in order. */
  readonly times: readonly number[];
  /** Statuses of the others. */
  readonly others: readonly number[];
  /** Answered events of which the queue knows nothing after the kill. */
  readonly missing: readonly string[];
  /** Conversions that ended meanwhile. */
  readonly completed: number;
}

/** Images that are there; every other event is about one that is not, whose task waits for its next attempt. */
const REAL = 60;
const REAL_BYTES = 400_000;

export async function measureAnswers(t: Owner, host: string, plan: AnswersPlan): Promise<AnswersResult> {
  const { seconds, perSecond, random } = plan;
  const real = Array.from({ length: REAL }, (_, i) => `${host}/answers/real:v${i}`);
  for (const image of real)
    await pushImage(image, Array.from({ length: REAL_BYTES / 10 }, () => random().toFixed(8)).join(''));
  const run = await startService(t, {
    provider: `  source: { "${host}": {} }`,
    rest: `converter: { worker: 2, rules: [{ tag_suffix: -nydus }] }
webhooks: [{ name: load, type: generic, unauthenticated: true }]`,
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const times: number[] = [];
  const others: number[] = [];
  const answered: string[] = [];
  const kill = { isDone: false };
  const send = async (reference: string): Promise<void> => {
    const started = performance.now();
    const status = await post(run.address, agent, reference).catch(() => 0);
    if (status === 202) {
      times.push(performance.now() - started);
      answered.push(reference);
    } else if (!kill.isDone) others.push(status);
  };
  const total = seconds * perSecond;
  const begun = performance.now();
  const sent: Promise<void>[] = [];
  const killAt = (seconds - random()) * 1000;
  for (let n = 0; n < total; n++) {
    const due = (n * 1000) / perSecond - (performance.now() - begun);
    if (due > 0) await sleep(due);
    if (!kill.isDone && performance.now() - begun > killAt) {
      kill.isDone = true;
      run.child.kill('SIGKILL');
    }
    const image = n % 20 === 0 ? real[(n / 20) % REAL] : undefined;
    sent.push(send(image ?? `${host}/answers/none:v${n}`));
    if (kill.isDone) break;
  }
  await Promise.all(sent);
  await run.end('SIGKILL');
  agent.destroy();
  await using queue = await EmbeddedQueue.open(join(run.folder, 'work', 'nydusify'), { maxWaiting: 1e6 });
  const { tasks } = await queue.list({ limit: 1e6 });
  const there = new Set(tasks.map(({ source }) => source));
  return {
    times: times.sort((a, b) => a - b),
    others,
    missing: answered.filter((reference) => !there.has(reference)),
    completed: tasks.filter(({ state }) => state === 'completed').length,
  };
}

async function post(address: string, agent: Agent, reference: string): Promise<number> {
  const body = JSON.stringify({ images: [{ reference }] });
  return new Promise((resolve, reject) => {
    const sent = request(
      `${address}/api/v1/webhooks/load`,
      {
        method: 'POST',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': body.length },
      },
      (response) => {
        response.resume();
        response.once('error', reject);
        response.once('end', () => {
          resolve(response.statusCode ?? 0);
        });
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}
