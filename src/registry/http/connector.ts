/** Reads connections without TLS in large pieces that are adjacent in memory, so that `GatheredBody` joins them without copying. */
import type { OnReadOpts, Socket } from 'node:net';
import { markAsUntransferable } from 'node:worker_threads';
import type { buildConnector as BuildConnector } from 'undici';
import { meterFraming } from './framing.js';
import { buildConnector } from './undici.js';

/** Bytes of the memory that successive reads fill. By itself, Node reads at most 64 KiB into memory of its own. */
const SLAB = 512 * 1024;
/** Bytes: with less room than this the next read gets a new slab. */
const MIN_READ = 64 * 1024;

/** The connector that undici takes as `connect`. */
export function connectorFor(options: BuildConnector.BuildOptions): BuildConnector.connector {
  const overTls = buildConnector(options);
  return (asked, callback) => {
    const metered: BuildConnector.Callback = (...result) => {
      if (result[0] === null) meterFraming(result[1]);
      callback(...result);
    };
    if (asked.protocol === 'https:') overTls(asked, metered);
    else connectPlain(options, asked, metered);
  };
}

function connectPlain(
  options: BuildConnector.BuildOptions,
  asked: BuildConnector.Options,
  callback: BuildConnector.Callback,
): void {
  let socket: Socket | undefined;
  let slab = newSlab();
  const onread: OnReadOpts = {
    buffer: () => slab,
    callback: (size, bytes) => {
      slab = slab.length - size >= MIN_READ ? slab.subarray(size) : newSlab();
      return socket?.push(bytes.subarray(0, size)) ?? false;
    },
  };
  const connect = buildConnector({ ...options, onread });
  connect(asked, (...result) => {
    if (result[0] === null) socket = result[1];
    callback(...result);
  });
}

/** Pieces of a slab go to readers while the system still writes into the rest, so no reader may transfer it to another thread. */
function newSlab(): Buffer {
  const slab = Buffer.allocUnsafeSlow(SLAB);
  markAsUntransferable(slab.buffer);
  return slab;
}
