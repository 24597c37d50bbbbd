/** versitygw, a server of S3 over a folder. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RealRegistry, startProgram } from '../registries/real-registries.js';
import { KEYS } from './open.js';

export interface VersityGateway extends RealRegistry {
  readonly settings: Readonly<Record<string, string>>;
  /** Objects, and what is left of uploads in parts. */
  names(): Promise<readonly string[]>;
  /** Methods and statuses of all requests so far, by the server's own log. */
  log(): Promise<string>;
}

const BUCKET = 'blobs';

/** `program` is its path. The bucket is empty; everything of it goes away with the server. */
export async function startVersityGateway(program: string): Promise<VersityGateway> {
  const server = await startProgram(program, async (folder, host) => {
    for (const name of [join('root', BUCKET), 'sidecar'])
      await mkdir(join(folder, name), { recursive: true });
    const keys = ['--access', KEYS.id, '--secret', KEYS.secret];
    const log = ['--quiet', '--access-log', join(folder, 'access.log')];
    return [
      ...keys,
      '--port',
      host,
      ...log,
      'posix',
      '--sidecar',
      join(folder, 'sidecar'),
      join(folder, 'root'),
    ];
  });
  const root = join(server.folder, 'root');
  return {
    ...server,
    settings: {
      endpoint: server.host,
      scheme: 'http',
      bucket_name: BUCKET,
      region: 'us-east-1',
      access_key_id: KEYS.id,
      access_key_secret: KEYS.secret,
    },
    names: async () => {
      const found = await readdir(join(root, BUCKET), { recursive: true, withFileTypes: true });
      return found.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
    log: () => readFile(join(server.folder, 'access.log'), 'utf8'),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
