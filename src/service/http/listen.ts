/** Listens on a Unix socket or on an address. A socket that nothing listens on is replaced; any other file is left alone. */
import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { LocalIoError } from '../../errors.js';
import { errorCode, localIoError } from '../../io/system-error.js';
import type { Settings } from '../config/settings.js';

const SOCKET_MODE = 0o660;

/** Returns where the service can be reached. Throws LocalIoError. */
export async function listen(server: FastifyInstance, settings: Settings['server']): Promise<string> {
  const { uds, host, port } = settings;
  try {
    if (uds === '') return await server.listen({ host, port });
    await removeStale(uds);
    await server.listen({ path: uds });
    chmodSync(uds, SOCKET_MODE);
    return uds;
  } catch (cause) {
    if (cause instanceof LocalIoError) throw cause;
    throw localIoError(`cannot listen on ${uds === '' ? `${host}:${port}` : uds}`, cause);
  }
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new LocalIoError(`cannot listen on ${path}: there is another file`);
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error) => {
      resolve(errorCode(error) ?? '');
    });
  });
  if (code !== 'ECONNREFUSED') throw new LocalIoError(`cannot listen on ${path}: another process does`);
  rmSync(path);
}
