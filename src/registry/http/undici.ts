/**
 * The parts of undici that the registry uses, loaded one by one. Its index also loads fetch, websockets, caches and mocks: 75 more
 * modules, which take as long as all of ours together when a command starts. These files are not part of undici's documented
 * surface, so its version is pinned; their types are those of the index.
 */
import { createRequire } from 'node:module';
import type * as Undici from 'undici';

const require = createRequire(import.meta.url);

export const Agent = require('undici/lib/dispatcher/agent.js') as typeof Undici.Agent;
export const buildConnector = require('undici/lib/core/connect.js') as typeof Undici.buildConnector;
