/** Connections without TLS that are read in large pieces which lie next to each other in memory. */
import type { OnReadOpts, Socket } from 'node:net';
import type { buildConnector as BuildConnector } from 'undici';
import { buildConnector } from './undici.js';

/** Bytes that are read into, one read behind the other; Node reads 64 KiB at most by itself. */
const SLAB = 512 * 1024;
/** Bytes: with less room than this a new slab is begun. */
const MIN_READ = 64 * 1024;

/** For undici's `connect`. */
export function connectorFor(options: BuildConnector.BuildOptions): BuildConnector.connector {
  const overTls = buildConnector(options);
  return (asked, callback) => {
    if (asked.protocol === 'https:') overTls(asked, callback);
    else connectPlain(options, asked, callback);
  };
}

function connectPlain(
  options: BuildConnector.BuildOptions,
  asked: BuildConnector.Options,
  callback: BuildConnector.Callback,
): void {
  let socket: Socket | undefined;
  let slab = Buffer.allocUnsafeSlow(SLAB);
  const onread: OnReadOpts = {
    buffer: () => slab,
    callback: (size, bytes) => {
      slab = slab.length - size >= MIN_READ ? slab.subarray(size) : Buffer.allocUnsafeSlow(SLAB);
      return socket?.push(bytes.subarray(0, size)) ?? false;
    },
  };
  const connect = buildConnector({ ...options, onread });
  connect(asked, (...result) => {
    if (result[0] === null) socket = result[1];
    callback(...result);
  });
}
