/**
 * The parts of undici that the registry uses, loaded one by one. Its index also loads fetch, websockets, caches and mocks: 75 more
 * modules, which take as long as all of ours together when a command starts. These files are not part of undici's documented
 * surface, so its version is pinned; their types are those of the index, in undici-parts.d.ts.
 */
export { default as Agent } from 'undici/lib/dispatcher/agent.js';
export { default as buildConnector } from 'undici/lib/core/connect.js';
