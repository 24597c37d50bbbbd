/** What a copy that is killed, and run again, sends twice: bytes that arrive at a registry, for kills at moments spread over a whole copy. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRegistry } from '../../src/embedded-registry/server.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource } from '../../src/registry/open.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { productCommand } from '../../test/support/project.js';

/** Kills of one image. */
const KILLS = 8;

interface Receiver extends AsyncDisposable {
  readonly host: string;
  /** Bytes that have arrived since it was asked last, headers included. */
  readonly received: () => number;
}

async function startReceiver(root: string): Promise<Receiver> {
  const sockets = new Set<Socket>();
  let told = 0;
  const registry = await startRegistry({
    root,
    intercept: ({ socket }) => {
      sockets.add(socket);
      return false;
    },
  });
  return {
    host: registry.host,
    received: () => {
      const all = [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0);
      const since = all - told;
      told = all;
      return since;
    },
    [Symbol.asyncDispose]: () => registry.close(),
  };
}

/** Copies until the end, or for so many ms. Gives the ms that it took; throws if it ends with an error. */
async function copyFor(from: string, to: string, most?: number): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, [productCommand, 'copy', '--progress', 'none', from, to], {
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  if (most !== undefined) {
    await Promise.race([ended, sleep(most)]);
    child.kill('SIGKILL');
  }
  const [status] = (await ended) as [number | null]; // as the event is documented
  if (most === undefined && status !== 0) throw new Error(`copying ${from} ended with ${status}`);
  return performance.now() - started;
}

/** Markdown: a row for each kill of each image of the layout. */
export async function killedCopies(
  names: readonly string[],
  layout: string,
  folder: string,
  say: (text: string) => void,
): Promise<string> {
  const rows: string[][] = [];
  for (const name of names) {
    const source = `oci:${layout}:${name}`;
    const root = join(folder, 'receiver');
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
    let whole = { ms: 0, bytes: 0 };
    for (let kill = 0; kill <= KILLS; kill++) {
      await using receiver = await startReceiver(root);
      const target = `${receiver.host}/app:v`;
      if (kill === 0) {
        const ms = await copyFor(source, target);
        whole = { ms, bytes: receiver.received() };
      } else {
        await copyFor(source, target, (whole.ms * kill) / (KILLS + 1));
        const before = receiver.received();
        await copyFor(source, target);
        const after = receiver.received();
        await using made = openSource(target, { credentials: anonymous });
        await made.resolve();
        const again = Math.max(0, before + after - whole.bytes);
        const share = ((100 * again) / whole.bytes).toFixed(1);
        rows.push([
          name,
          `${kill} of ${KILLS + 1}`,
          megabytes(before),
          megabytes(after),
          megabytes(again),
          share,
        ]);
        say(`  ${name}, killed at ${kill} of ${KILLS + 1}: ${megabytes(again)} MB sent again`);
      }
      await rm(root, { recursive: true, force: true });
    }
  }
  const head = ['image', 'killed at', 'MB before', 'MB by the second run', 'MB sent again', '% of the image'];
  return markdownTable(head, rows, 'numbers');
}
