/** The service as a process, in a work folder of its own, and requests to it, whose answers are held to its description. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTarget } from '../../../src/registry/open.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openapiDocument } from '../../../src/service/http/api/openapi.js';
import { buildImage, putImage } from '../images/image-builder.js';
import { file, layer } from '../images/tar.js';
import { productCommand } from '../project.js';
import { type Owner, tempFolder } from '../temp-folder.js';
import { OpenapiJudge } from './openapi-judge.js';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly json: unknown;
}

/** Upstream's list has these members. */
export interface ListedTask {
  readonly id: string;
  readonly status: string;
  readonly source: string;
  readonly reason: string;
  readonly finished: string;
  readonly source_size: number;
}

export interface ServiceRun {
  readonly folder: string;
  readonly address: string;
  /** Everything that it has written. */
  readonly log: () => string;
  readonly child: ChildProcess;
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>;
  tasks(): Promise<readonly ListedTask[]>;
  /** Waits until the list is as asked for. */
  until(condition: (tasks: readonly ListedTask[]) => boolean): Promise<readonly ListedTask[]>;
  /** Sends a signal, and returns the exit code, or the signal's name, once the process has ended. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

export interface AskOptions {
  readonly body?: string | object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface StartOptions {
  /** The work folder of an earlier run. */
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A port of this machine; any by default. */
  readonly port?: number;
}

const WAIT_MS = 60_000;

/** The configuration follows `server` and `provider.work_dir`, which are this function's. */
export async function startService(
  t: Owner,
  configuration: { readonly provider: string; readonly rest: string },
  { folder, env = {}, port = 0 }: StartOptions = {},
): Promise<ServiceRun> {
  const home = folder ?? (await tempFolder(t));
  const path = join(home, 'accel.yaml');
  await writeFile(
    path,
    `server: { host: 127.0.0.1, port: ${port}, shutdown_timeout: 20s }
metric: { enabled: true }
provider:
  work_dir: ${home}/work
${configuration.provider}
${configuration.rest}
`,
  );
  const child = spawn(process.execPath, [productCommand, 'serve', '--config', path], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (said += data.toString()));
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  });
  const started = Date.now();
  let address: string | undefined;
  while (address === undefined) {
    if (child.exitCode !== null || Date.now() - started > WAIT_MS)
      throw new Error(`the service did not start: ${said}`);
    await sleep(20);
    address = /listening on (http:\/\/[^"]+)/.exec(said)?.[1];
  }
  const base = address;
  const judge = new OpenapiJudge(openapiDocument());
  const ask: ServiceRun['ask'] = async (method, at, { body, headers = {} } = {}) => {
    const response = await fetch(`${base}${at}`, {
      method,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    });
    const text = await response.text();
    const type = response.headers.get('content-type') ?? '';
    assert.deepEqual(judge.faults({ method, path: at, status: response.status, type, text }), []);
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    return { status: response.status, type, text, json };
  };
  const tasks: ServiceRun['tasks'] = async () =>
    (await ask('GET', '/api/v1/conversions')).json as readonly ListedTask[];
  return {
    folder: home,
    address: base,
    log: () => said,
    child,
    ask,
    tasks,
    until: async (condition) => {
      const begun = Date.now();
      for (;;) {
        const now = await tasks();
        if (condition(now)) return now;
        if (Date.now() - begun > WAIT_MS) throw new Error(`the tasks stay ${JSON.stringify(now)}\n${said}`);
        await sleep(50);
      }
    },
    end: async (signal) => {
      child.kill(signal);
      const [code, by] = await exited;
      return code ?? by ?? '';
    },
  };
}

/** A body as Harbor sends it. */
export function pushOf(...resources: readonly string[]): object {
  return {
    type: 'PUSH_ARTIFACT',
    event_data: { resources: resources.map((resource_url) => ({ resource_url })) },
  };
}

/** Pushes a small image, whose content is the text, to a registry without TLS. */
export async function pushImage(reference: string, content: string): Promise<void> {
  await using target = openTarget(reference, { credentials: anonymous });
  const image = buildImage({ layers: [layer(file('content', content))] });
  await putImage(target, image);
}
