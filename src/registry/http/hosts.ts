/**
 * Decides between HTTPS and HTTP. Credentials and images go in clear text only to loopback, or where the user has allowed it; a
 * server that does not answer on 443 is no reason. On loopback one short handshake shows which of the two a registry speaks.
 */
import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { RegistryError } from '../../errors.js';
import { errorCode } from '../../io/scratch.js';

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

/** Finds the scheme that a registry on loopback speaks. Throws RegistryError when nothing listens. */
export async function probeLoopback(host: string, signal?: AbortSignal): Promise<Scheme> {
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
  return new Promise((resolve, reject) => {
    // This connection sends nothing, so its certificate need not be verified: the transport verifies that of every request.
    const socket = connectTls({
      host: name,
      port,
      rejectUnauthorized: false,
      timeout: PROBE_TIMEOUT_MS,
      servername: isIP(name) === 0 ? name : '',
    });
    const settle = (act: () => void): void => {
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      act();
    };
    const onAbort = (): void => {
      settle(() => {
        resolve('https:'); // the request that follows ends with the signal
      });
    };
    socket.once('secureConnect', () => {
      settle(() => {
        resolve('https:');
      });
    });
    socket.once('timeout', () => {
      settle(() => {
        resolve('http:');
      });
    });
    socket.once('error', (cause) => {
      settle(() => {
        if (errorCode(cause) === 'ECONNREFUSED') {
          reject(
            new RegistryError(`registry ${host}: connection refused`, {
              cause,
              retryable: true,
              hint: 'nothing listens there: check the port, and that the registry runs',
            }),
          );
        } else {
          resolve('http:');
        }
      });
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

async function listens(name: string, port: number, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({
      host: name,
      port,
      timeout: PROBE_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => {
      settle(true);
    });
    socket.once('timeout', () => {
      settle(false);
    });
    socket.once('error', () => {
      settle(false);
    });
  });
}
