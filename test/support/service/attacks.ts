/** Attacks on a running service: bodies of any shape, a search for its secrets, the hosts that it speaks with, and the time of refusals. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from '../../../src/service/jobs/resident.js';
import { nydusify } from '../command.js';
import { projectRoot } from '../project.js';
import type { Owner } from '../temp-folder.js';
import { mutated } from './mutated-json.js';
import { childrenOf } from './processes.js';
import { pushOf, type ServiceRun, startService } from './running.js';

export interface AttackPlan {
  /** For each receiver. */
  readonly bodies: number;
  /** Wrong secrets of the right length. */
  readonly tries: number;
  readonly random: () => number;
}

export interface AttackResult {
  readonly sent: number;
  readonly accepted: number;
  /** Answers of 500 and above, and requests without an answer. */
  readonly failed: readonly string[];
  /** Bytes that the server has grown by between the first fifth of the bodies and the last. */
  readonly growth: number;
  /** Where a secret stands. */
  readonly leaks: readonly string[];
  /** Outputs that were searched. */
  readonly searched: number;
  /** Hosts that the proxy was asked for, and those of the configuration. */
  readonly contacted: readonly string[];
  readonly configured: readonly string[];
  readonly wrongSecrets: number;
  /** Rank correlation of the time of a refusal with the letters that are right, from -1 to 1. */
  readonly trend: number;
}

/** The registry of each receiver's samples; Docker Hub is reached under another name than its images have. */
const RECEIVERS = {
  harbor: 'registry.test:5443',
  distribution: 'dist.test',
  dockerhub: 'docker.io',
  github: 'ghcr.test',
  quay: 'quay.test',
  ecr: '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
  acr: 'team.azurecr.test',
  generic: 'own.test',
} as const;
type Type = keyof typeof RECEIVERS;
const TYPES = Object.keys(RECEIVERS) as Type[];
const REACHED: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };
const PORT = ':443';

const SECRET_LENGTH = 32;
const secretOf = (name: string): string => `s3cr3t-${name}-`.padEnd(SECRET_LENGTH, 'Zq7');
const PASSWORD = secretOf('password');
const SOURCE_AUTH = Buffer.from(`user:${PASSWORD}`).toString('base64');
const TOKENS = { read: secretOf('read'), write: secretOf('write') };
const HEADER = secretOf('header');
const SECRETS = [...TYPES.map(secretOf), PASSWORD, SOURCE_AUTH, ...Object.values(TOKENS), HEADER];
/** A registry without receiver, whose events come at upstream's endpoint. */
const V1_HOST = 'first.test';

const WARM = 0.2;
const AT_ONCE = 4;
const WAIT_MS = 60_000;

function configuration(): { readonly provider: string; readonly rest: string } {
  const hosts = Object.values(RECEIVERS).map((host) => `    "${host}": { auth: "${SOURCE_AUTH}" }`);
  const hooks = TYPES.map(
    (type) =>
      `  - { name: ${type}, type: ${type}, registry: "${RECEIVERS[type]}", auth: { value: ${secretOf(type)} } }`,
  );
  return {
    provider: `  source:\n${hosts.join('\n')}\n    ${V1_HOST}: { auth: "${SOURCE_AUTH}", webhook: { auth_header: ${HEADER} } }`,
    rest: `api: { tokens: [{ name: r, value: ${TOKENS.read}, scope: read }, { name: w, value: ${TOKENS.write}, scope: write }] }
converter: { worker: 2, rules: [{ tag_suffix: -nydus }] }
webhooks:\n${hooks.join('\n')}`,
  };
}

/** A proxy that notes what it is asked for, and refuses. */
async function openProxy(
  t: Owner,
): Promise<{ readonly address: string; readonly asked: ReadonlySet<string> }> {
  const asked = new Set<string>();
  const proxy = createServer(({ url = '' }, response) => {
    asked.add(new URL(url).host);
    response.writeHead(403).end();
  });
  proxy.on('connect', ({ url = '' }, socket) => {
    asked.add(url);
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return { address: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked };
}

interface Shot {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

interface Hit {
  readonly status: number;
  readonly text: string;
}

function shoot(address: string, agent: Agent, { path, headers, body }: Shot): Promise<Hit> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => {
      resolve({ status: 0, text: error.message });
    };
    const sent = request(
      `${address}${path}`,
      { method: 'POST', agent, headers: { ...headers, 'content-length': body.length } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (data: string) => (text += data));
        response.once('error', failed).once('end', () => {
          resolve({ status: response.statusCode ?? 0, text });
        });
      },
    );
    sent.once('error', failed).end(body);
  });
}

/** As the sender of a type authenticates itself. */
function shotOf(type: Type | 'v1', headers: Readonly<Record<string, string>>, body: Buffer): Shot {
  if (type === 'v1')
    return { path: '/api/v1/conversions', headers: { ...headers, authorization: HEADER }, body };
  const path = `/api/v1/webhooks/${type}`;
  const secret = secretOf(type);
  if (type === 'github') {
    const mac = createHmac('sha256', secret).update(body).digest('hex');
    return { path, headers: { ...headers, 'x-hub-signature-256': `sha256=${mac}` }, body };
  }
  if (type === 'quay' || type === 'dockerhub') return { path: `${path}/${secret}`, headers, body };
  return { path, headers: { ...headers, authorization: secret }, body };
}

interface Sample {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const FOLDER = join(projectRoot, 'fixtures', 'webhooks');

/** The sender's own headers, without its secret. */
function samplesOf(type: Type | 'v1'): readonly Sample[] {
  const json = { 'content-type': 'application/json' };
  if (type === 'v1') return [{ headers: json, body: pushOf(`${V1_HOST}/team/app:1`) }];
  if (type === 'generic')
    return [{ headers: json, body: { images: [{ reference: `${RECEIVERS.generic}/team/app:1` }] } }];
  const kept = ['content-type', 'x-github-event'];
  return readdirSync(FOLDER)
    .filter((name) => name.startsWith(type))
    .map((name) => {
      const { headers, body } = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Sample;
      return {
        body,
        headers: Object.fromEntries(Object.entries(headers).filter(([one]) => kept.includes(one))),
      };
    });
}

/** Empty for a value that JSON has no text for. */
function textOf(value: unknown): string {
  const text: unknown = JSON.stringify(value);
  return typeof text === 'string' ? text : '';
}

/** Changed as a value, or as bytes. */
function bent(value: unknown, random: () => number): Buffer {
  const bytes = Buffer.from(textOf(random() < 0.7 ? mutated(value, random) : value));
  const kind = random();
  if (kind < 0.75 || bytes.length === 0) return bytes;
  const at = Math.floor(random() * bytes.length);
  if (kind < 0.8) return bytes.subarray(0, at);
  if (kind < 0.85) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(0, at), bytes.subarray(at)]);
  bytes[at] = Math.floor(random() * 256);
  return bytes;
}

export async function attackService(t: Owner, plan: AttackPlan): Promise<AttackResult> {
  const { random } = plan;
  const proxy = await openProxy(t);
  const env = { HTTP_PROXY: proxy.address, HTTPS_PROXY: proxy.address };
  const run = await startService(t, configuration(), { env });
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const leaks = new Set<string>();
  let searched = 0;
  const search = (place: string, text: string): void => {
    searched++;
    for (const secret of SECRETS) if (text.includes(secret)) leaks.add(`${place}: ${secret}`);
  };
  const failed: string[] = [];
  let accepted = 0;
  const deliver = async (type: Type | 'v1', shot: Shot): Promise<void> => {
    let hit = await shoot(run.address, agent, shot);
    for (; hit.status === 429; hit = await shoot(run.address, agent, shot)) await sleep(100);
    if (hit.status === 0 || hit.status >= 500)
      failed.push(
        `${type} ${hit.status} ${hit.text.slice(0, 200)}: ${shot.body.toString('latin1').slice(0, 200)}`,
      );
    if (hit.status === 202) accepted++;
    search(`answer to ${type}`, hit.text);
  };
  const senders = [...TYPES, 'v1' as const];
  // One event of each that is right, so that every registry is contacted.
  for (const type of senders)
    for (const { headers, body } of samplesOf(type))
      await deliver(type, shotOf(type, headers, Buffer.from(JSON.stringify(body))));
  const pid = run.child.pid ?? 0;
  let warm = 0;
  let sent = 0;
  const total = plan.bodies * senders.length;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (sent < total) {
        const type = senders[sent++ % senders.length] ?? 'v1';
        const samples = samplesOf(type);
        const { headers, body } = samples[Math.floor(random() * samples.length)] ?? { headers: {}, body: {} };
        await deliver(type, shotOf(type, headers, bent(body, random)));
        if (sent >= total * WARM && warm === 0) warm = (await residentBytes(pid)) ?? 0;
      }
    }),
  );
  const growth = ((await residentBytes(pid)) ?? 0) - warm;
  const configured = [...Object.values(RECEIVERS), V1_HOST]
    .map((host) => REACHED[host] ?? host)
    .map((host) => (host.includes(':') ? host : `${host}${PORT}`))
    .sort();
  const begun = Date.now();
  while (configured.some((host) => !proxy.asked.has(host)) && Date.now() - begun < WAIT_MS) await sleep(100);
  const trend = await trendOfRefusals(run, plan, search);
  await searchOutputs(run, search);
  agent.destroy();
  const code = await run.end('SIGTERM');
  if (code !== 0) failed.push(`the service ended with ${code}`);
  search('log', run.log());
  const work = join(run.folder, 'work', 'nydusify');
  for (const name of readdirSync(work, { recursive: true, encoding: 'utf8' }))
    if (name.startsWith('queue.db')) search(`record in ${name}`, readFileSync(join(work, name), 'latin1'));
  return {
    sent: total,
    accepted,
    failed,
    growth,
    leaks: [...leaks],
    searched,
    contacted: [...proxy.asked].sort(),
    configured,
    wrongSecrets: plan.tries,
    trend,
  };
}

/** Everything that may be looked at: pages, answers, metrics, the effective configuration, and the command lines of processes. */
async function searchOutputs(run: ServiceRun, search: (place: string, text: string) => void): Promise<void> {
  const headers = { authorization: `Bearer ${TOKENS.read}` };
  const ask = async (path: string, more: Readonly<Record<string, string>> = headers): Promise<unknown> => {
    const { text, json } = await run.ask('GET', path, { headers: more });
    search(path, text);
    return json;
  };
  for (const path of ['/metrics', '/openapi.json', '/api/v1/conversions', '/api/v2/queue', '/api/v2/ready'])
    await ask(path);
  const page = (await ask('/api/v2/tasks?limit=20')) as {
    readonly tasks: readonly { readonly id: string }[];
  };
  const login = await fetch(`${run.address}/ui/login`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ token: TOKENS.read }),
  });
  const cookie = (login.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
  search('login', `${JSON.stringify([...login.headers])}${await login.text()}`);
  for (const path of ['/ui', '/ui/queue', ...page.tasks.map(({ id }) => `/ui/tasks/${id}`)])
    await ask(path, { cookie });
  for (const { id } of page.tasks) for (const end of ['', '/log']) await ask(`/api/v2/tasks/${id}${end}`);
  const check = await nydusify(['serve', '--check', '--config', join(run.folder, 'accel.yaml')]);
  search('--check', `${check.stdout}${check.stderr}`);
  for (const worker of await childrenOf(run.child.pid ?? 0))
    for (const name of ['cmdline', 'environ'])
      search(`${name} of a process`, readFileSync(`/proc/${worker}/${name}`, 'latin1'));
}

/** Tries secrets of which more or fewer letters are right, in random order. */
async function trendOfRefusals(
  run: ServiceRun,
  { tries, random }: AttackPlan,
  search: (place: string, text: string) => void,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const secret = secretOf('harbor');
  const right: number[] = [];
  const times: number[] = [];
  for (let i = 0; i < tries; i++) {
    const letters = Math.floor(random() * SECRET_LENGTH);
    const rest = Array.from(secret.slice(letters), () => '!').join('');
    const shot: Shot = {
      path: '/api/v1/webhooks/harbor',
      headers: { 'content-type': 'application/json', authorization: `${secret.slice(0, letters)}${rest}` },
      body: Buffer.from('{}'),
    };
    const started = performance.now();
    const { status, text } = await shoot(run.address, agent, shot);
    times.push(performance.now() - started);
    right.push(letters);
    if (status !== 401) throw new Error(`a wrong secret is answered with ${status}: ${text}`);
    search('refusal', text);
  }
  agent.destroy();
  return correlation(ranks(right), ranks(times));
}

/** Equal values share the mean of their ranks. */
function ranks(values: readonly number[]): readonly number[] {
  const order = values.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const found = values.map(() => 0);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to < order.length && order[to]?.value === order[from]?.value) to++;
    for (const { index } of order.slice(from, to)) found[index] = (from + to - 1) / 2;
    from = to;
  }
  return found;
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, one) => sum + one, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [both, squareA, squareB] = [0, 0, 0];
  for (const [i, one] of a.entries()) {
    const [x, y] = [one - meanA, (b[i] ?? 0) - meanB];
    both += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  return both / Math.sqrt(squareA * squareB);
}

/** Chance alone leads further away from 0 than this once in some 15,000 runs. */
function trendByChance(tries: number): number {
  return 4 / Math.sqrt(tries);
}

/** More than this is no cache that fills once. */
const FLAT = 48 << 20;

/** A sentence for each thing that must not be. */
export function faultsOfAttack(result: AttackResult): readonly string[] {
  const { failed, leaks, growth, contacted, configured, trend, wrongSecrets } = result;
  const foreign = contacted.filter((host) => !configured.includes(host));
  const silent = configured.filter((host) => !contacted.includes(host));
  return [
    ...failed,
    ...leaks.map((leak) => `a secret is in ${leak}`),
    ...foreign.map((host) => `${host} was contacted`),
    ...silent.map((host) => `${host} was not contacted`),
    ...(growth > FLAT ? [`the server grew by ${growth} bytes`] : []),
    ...(Math.abs(trend) > trendByChance(wrongSecrets)
      ? [`the time of refusals has a trend of ${trend}`]
      : []),
  ];
}
