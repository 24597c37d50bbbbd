/**
 * Connects through a SOCKS5 proxy: RFC 1928, with a login by RFC 1929. As in Go, the proxy looks up names for `socks5:` as well as
 * for `socks5h:`. undici's own agent is not used: it is experimental, warns on stderr, and does not limit connections.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { buildConnector as BuildConnector } from 'undici';
import { RegistryError } from '../../errors.js';
import { buildConnector } from './undici.js';

const VERSION = 5;
const LOGIN_VERSION = 1;
const METHOD = { none: 0, login: 2 } as const;
const CONNECT = 1;
const ADDRESS = { ipv4: 1, name: 3, ipv6: 4 } as const;
const DEFAULT_PORT = 1080;
/** Bytes of a name, a user or a password: its length is one byte. */
const MAX_LENGTH = 255;

/** Replies of RFC 1928, section 6, each with whether a retry may help. */
const REPLIES: Readonly<Record<number, readonly [text: string, retryable: boolean]>> = {
  1: ['it has a fault of its own', true],
  2: ['its rules do not allow it', false],
  3: ['the network cannot be reached', true],
  4: ['the host cannot be reached', true],
  5: ['connection refused', true],
  6: ['it took too long', true],
  7: ['it makes no such connections', false],
  8: ['it knows no such addresses', false],
};

export interface SocksOptions {
  readonly proxy: URL;
  readonly username: string;
  readonly password: string;
  /** Milliseconds to the end of the proxy's answer, and as many for TLS behind it. */
  readonly timeoutMs: number;
  /** The TLS settings of the host behind the proxy. */
  readonly tls: object;
  /** Ends connections that are open or being made. */
  readonly signal: AbortSignal;
}

/** The connector that undici takes as `connect`. Fails with RegistryErrors, and with the system's for a proxy that cannot be reached. */
export function socksConnector(options: SocksOptions): BuildConnector.connector {
  const overTls = buildConnector({ timeout: options.timeoutMs, ...options.tls });
  return (asked, callback) => {
    const isTls = asked.protocol === 'https:';
    const port = Number(asked.port === '' ? (isTls ? 443 : 80) : asked.port);
    tunnel(options, asked.hostname, port).then(
      (socket) => {
        if (isTls) overTls({ ...asked, httpSocket: socket }, callback);
        else callback(null, socket);
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error(String(error)), null);
      },
    );
  };
}

/** Asks the proxy for a connection to `host`. */
async function tunnel(options: SocksOptions, host: string, port: number): Promise<Socket> {
  const { proxy, timeoutMs, signal } = options;
  const socket = connectTcp({
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port === '' ? DEFAULT_PORT : Number(proxy.port),
    noDelay: true,
    keepAlive: true,
    signal,
  });
  const timer = setTimeout(() => {
    socket.destroy(Object.assign(new Error('no answer of the proxy in time'), { code: 'ETIMEDOUT' }));
  }, timeoutMs);
  try {
    await logIn(socket, options);
    await ask(socket, proxy, host, port);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function logIn(socket: Socket, { proxy, username, password }: SocksOptions): Promise<void> {
  const methods = username === '' ? [METHOD.none] : [METHOD.none, METHOD.login];
  socket.write(Uint8Array.of(VERSION, methods.length, ...methods));
  const [version, method] = await exactly(socket, 2, proxy);
  if (version !== VERSION) throw new RegistryError(`proxy ${proxy.host} does not speak SOCKS5`);
  if (method === METHOD.none) return;
  if (method !== METHOD.login || username === '') {
    throw new RegistryError(`proxy ${proxy.host} takes no connection without a login`, {
      hint: 'give it one: socks5://USER:PASSWORD@HOST:PORT',
    });
  }
  const login = [counted(username, proxy), counted(password, proxy)];
  socket.write(Buffer.concat([Uint8Array.of(LOGIN_VERSION), ...login]));
  const [, status] = await exactly(socket, 2, proxy);
  if (status !== 0) throw new RegistryError(`proxy ${proxy.host} refused the login that its URL has`);
}

async function ask(socket: Socket, proxy: URL, host: string, port: number): Promise<void> {
  const head = Uint8Array.of(VERSION, CONNECT, 0);
  socket.write(Buffer.concat([head, address(host, proxy), Uint8Array.of(port >> 8, port & 0xff)]));
  const [, reply = 0, , kind] = await exactly(socket, 4, proxy);
  if (reply !== 0) {
    const [text, retryable] = REPLIES[reply] ?? [`its answer is ${reply}`, false];
    throw new RegistryError(`proxy ${proxy.host} refused the way to ${host}:${port}: ${text}`, {
      retryable,
      remedy: { kind: 'bypass-proxy', host },
    });
  }
  // The proxy's own address follows, which is skipped.
  const length =
    kind === ADDRESS.ipv4 ? 4 : kind === ADDRESS.ipv6 ? 16 : (await exactly(socket, 1, proxy))[0];
  await exactly(socket, (length ?? 0) + 2, proxy);
}

function address(host: string, proxy: URL): Uint8Array {
  switch (isIP(host)) {
    case 4:
      return Uint8Array.of(ADDRESS.ipv4, ...host.split('.').map(Number));
    case 6:
      return Uint8Array.of(ADDRESS.ipv6, ...ipv6(host));
    default:
      return Buffer.concat([Uint8Array.of(ADDRESS.name), counted(host, proxy)]);
  }
}

/** The 16 bytes of an address. */
function ipv6(host: string): readonly number[] {
  const plain = new URL(`http://[${host}]/`).hostname.slice(1, -1); // one spelling: hexadecimal groups, at most one `::`
  const [head = [], tail = []] = plain
    .split('::')
    .map((half) => (half === '' ? [] : half.split(':').map((group) => parseInt(group, 16))));
  const zeros = Array<number>(8 - head.length - tail.length).fill(0);
  return [...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]);
}

function counted(text: string, proxy: URL): Uint8Array {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > MAX_LENGTH)
    throw new RegistryError(
      `proxy ${proxy.host}: a name, user or password has more than ${MAX_LENGTH} bytes`,
    );
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
}

/**
 * Reads so many bytes; what came behind them stays in the socket. Incomplete answers are held here and not in the socket, which would
 * say again and again, without a turn of the event loop in between, that it can be read.
 */
async function exactly(socket: Socket, size: number, proxy: URL): Promise<Uint8Array> {
  let held = Buffer.alloc(0);
  for (;;) {
    const bytes: unknown = socket.read();
    if (bytes instanceof Uint8Array) held = Buffer.concat([held, bytes]);
    if (held.length >= size) {
      if (held.length > size) socket.unshift(held.subarray(size));
      return held.subarray(0, size);
    }
    if (bytes === null && (socket.readableEnded || socket.destroyed)) {
      throw new RegistryError(`proxy ${proxy.host} ended the connection in the middle of its answer`, {
        retryable: true,
      });
    }
    await moved(socket);
  }
}

/** Settles when there is something to read, or the end; rejects when the connection fails. */
async function moved(socket: Socket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (act: () => void) => (): void => {
      for (const [event, listener] of listeners) socket.off(event, listener);
      act();
    };
    const go = settle(resolve);
    const fail = (error: Error): void => {
      settle(() => {
        reject(error);
      })();
    };
    const listeners = [
      ['readable', go],
      ['end', go],
      ['close', go],
      ['error', fail],
    ] as const;
    for (const [event, listener] of listeners) socket.on(event, listener);
  });
}
