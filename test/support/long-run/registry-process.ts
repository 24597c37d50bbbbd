/** Runs as a process of its own, with a folder as its argument: a registry, whose host it sends to its parent. */
import { startRegistry } from '../../../src/embedded-registry/server.js';

const registry = await startRegistry({ root: process.argv[2] ?? '.' });
process.send?.(registry.host);
process.once('disconnect', () => void registry[Symbol.asyncDispose]());
