/** A running `nydusify serve REF`, and requests as no client library would send them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { productCommand } from './project.js';

export interface Serving {
  /** Ends with a slash. */
  readonly url: string;
  readonly port: number;
  /** Lines of standard output so far, and all of standard error. */
  readonly stdout: () => readonly string[];
  readonly stderr: () => string;
  /** Waits for a line of the log. */
  readonly logs: (line: RegExp) => Promise<void>;
  /** Returns the exit code, and the milliseconds that it took. */
  readonly stop: (signal: NodeJS.Signals) => Promise<{ readonly code: number | null; readonly ms: number }>;
}

/** Returns when the server listens, on a port of its own unless the arguments say another. */
export async function serving(t: TestContext, args: readonly string[]): Promise<Serving> {
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, [productCommand, 'serve', ...listen, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const closed = once(child, 'close');
  let [out, err] = ['', ''];
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  const listens = new Promise<void>((resolve) => {
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString();
      if (out.includes('\n')) resolve();
    });
  });
  await Promise.race([listens, closed]);
  const [url = ''] = out.split('\n');
  assert.match(url, /^http:/, err);
  return {
    url,
    port: Number(new URL(url).port),
    stdout: () => out.split('\n').filter((line) => line !== ''),
    stderr: () => err,
    logs: async (line) => {
      while (!line.test(err)) await once(child.stderr, 'data', { signal: AbortSignal.timeout(10_000) });
    },
    stop: async (signal) => {
      const begun = performance.now();
      child.kill(signal);
      const [code] = (await closed) as [number | null];
      return { code, ms: performance.now() - begun };
    },
  };
}

/** Sends bytes, and returns the answer as latin1 when the server has closed the connection. */
export async function rawRequest(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const parts: Buffer[] = [];
  socket.on('data', (data: Buffer) => parts.push(data));
  socket.end(Buffer.from(request, 'latin1'));
  await once(socket, 'close');
  return Buffer.concat(parts).toString('latin1');
}

/** GET of a target that is sent as it is. */
export function rawGet(port: number, target: string, host = 'localhost'): Promise<string> {
  return rawRequest(port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
}
