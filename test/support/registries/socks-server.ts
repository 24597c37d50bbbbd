/** A SOCKS5 proxy: RFC 1928 and 1929, CONNECT alone. What it connects to is for the test to say. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface SocksServerOptions {
  /** `user:password`; without it the server asks for no login. */
  readonly login?: string;
  /** Where a connection to `host:port` leads, as `host:port`; a number is the answer that refuses it. */
  readonly lead: (asked: string) => string | number;
  /** Nothing is ever answered. */
  readonly isSilent?: boolean;
}

export interface SocksServer extends AsyncDisposable {
  readonly host: string;
  /** The destinations that clients asked for, as `host:port`. */
  readonly asked: readonly string[];
}

export async function startSocksServer(options: SocksServerOptions): Promise<SocksServer> {
  const asked: string[] = [];
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.on('close', () => open.delete(client));
    client.on('error', () => client.destroy());
    if (options.isSilent !== true) void serve(client, options, asked).catch(() => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`, // a TCP server that listens has such an address
    asked,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(client: Socket, { login, lead }: SocksServerOptions, asked: string[]): Promise<void> {
  const [, count = 0] = await take(client, 2);
  const methods = [...(await take(client, count))];
  const method = login === undefined ? 0 : 2;
  if (!methods.includes(method)) {
    client.end(Uint8Array.of(5, 0xff));
    return;
  }
  client.write(Uint8Array.of(5, method));
  if (login !== undefined) {
    const user = await text(client, (await take(client, 2))[1]);
    const password = await text(client, (await take(client, 1))[0]);
    const isRight = `${user}:${password}` === login;
    client.write(Uint8Array.of(1, isRight ? 0 : 1));
    if (!isRight) {
      client.end();
      return;
    }
  }
  const [, , , kind] = await take(client, 4);
  const host =
    kind === 3
      ? await text(client, (await take(client, 1))[0])
      : kind === 1
        ? (await take(client, 4)).join('.')
        : (await take(client, 16)).toString('hex');
  const port = (await take(client, 2)).readUInt16BE();
  asked.push(`${host}:${port}`);
  const way = lead(`${host}:${port}`);
  if (typeof way === 'number') {
    client.end(Uint8Array.of(5, way, 0, 1, 0, 0, 0, 0, 0, 0));
    return;
  }
  const [name = '', at] = way.split(':');
  const upstream = connect(Number(at), name, () => {
    // With a name for an address, in two pieces: a client must read past it, whatever its form.
    client.write(Uint8Array.of(5, 0, 0, 3, 4));
    client.write(Buffer.from('here\0\0', 'latin1'));
    client.pipe(upstream).pipe(client);
  });
  for (const socket of [client, upstream]) socket.on('error', () => client.destroy());
  client.on('close', () => upstream.destroy());
}

async function text(socket: Socket, size = 0): Promise<string> {
  return (await take(socket, size)).toString('utf8');
}

async function take(socket: Socket, size: number): Promise<Buffer> {
  for (;;) {
    const bytes: unknown = size === 0 ? Buffer.alloc(0) : socket.read(size);
    if (bytes instanceof Buffer) return bytes;
    if (socket.destroyed || socket.readableEnded) throw new Error('the client has gone');
    await new Promise<void>((resolve) => {
      for (const event of ['readable', 'end', 'close']) socket.once(event, resolve);
    });
  }
}
