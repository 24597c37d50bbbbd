/** Real registries on loopback ports, each with storage of its own that goes away with it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  request as forward,
  type ServerResponse,
} from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { selfSigned } from './certificate.js';
import type { TokenServer } from './token-server.js';
import { place } from '../temp-folder.js';

export interface RealRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`; plain HTTP unless it says otherwise. */
  readonly host: string;
  /** The process, so that tools can measure its cost. */
  readonly pid: number;
  /** The folder of its configuration, and of its storage if it has one. */
  readonly folder: string;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}

/** For both versions of distribution; `http` adds to its HTTP section, `extra` to the whole. */
function configuration(folder: string, host: string, http: string, extra: string): string {
  return `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${folder}/storage }, delete: { enabled: true } }
http: { addr: '${host}'${http} }
${extra}`;
}

/**
 * Starts a registry's program in a folder of its own, which goes away with it. Throws when it does not answer within ten
 * seconds, with what it said.
 */
export async function startProgram(
  command: string,
  argumentsFor: (folder: string, host: string) => Promise<readonly string[]>,
): Promise<RealRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const child = spawn(command, await argumentsFor(folder, host), { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString('utf8')).slice(-4000);
    });
  }
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await exited;
    }
    await rm(folder, { recursive: true, force: true });
  };
  for (let attempt = 0; attempt < 100 && child.exitCode === null; attempt++) {
    await sleep(100);
    if (await listens(host)) return { host, pid: child.pid ?? 0, folder, [Symbol.asyncDispose]: close };
  }
  await close();
  throw new Error(`${command} does not answer on ${host}: ${said}`);
}

async function listens(host: string): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port: Number(host.split(':')[1]) });
  const open = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return open;
}

/** Debian's docker-registry (distribution 2.8); `extra` is added to its configuration. */
export async function startDockerRegistry(extra = ''): Promise<RealRegistry> {
  return startProgram('docker-registry', async (folder, host) => [
    'serve',
    await place(folder, 'config.yml', configuration(folder, host, '', extra)),
  ]);
}

/** Starts docker-registry with TLS, and Basic authentication by an htpasswd file's text. */
export async function startSecureDockerRegistry(htpasswd: string): Promise<RealRegistry> {
  return startProgram('docker-registry', async (folder, host) => {
    await selfSigned(folder);
    const tls = `, tls: { certificate: ${folder}/cert.pem, key: ${folder}/key.pem }`;
    const users = await place(folder, 'htpasswd', htpasswd);
    const auth = `auth: { htpasswd: { realm: test, path: ${users} } }\n`;
    return ['serve', await place(folder, 'config.yml', configuration(folder, host, tls, auth))];
  });
}

/** distribution v3; `program` is its path. */
export async function startDistribution(program: string): Promise<RealRegistry> {
  return startProgram(program, async (folder, host) => [
    'serve',
    await place(folder, 'config.yml', configuration(folder, host, ', secret: test', '')),
  ]);
}

/** go-containerregistry's registry, which keeps manifests in memory; `crane` is the client's path. */
export async function startCraneRegistry(crane: string): Promise<RealRegistry> {
  return startProgram(crane, async (folder, host) => [
    'registry',
    'serve',
    '--address',
    host,
    '--disk',
    folder,
  ]);
}

/** A registry behind a token server, which answers at `/token` of the same host. */
export async function startGuarded(
  behind: RealRegistry,
  openTokens: (realm: string) => Promise<TokenServer>,
): Promise<RealRegistry> {
  const server = createHttpServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  const host = `127.0.0.1:${address.port}`;
  const tokens = await openTokens(`http://${host}/token`);
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/token') === true) pass(request, response, new URL(tokens.url).host);
    else if (!tokens.guard(request, response)) pass(request, response, behind.host);
  });
  return {
    host,
    pid: behind.pid,
    folder: behind.folder,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await tokens.close();
      await behind[Symbol.asyncDispose]();
    },
  };
}

/** Hands a request on as it is; the host's name stays, so that what is answered leads back here. */
function pass(request: IncomingMessage, response: ServerResponse, to: string): void {
  const { method, url: path, headers } = request;
  const onward = forward({ host: '127.0.0.1', port: to.split(':')[1], method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}
