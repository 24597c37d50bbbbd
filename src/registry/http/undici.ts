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

// The index gives every dispatcher its methods; of these, ProxyAgent calls this one.
const Dispatcher = require('undici/lib/dispatcher/dispatcher.js') as typeof Undici.Dispatcher;
Dispatcher.prototype.connect =
  require('undici/lib/api/api-connect.js') as typeof Undici.Dispatcher.prototype.connect;
