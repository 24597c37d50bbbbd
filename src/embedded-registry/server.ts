/**
 * A registry of our own: the distribution API on a loopback port, blobs in a folder. It serves the first example, the
 * tests, and programs that want a registry without installing one. It has no authentication and no TLS, and is not meant to face a
 * network.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerRefusal, Refused } from './protocol.js';
import { serve } from './routes.js';
import { ROOM_LIMITS, type RoomLimits } from './room.js';
import { Storage } from './storage.js';

/** A request that was answered or cut. */
export interface ObservedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly status: number;
}

export interface RegistryOptions {
  /** The folder of all content; created when absent. */
  readonly root: string;
  /** 0, the default, takes any free port. */
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  /** What the folder may hold; 16 GiB in all, and 4 GiB an upload, by default. */
  readonly limits?: Partial<RoomLimits> | undefined;
  /** Called with every request once it has been answered or cut. */
  readonly observe?: ((request: ObservedRequest) => void) | undefined;
  /** Called first for each request; true when it has answered it. It serves logins, faults and redirects. */
  readonly intercept?:
    ((request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>) | undefined;
}

export interface RunningRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `127.0.0.1:PORT`, the beginning of references. */
  readonly host: string;
  close(): Promise<void>;
}

/** Resolves when the port is open. */
export async function startRegistry(options: RegistryOptions): Promise<RunningRegistry> {
  const server = createServer(registryListener(options));
  const address = await new Promise<AddressInfo>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => {
      resolve(server.address() as AddressInfo); // a TCP server that listens has such an address
    });
  });
  const host = `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  const close = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    });
  };
  return { url: `http://${host}`, host, close, [Symbol.asyncDispose]: close };
}

/** The registry as a listener, for a server of the caller, such as one with TLS. */
export function registryListener(
  options: Pick<RegistryOptions, 'root' | 'limits' | 'observe' | 'intercept'>,
): RequestListener {
  const storage = new Storage(options.root, { ...ROOM_LIMITS, ...options.limits });
  return (request, response) => {
    const path = request.url ?? '/';
    response.once('close', () => {
      options.observe?.({
        method: request.method ?? '',
        path,
        headers: request.headers,
        status: response.statusCode,
      });
    });
    respond(request, response).catch(() => {
      // The connection was cut or the disk failed, so this answer cannot be finished.
      response.destroy();
    });
  };

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if ((await options.intercept?.(request, response)) === true) return;
    try {
      await serve({
        request,
        response,
        storage,
        url: new URL(request.url ?? '/', 'http://registry.invalid'),
      });
    } catch (error) {
      if (response.headersSent || request.socket.destroyed) throw error;
      const refused =
        error instanceof Refused
          ? error
          : new Refused(500, 'UNKNOWN', String(error), { connection: 'close' });
      answerRefusal(request, response, refused);
    }
  }
}
