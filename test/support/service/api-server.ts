/** The HTTP server of the service in this process: with a real queue, and jobs that a test plays. Each answer is held to its description. */
import assert from 'node:assert/strict';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { readServiceConfig, type ServiceConfig } from '../../../src/service/config/config.js';
import { openapiDocument } from '../../../src/service/http/api/openapi.js';
import type { JobControl } from '../../../src/service/http/parts.js';
import { openServer } from '../../../src/service/http/server.js';
import { openMetrics } from '../../../src/service/metrics.js';
import { EmbeddedQueue } from '../../../src/service/queue/embedded/engine.js';
import { openLog } from '../../../src/service/log.js';
import { type Owner, QUICK_DISK, tempFolder } from '../temp-folder.js';
import { OpenapiJudge } from './openapi-judge.js';

export const TOKENS = { read: 'token-that-may-read', write: 'token-that-may-write' } as const;

/** Both tokens, one registry, and upstream's item of a suffix beside a named rule. */
export const API_CONFIG = `
api: { tokens: [{ name: r, value: ${TOKENS.read}, scope: read }, { name: w, value: ${TOKENS.write}, scope: write }] }
provider: { source: { r.example: {}, other.example: {} } }
converter:
  rules:
    - { name: moved, match: { repository: "moved/**" }, target: { repository: "accel/{name}" } }
    - { name: suffix, tag_suffix: -nydus }
    - { cache_tag: nydus-cache }
`;

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface ApiBench {
  readonly server: FastifyInstance;
  readonly queue: EmbeddedQueue;
  readonly closing: AbortController;
  /** Lines of the log. */
  readonly log: readonly string[];
  readonly setConfig: (text: string) => void;
  /** With the token that may write, unless headers say otherwise. */
  readonly ask: (
    method: 'GET' | 'POST' | 'DELETE' | 'PUT',
    path: string,
    options?: Pick<InjectOptions, 'headers' | 'remoteAddress'> & { readonly body?: string | object },
  ) => Promise<ApiAnswer>;
}

export async function apiBench(
  t: Owner,
  {
    config: text = API_CONFIG,
    jobs = {},
    isSocket = false,
    maxWaiting = 50,
  }: {
    readonly config?: string;
    readonly jobs?: Partial<JobControl>;
    readonly isSocket?: boolean;
    readonly maxWaiting?: number;
  } = {},
): Promise<ApiBench> {
  const folder = await tempFolder(t, QUICK_DISK);
  const queue = await EmbeddedQueue.open(folder, { maxWaiting });
  let config = configOf(text);
  const closing = new AbortController();
  const log: string[] = [];
  const server = openServer({
    config: () => config,
    queue,
    metrics: openMetrics({
      name: 'API',
      version: '0',
      queue,
      workers: () => ({ busy: 0, free: 1 }),
      storeBytes: () => 0,
    }),
    log: openLog('text', (line) => log.push(line)),
    closing: closing.signal,
    isSocket,
    jobs: {
      cancel: () => false,
      wake: () => undefined,
      processes: () => [{ pid: 1, isAlive: true, isBusy: false, jobs: 0, residentBytes: 0 }],
      workers: 1,
      collectGarbage: async () => ({ freedBytes: 0, removedTasks: 0, keptBytes: 0, thresholdBytes: 1 }),
      isWritable: async () => true,
      ...jobs,
    },
  });
  t.after(async () => {
    closing.abort();
    await server.close();
    await queue[Symbol.asyncDispose]();
  });
  const judge = new OpenapiJudge(openapiDocument());
  return {
    server,
    queue,
    closing,
    log,
    setConfig: (next) => {
      config = configOf(next);
    },
    ask: async (method, path, { body, headers = {}, ...more } = {}) => {
      const answer = await server.inject({
        method,
        url: path,
        headers: {
          authorization: `Bearer ${TOKENS.write}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: body }),
        ...more,
      });
      const { statusCode: status, payload } = answer;
      const type = String(answer.headers['content-type'] ?? '');
      assert.deepEqual(judge.faults({ method, path, status, type, text: payload }), []);
      return {
        status,
        headers: answer.headers,
        text: payload,
        json: type.startsWith('application/json')
          ? (JSON.parse(payload) as Readonly<Record<string, unknown>>) // every answer of ours is an object
          : {},
      };
    },
  };
}

function configOf(text: string): ServiceConfig {
  return readServiceConfig(text, 'config', { HOME: '/h' });
}
