/**
 * Connects through an HTTP proxy by CONNECT; RFC 9110, 9.3.6. undici's own agent is not used: it waits five minutes for the proxy's
 * answer, whatever the limit for connecting, and tells its status in words alone.
 */
import { isIP, type Socket } from 'node:net';
import type { buildConnector as BuildConnector } from 'undici';
import { RegistryError } from '../../errors.js';
import { buildConnector } from './undici.js';

export interface TunnelOptions {
  readonly proxy: URL;
  /** The header for the proxy's login; undefined without one. */
  readonly authorization: string | undefined;
  /** Milliseconds to the proxy, to the end of its answer, and for TLS behind it, each. */
  readonly timeoutMs: number;
  /** TLS settings of the proxy, and of the host behind it. */
  readonly proxyTls: object;
  readonly tls: object;
  /** Ends connections that are open or being made. */
  readonly signal: AbortSignal;
}

/** A proxy's refusal of a tunnel. */
export class ProxyRefusal extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the proxy answered ${status}`);
    this.status = status;
  }
}

/** Bytes of the head of a proxy's answer. */
const MAX_HEAD = 16 * 1024;

/** The connector that undici takes as `connect`. */
export function tunnelConnector(options: TunnelOptions): BuildConnector.connector {
  const { proxy, timeoutMs, signal } = options;
  const toProxy = buildConnector({ timeout: timeoutMs, signal, ...options.proxyTls });
  const overTls = buildConnector({ timeout: timeoutMs, ...options.tls });
  return (asked, callback) => {
    const { hostname, protocol, port } = proxy;
    toProxy({ hostname: hostname.replace(/^\[|\]$/g, ''), host: proxy.host, protocol, port }, (...result) => {
      if (result[0] !== null) {
        callback(result[0], null);
        return;
      }
      const socket = result[1];
      openTunnel(socket, options, asked).then(
        () => {
          if (asked.protocol === 'https:') overTls({ ...asked, httpSocket: socket }, callback);
          else callback(null, socket);
        },
        (error: unknown) => {
          socket.destroy();
          callback(error instanceof Error ? error : new Error(String(error)), null);
        },
      );
    });
  };
}

async function openTunnel(
  socket: Socket,
  { proxy, authorization, timeoutMs }: TunnelOptions,
  { hostname, protocol, port }: BuildConnector.Options,
): Promise<void> {
  const name = isIP(hostname) === 6 ? `[${hostname}]` : hostname;
  const host = `${name}:${port === '' ? (protocol === 'https:' ? '443' : '80') : port}`;
  const login = authorization === undefined ? '' : `proxy-authorization: ${authorization}\r\n`;
  socket.write(`CONNECT ${host} HTTP/1.1\r\nhost: ${host}\r\n${login}\r\n`);
  const head = await readHead(socket, proxy, timeoutMs);
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]);
  if (Number.isNaN(status)) throw new RegistryError(`proxy ${proxy.host} does not speak HTTP`);
  if (status < 200 || status > 299) throw new ProxyRefusal(status);
}

/** Reads up to the empty line. Bytes behind it stay in the socket. */
async function readHead(socket: Socket, proxy: URL, timeoutMs: number): Promise<string> {
  let head = Buffer.alloc(0);
  let settle = (): void => undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(Object.assign(new Error('no answer of the proxy in time'), { code: 'ETIMEDOUT' }));
      }, timeoutMs);
      const onData = (bytes: Uint8Array): void => {
        head = Buffer.concat([head, bytes]);
        const end = head.indexOf('\r\n\r\n');
        if (end >= 0) {
          socket.pause();
          if (head.length > end + 4) socket.unshift(head.subarray(end + 4));
          resolve(head.toString('latin1', 0, end));
        } else if (head.length > MAX_HEAD) {
          reject(new RegistryError(`proxy ${proxy.host}: its answer has too many headers`));
        }
      };
      const onEnd = (): void => {
        reject(
          new RegistryError(`proxy ${proxy.host} ended the connection in the middle of its answer`, {
            retryable: true,
          }),
        );
      };
      settle = (): void => {
        clearTimeout(timer);
        socket.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', reject);
      };
      socket.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', reject);
    });
  } finally {
    settle();
  }
}
