/** Runs the built command as a process, and starts embedded registries for it. */
import { spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import type { ObservedRequest } from '../../src/embedded-registry/server.js';
import { collect } from '../../src/io/streams.js';
import { type Index, type Manifest, parseDocument } from '../../src/oci/manifest.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { type BuiltImage, putImage } from './images/image-builder.js';
import { observedRegistry, type ObservedRegistry } from './registries/observed-registry.js';
import { productCommand } from './project.js';

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; nothing by default. */
  readonly input?: string;
  /** Called with every piece of stderr; may send signals. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

export async function nydusify(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [productCommand, ...args], {
    cwd: options.cwd,
    // Nothing of the machine's own configuration takes part.
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => undefined).end(options.input);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr?.on('data', (data: Buffer) => {
    stderr += data.toString();
    options.onStderr?.(stderr, (signal) => child.kill(signal));
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { status, stdout, stderr };
}

export interface TestRegistry {
  readonly host: string;
  readonly requests: readonly ObservedRequest[];
  readonly put: (name: string, image: BuiltImage) => Promise<string>;
  readonly get: (location: string) => Promise<StoredRoot>;
  readonly hasTag: (location: string) => Promise<boolean>;
}

export interface StoredRoot {
  readonly digest: string;
  readonly document: Manifest | Index;
  readonly bytes: Buffer;
}

/** Starts the embedded registry for one test. */
export async function registry(
  t: TestContext,
  { intercept }: { readonly intercept?: ObservedRegistry['intercept'] } = {},
): Promise<TestRegistry> {
  const running = await observedRegistry(t, intercept);
  const open = { credentials: anonymous };
  return {
    host: running.host,
    requests: running.seen,
    put: async (name, image) => {
      const location = `${running.host}/${name}`;
      await using target = openTarget(location, open);
      await putImage(target, image);
      return location;
    },
    get: async (location) => {
      await using source = openSource(location, open);
      const descriptor = await source.resolve();
      const bytes = await collect(source.fetch(descriptor), 1e8, location);
      return { digest: descriptor.digest, document: parseDocument(bytes, descriptor.mediaType), bytes };
    },
    hasTag: async (location) => {
      await using target = openTarget(location, open);
      return (await target.resolve()) !== undefined;
    },
  };
}
