/**
 * A slow link on loopback: doors (ports) that lead to servers, all through one pair of wires, so that all traffic through any of
 * them shares the rate. It knows nothing of what is sent but for telling requests apart. Of TCP it has the round trip of opening
 * a connection and a window; congestion control (slow start, loss) it has not.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fate, type ResetPlan, Resets } from './resets.js';
import { Lane, Wire } from './wire.js';

export interface LinkOptions {
  /** In each direction. */
  readonly bytesPerSecond: number;
  /** Milliseconds there and back. */
  readonly roundTripMs: number;
  readonly resets?: ResetPlan | undefined;
}

export interface LinkTraffic {
  /** Bytes that arrived at the servers. */
  readonly up: number;
  /** Bytes that arrived at the clients. */
  readonly down: number;
  readonly connections: number;
  readonly requests: number;
  /** Connections that were reset. */
  readonly resets: number;
}

export interface Link extends AsyncDisposable {
  /** `127.0.0.1:PORT`, behind which `host` is. */
  doorTo(host: string): Promise<string>;
  traffic(): LinkTraffic;
}

/** Bytes of one connection in one direction that have left the sender and not arrived: twice what 50 Mbit/s hold in 80 ms. */
const WINDOW_BYTES = 1024 * 1024;

export function openLink({ bytesPerSecond, roundTripMs, resets: plan }: LinkOptions): Link {
  const wire = { bytesPerSecond, delayMs: roundTripMs / 2 };
  const [up, down] = [new Wire(wire), new Wire(wire)];
  const resets = new Resets(plan);
  const bytes = { up: 0, down: 0 };
  const doors: Server[] = [];
  const sockets = new Set<Socket>();

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };

  const lead = async (client: Socket, port: number): Promise<void> => {
    keep(client);
    client.on('error', () => undefined); // until it is joined
    const fate = resets.connection();
    await sleep(roundTripMs);
    if (client.destroyed) return;
    const server = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    keep(server);
    join(client, server, fate);
  };

  const join = (client: Socket, server: Socket, fate: Fate): void => {
    const lanes = { up: new Lane(), down: new Lane() };
    const cut = (): void => {
      up.drop(lanes.up);
      down.drop(lanes.down);
      for (const socket of [client, server]) if (!socket.destroyed) socket.resetAndDestroy();
    };
    const carry = (direction: 'up' | 'down', from: Socket, to: Socket): void => {
      const [way, lane] = direction === 'up' ? [up, lanes.up] : [down, lanes.down];
      let underway = 0;
      from.on('data', (read: Buffer) => {
        underway += read.length;
        if (underway >= WINDOW_BYTES) from.pause();
        way.send(lane, read, (piece) => {
          if (to.destroyed) return;
          if (fate.passes(direction, piece.length)) {
            cut();
            return;
          }
          bytes[direction] += piece.length;
          to.write(piece, () => {
            underway -= piece.length;
            if (underway < WINDOW_BYTES && from.isPaused()) from.resume();
          });
        });
      });
      from.on('end', () => {
        way.send(lane, new Uint8Array(0), () => to.end());
      });
      from.on('error', cut);
      from.resume();
    };
    for (const socket of [client, server]) socket.setNoDelay(true);
    carry('up', client, server);
    carry('down', server, client);
  };

  return {
    doorTo: async (host) => {
      const port = Number(host.split(':')[1]);
      const door = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
        void lead(client, port);
      });
      doors.push(door);
      door.listen(0, '127.0.0.1');
      await once(door, 'listening');
      const address = door.address();
      if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
      return `127.0.0.1:${address.port}`;
    },
    traffic: () => ({
      ...bytes,
      connections: resets.connections,
      requests: resets.requests,
      resets: resets.resets,
    }),
    [Symbol.asyncDispose]: async () => {
      up.close();
      down.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(doors.map(async (door) => new Promise((resolve) => door.close(resolve))));
    },
  };
}
