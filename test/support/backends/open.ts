/** Backends over servers of tests. */
import type { TestContext } from 'node:test';
import type { BlobBackend } from '../../../src/backend/backend.js';
import { parseBackendConfig } from '../../../src/backend/config.js';
import { type BackendOptions, openBackend } from '../../../src/backend/open.js';
import { ObjectServer, type ObjectServerOptions } from './object-server.js';

/** Attempts follow one another at once, and small blobs have several parts. */
export const QUICK = {
  retry: { attempts: 4, baseMs: 1, capMs: 2 },
  partBytes: 128 * 1024,
} as const satisfies BackendOptions;

export const KEYS = { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

export interface ServedBackend {
  readonly server: ObjectServer;
  readonly backend: BlobBackend;
  /** A backend of another run, with other settings. */
  readonly another: (changes?: Readonly<Record<string, string>>) => Promise<BlobBackend>;
}

/** A server in memory, and a backend on it; both end with the test. */
export async function servedBackend(
  t: TestContext,
  options: Partial<ObjectServerOptions> & Pick<ObjectServerOptions, 'dialect'>,
  prefix = '',
): Promise<ServedBackend> {
  const server = await ObjectServer.start({ bucket: 'blobs', keys: KEYS, ...options });
  const opened: AsyncDisposable[] = [];
  t.after(async () => {
    for (const one of [...opened, server]) await one[Symbol.asyncDispose]();
  });
  const another = async (changes: Readonly<Record<string, string>> = {}): Promise<BlobBackend> => {
    const json = JSON.stringify({ ...server.settings(prefix), ...changes });
    const backend = await openBackend(parseBackendConfig(options.dialect, json), QUICK);
    opened.push(backend);
    return backend;
  };
  return { server, backend: await another(), another };
}
