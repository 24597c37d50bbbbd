/** How many transfers and connections go together. */
import { DEFAULT_CONNECTIONS } from '../../io/concurrency.js';

/** Connections of one side that a transfer may hold: its own, and the same once more while that is tried again. */
const CONNECTIONS_PER_TRANSFER = 2;
/** Connections for small requests, which must not wait for the large transfers that depend on them. */
const SPARE_CONNECTIONS = 2;

/** A download that feeds an upload must never wait for a connection that waits for it: fewer connections, fewer transfers. */
export function transfersFor(concurrency: number, connections: number | undefined): number {
  if (connections === undefined) return concurrency;
  return Math.min(concurrency, Math.floor((connections - SPARE_CONNECTIONS) / CONNECTIONS_PER_TRANSFER));
}

export function connectionsFor(concurrency: number, connections: number | undefined): number | undefined {
  const needed = concurrency * CONNECTIONS_PER_TRANSFER + SPARE_CONNECTIONS;
  return connections ?? (needed > DEFAULT_CONNECTIONS ? needed : undefined);
}
