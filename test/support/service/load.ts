/** The service under load: many images, events in any order and number, tags that move, and kills at any moment. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordedSource } from '../../../src/image/kinds.js';
import { collect } from '../../../src/io/streams.js';
import { parseDocument } from '../../../src/oci/manifest.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource } from '../../../src/registry/open.js';
import { residentBytes } from '../../../src/service/jobs/resident.js';
import { TASK_KINDS } from '../../../src/service/queue/task.js';
import { childrenOf } from './processes.js';
import { pushImage, type ServiceRun, startService } from './running.js';
import type { Owner } from '../temp-folder.js';

export interface LoadPlan {
  readonly images: number;
  /** Of those, tags that are pushed again with other content meanwhile. */
  readonly moved: number;
  /** Images of which an event tells the digest alone. */
  readonly digests: number;
  readonly kills: number;
  /** The share of kills that hit a worker alone, whose task waits for half a minute then. */
  readonly workerShare: number;
  readonly workers: number;
  readonly random: () => number;
}

export interface LoadResult {
  /** Tags whose result is not of what the tag points to now. */
  readonly wrong: readonly string[];
  /** Tags that nobody asked for. */
  readonly foreign: readonly string[];
  /** Files that the service has left beside its queue. */
  readonly left: readonly string[];
  readonly contents: number;
  readonly attempts: number;
  readonly completed: number;
  readonly skipped: number;
  readonly deliveries: number;
  readonly seconds: number;
  readonly serverBytes: number;
  readonly workerBytes: number;
  readonly log: string;
}

const AT_ONCE = 8;
const REPOSITORIES = 10;
const POLL_MS = 250;

/** Runs `work` for each item, several at a time. */
async function each<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  atOnce = AT_ONCE,
): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    }),
  );
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => [random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

/** Runs the plan against an empty registry. */
export async function runLoad(t: Owner, host: string, plan: LoadPlan): Promise<LoadResult> {
  const { random } = plan;
  const tagged = Array.from(
    { length: plan.images },
    (_, i) => `${host}/load/r${i % REPOSITORIES}:v${Math.floor(i / REPOSITORIES)}`,
  );
  const untold = Array.from({ length: plan.digests }, (_, i) => `${host}/load/untold:v${i}`);
  await each([...tagged, ...untold], (image) => pushImage(image, `first ${image}`));
  const moving = shuffled(tagged, random).slice(0, plan.moved);
  const events = shuffled(
    tagged.flatMap((image) => Array.from({ length: 1 + Math.floor(random() * 3) }, () => image)),
    random,
  );
  const service = new Restarting(t, host, plan.workers);
  await service.start();
  const started = performance.now();
  let delivered = 0;
  let isDelivered = false;
  const deliver = async (image: string): Promise<void> => {
    await service.deliver(image);
    delivered++;
  };
  const sending = (async () => {
    await each(events, deliver);
    isDelivered = true;
  })();
  const moves = (async () => {
    for (const image of moving) {
      await sleep(random() * 2000 * (plan.images / 1000));
      await pushImage(image, `second ${image}`);
      await deliver(image);
    }
    for (const image of untold)
      await deliver(`${image.slice(0, image.lastIndexOf(':'))}@${await digestOf(image)}`);
  })();
  // The kills are spread over the conversions.
  for (let kill = 1; kill <= plan.kills; kill++) {
    const share = ((kill - 0.5 + (random() - 0.5) * 0.8) / plan.kills) * 0.9;
    while (service.completed < share * plan.images && !(await service.isIdle(isDelivered))) await sleep(20);
    await service.kill(random() < plan.workerShare);
  }
  await Promise.all([sending, moves]);
  while (!(await service.isIdle(true))) await sleep(POLL_MS);
  const seconds = (performance.now() - started) / 1000;
  const left = await service.stop();
  const wrong: string[] = [];
  await each([...tagged, ...untold], async (image) => {
    if ((await madeFrom(`${image}-nydus`)) !== (await digestOf(image))) wrong.push(image);
  });
  const foreign: string[] = [];
  const expected = new Set([...tagged, ...untold].flatMap((image) => [image, `${image}-nydus`]));
  for (const repository of new Set([...expected].map((image) => image.slice(0, image.lastIndexOf(':')))))
    for (const tag of await tagsOf(repository))
      if (!expected.has(`${repository}:${tag}`)) foreign.push(`${repository}:${tag}`);
  const log = service.log();
  const count = (pattern: RegExp): number => [...log.matchAll(pattern)].length;
  return {
    wrong,
    foreign,
    left,
    contents: plan.images + plan.digests + plan.moved,
    attempts: count(/msg="converting image"/g),
    completed: count(/msg=completed .*target=\S/g),
    skipped: count(/msg=skipped .*target=\S/g),
    deliveries: delivered,
    seconds,
    serverBytes: service.serverBytes,
    workerBytes: service.workerBytes,
    log,
  };
}

/** A service that is killed and started again on the same folder and port. */
class Restarting {
  readonly #life: Owner;
  readonly #host: string;
  readonly #workers: number;
  readonly #ended: string[] = [];
  #run: ServiceRun | undefined;
  #folder: string | undefined;
  #sampling: NodeJS.Timeout | undefined;
  serverBytes = 0;
  workerBytes = 0;

  constructor(life: Owner, host: string, workers: number) {
    this.#life = life;
    this.#host = host;
    this.#workers = workers;
  }

  async start(): Promise<void> {
    const run = await startService(
      this.#life,
      {
        provider: `  source: { "${this.#host}": {} }`,
        rest: `converter: { worker: ${this.#workers}, rules: [{ tag_suffix: -nydus }] }
webhooks: [{ name: load, type: generic, unauthenticated: true }]`,
      },
      this.#folder === undefined ? {} : { folder: this.#folder },
    );
    this.#run = run;
    this.#folder = run.folder;
    this.#sampling ??= setInterval(() => {
      void this.#sample();
    }, POLL_MS).unref();
  }

  async #sample(): Promise<void> {
    const pid = this.#run?.child.pid;
    if (pid === undefined) return;
    this.serverBytes = Math.max(this.serverBytes, (await residentBytes(pid)) ?? 0);
    for (const worker of await childrenOf(pid))
      this.workerBytes = Math.max(this.workerBytes, (await residentBytes(worker)) ?? 0);
  }

  log(): string {
    return [...this.#ended, this.#run?.log() ?? ''].join('');
  }

  /** Conversions that have ended well so far. */
  get completed(): number {
    return [...this.log().matchAll(/msg=completed /g)].length;
  }

  /** As a sender does: until it is taken. */
  async deliver(reference: string): Promise<void> {
    const image = reference.includes('@')
      ? { repository: reference.slice(0, reference.indexOf('@')) }
      : { reference };
    for (;;) {
      const answer = await this.#run
        ?.ask('POST', '/api/v1/webhooks/load', { body: { images: [image] } })
        .catch(() => undefined);
      if (answer?.status === 202) return;
      if (answer !== undefined && answer.status < 500 && answer.status !== 429)
        throw new Error(`${reference}: ${answer.status} ${answer.text}`);
      await sleep(50);
    }
  }

  async isIdle(isDelivered: boolean): Promise<boolean> {
    if (!isDelivered) return false;
    const answer = await this.#run?.ask('GET', '/metrics').catch(() => undefined);
    if (answer?.status !== 200) return false;
    return ['waiting', 'delayed', 'active'].every((state) =>
      TASK_KINDS.every((kind) =>
        answer.text.includes(`\nnydusify_queue_jobs{state="${state}",kind="${kind}"} 0\n`),
      ),
    );
  }

  /** Kills the service, and with it its workers, or one of them alone. */
  async kill(isWorker: boolean): Promise<void> {
    const run = this.#run;
    if (run?.child.pid === undefined) return;
    const workers = await childrenOf(run.child.pid);
    if (isWorker && workers[0] !== undefined) {
      kill(workers[0]);
      return;
    }
    await run.end('SIGKILL');
    this.#ended.push(run.log());
    this.#run = undefined;
    for (const worker of workers) kill(worker);
    await this.start();
  }

  /** Files that are left beside the queue after a clean end. */
  async stop(): Promise<readonly string[]> {
    clearInterval(this.#sampling);
    await this.#run?.end('SIGTERM');
    const folder = join(this.#folder ?? '', 'work', 'nydusify');
    const all = await readdir(folder, { recursive: true });
    return all.filter((name) => name !== 'queue.db' && name !== 'spool');
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

async function digestOf(reference: string): Promise<string> {
  await using source = openSource(reference, { credentials: anonymous });
  return (await source.resolve()).digest;
}

/** Undefined for an image that is not there. */
async function madeFrom(reference: string): Promise<string | undefined> {
  await using source = openSource(reference, { credentials: anonymous });
  const root = await source.resolve().catch(() => undefined);
  if (root === undefined) return undefined;
  const bytes = await collect(source.fetch(root), 1 << 22, 'manifest');
  return recordedSource(parseDocument(bytes, root.mediaType)).digest;
}

async function tagsOf(repository: string): Promise<readonly string[]> {
  const slash = repository.indexOf('/');
  const response = await fetch(
    `http://${repository.slice(0, slash)}/v2/${repository.slice(slash + 1)}/tags/list`,
  );
  return ((await response.json()) as { readonly tags?: readonly string[] }).tags ?? [];
}

/** The seconds of CPU that a process and its children have used. */
export async function cpuSeconds(pid: number): Promise<number> {
  const all = [pid, ...(await childrenOf(pid))];
  let ticks = 0;
  for (const one of all) {
    const text = await readFile(`/proc/${one}/stat`, 'utf8').catch(() => '');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks / 100;
}
