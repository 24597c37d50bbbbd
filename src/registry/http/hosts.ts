/**
 * Decides between HTTPS and HTTP. Credentials and images go in clear text only to loopback, or where the user has allowed it; a
 * server that does not answer on 443 is no reason. On loopback one short handshake shows which of the two a registry speaks.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { RegistryError } from '../../errors.js';
import { orAborted } from '../../io/abort.js';
import { errorCode } from '../../io/system-error.js';

export type Scheme = 'http:' | 'https:';

/** A plain HTTP server takes the handshake for a request line and may wait for its rest: it gets this long. */
const PROBE_TIMEOUT_MS = 1500;

/** Splits `host`, `host:port` or `[v6]:port` into the name, without brackets, and the port. */
export function splitHost(host: string): { readonly name: string; readonly port: number | undefined } {
  const match = /^(?:\[(?<v6>[^\]]*)\]|(?<name>[^:]*))(?::(?<port>[0-9]+))?$/.exec(host);
  const port = match?.groups?.['port'];
  return {
    name: match?.groups?.['v6'] ?? match?.groups?.['name'] ?? host,
    port: port === undefined ? undefined : Number(port),
  };
}

/** `localhost`, names under it, 127/8 and ::1. The name decides, not its address in DNS. */
export function isLoopback(host: string): boolean {
  const { name } = splitHost(host);
  const lower = name.toLowerCase();
  if (lower === 'localhost' || lower.endsWith('.localhost')) return true;
  if (isIP(lower) === 4) return lower.startsWith('127.');
  return isIP(lower) === 6 && new URL(`http://[${lower}]/`).hostname === '[::1]';
}

/** Finds the scheme that a registry on loopback speaks. Throws RegistryError when nothing listens, and the signal's reason once it has fired. */
export async function probeLoopback(host: string, signal?: AbortSignal): Promise<Scheme> {
  signal?.throwIfAborted();
  const { name, port } = splitHost(host);
  if (port === undefined) return (await listens(name, 443, signal)) ? 'https:' : 'http:';
  return probe(name, port, host, signal);
}

async function probe(
  name: string,
  port: number,
  host: string,
  signal: AbortSignal | undefined,
): Promise<Scheme> {
  // This connection sends nothing, so its certificate need not be verified: the transport verifies that of every request.
  const socket = connectTls({
    host: name,
    port,
    rejectUnauthorized: false,
    servername: isIP(name) === 0 ? name : '',
  });
  const error = await outcome(socket, 'secureConnect', signal);
  if (error === undefined) return 'https:';
  if (errorCode(error) === 'ECONNREFUSED') {
    throw new RegistryError(`registry ${host}: connection refused`, {
      cause: error,
      retryable: true,
      hint: 'nothing listens there: check the port, and that the registry runs',
    });
  }
  return 'http:';
}

async function listens(name: string, port: number, signal: AbortSignal | undefined): Promise<boolean> {
  return (await outcome(connectTcp({ host: name, port }), 'connect', signal)) === undefined;
}

/**
 * Waits for `event`, for an error, or for the time limit, which is counted from the start, because a peer may send byte after byte.
 * Returns the error, and destroys the socket in any case.
 */
async function outcome(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal | undefined,
): Promise<Error | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<Error | undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(new Error('no answer in time'));
    }, PROBE_TIMEOUT_MS);
    socket.once(event, () => {
      resolve(undefined);
    });
    socket.on('error', resolve);
  });
  try {
    return await orAborted(ended, signal);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
