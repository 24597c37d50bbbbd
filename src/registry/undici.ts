/**
 * What is used of undici, piece by piece. Its index also loads fetch, websockets, caches and mocks: 75 modules more, which take as
 * long as all of ours together when a command starts. The pieces are not part of its documented surface, so its version is pinned;
 * their types are those of the index.
 */
import { createRequire } from 'node:module';
import type * as Undici from 'undici';

const require = createRequire(import.meta.url);

export const Agent = require('undici/lib/dispatcher/agent.js') as typeof Undici.Agent;
export const ProxyAgent = require('undici/lib/dispatcher/proxy-agent.js') as typeof Undici.ProxyAgent;
export const buildConnector = require('undici/lib/core/connect.js') as typeof Undici.buildConnector;

const api = require('undici/lib/api/api-request.js') as (
  this: Undici.Dispatcher,
  options: Undici.Dispatcher.RequestOptions,
) => Promise<Undici.Dispatcher.ResponseData>;

/** One request, by `dispatcher`; settles when the headers of the answer are there. */
export async function send(
  url: URL,
  dispatcher: Undici.Dispatcher,
  options: Omit<Undici.Dispatcher.RequestOptions, 'origin' | 'path'>,
): Promise<Undici.Dispatcher.ResponseData> {
  return await api.call(dispatcher, { ...options, origin: url.origin, path: url.pathname + url.search });
}
