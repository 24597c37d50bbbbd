/**
 * Registries of others × clients of others: a client pushes an image, we convert it inside the registry, the client reads what
 * came of it. Digests are compared at every crossing, over the files that the client wrote.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertImage } from '../../../src/convert/convert.js';
import type { IndexMarks } from '../../../src/convert/options.js';
import { startRegistry } from '../../../src/embedded-registry/server.js';
import { collect } from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { parseDocument } from '../../../src/oci/manifest.js';
import { anonymous, type CredentialStore } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import type { ImageSource } from '../../../src/registry/stores/store.js';
import { sampleLayers } from '../faults/fault-lab.js';
import { writeLayout } from '../images/oci-layout.js';
import {
  type RealRegistry,
  startCraneRegistry,
  startDistribution,
  startGuarded,
  startSecureDockerRegistry,
} from '../registries/real-registries.js';
import { startTokenServer } from '../registries/token-server.js';
import { goClient, goProgram, systemTool, type Tool } from './tools.js';
import { runTool } from '../run-tool.js';
import { place } from '../temp-folder.js';

const USER = 'me';
const PASSWORD = 'p4ss:wörd';
/** bcrypt of the password, with the lowest cost there is. */
const HTPASSWD = 'me:$2b$04$zJBfrRuBaaMk5wW6eb/M/.RHljAe0GJUiurQB8QVpPCxni221lZ4.\n';

export interface OpenRegistry extends AsyncDisposable {
  readonly host: string;
  readonly tls: boolean;
  readonly login: boolean;
}

export interface RegistryKind {
  readonly name: string;
  readonly program: () => Promise<Tool>;
  readonly version: (path: string) => Promise<string>;
  readonly start: (path: string) => Promise<OpenRegistry>;
}

const found = (text: string): string => /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0] ?? text.trim();
const versionBy =
  (...args: readonly string[]) =>
  async (path: string): Promise<string> =>
    found((await runTool(path, args)).toString('utf8').replace(/^.*?(?=v?\d+\.\d+)/s, ''));

function opened(
  registry: RealRegistry,
  { tls, login }: { readonly tls: boolean; readonly login: boolean },
): OpenRegistry {
  return { host: registry.host, tls, login, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
}

export const REGISTRIES: readonly RegistryKind[] = [
  {
    name: 'docker-registry, TLS and htpasswd',
    program: async () => systemTool('docker-registry', 'docker-registry'),
    version: versionBy('--version'),
    start: async () => opened(await startSecureDockerRegistry(HTPASSWD), { tls: true, login: true }),
  },
  {
    name: 'distribution v3, bearer tokens',
    program: () => goProgram('registry'),
    version: versionBy('--version'),
    start: async (path) => {
      const users = { [USER]: PASSWORD };
      const guarded = await startGuarded(await startDistribution(path), (realm) =>
        startTokenServer({ users, realm }),
      );
      return opened(guarded, { tls: false, login: true });
    },
  },
  {
    name: 'crane registry serve',
    program: () => goClient('crane'),
    version: versionBy('version'),
    start: async (path) => opened(await startCraneRegistry(path), { tls: false, login: false }),
  },
  {
    name: 'our embedded registry',
    program: async () => ({ path: process.execPath }),
    version: async () => 'this commit',
    start: async () => {
      const root = await mkdtemp(join(tmpdir(), 'registry-'));
      const registry = await startRegistry({ root });
      return {
        host: registry.host,
        tls: false,
        login: false,
        [Symbol.asyncDispose]: async () => {
          await registry.close();
          await rm(root, { recursive: true, force: true });
        },
      };
    },
  },
];

/** A client's command lines for both ways between a registry and an OCI layout. */
interface Client {
  readonly name: string;
  readonly program: () => Promise<Tool>;
  readonly version: (path: string) => Promise<string>;
  readonly push: (registry: OpenRegistry, layout: string, reference: string) => readonly string[];
  readonly pull: (registry: OpenRegistry, reference: string, layout: string) => readonly string[];
  /** How the index is marked that this client is to read; its own default when undefined. */
  readonly indexMarks?: IndexMarks;
}

const TAG = 'made';

export const CLIENTS: readonly Client[] = [
  {
    name: 'skopeo',
    program: async () => systemTool('skopeo', 'skopeo'),
    version: versionBy('--version'),
    push: ({ login }, layout, reference) => [
      ...['copy', '--all', '--preserve-digests', '--dest-tls-verify=false'],
      ...(login ? ['--dest-creds', `${USER}:${PASSWORD}`] : []),
      ...[`oci:${layout}:${TAG}`, `docker://${reference}`],
    ],
    pull: ({ login }, reference, layout) => [
      ...['copy', '--all', '--preserve-digests', '--src-tls-verify=false'],
      ...(login ? ['--src-creds', `${USER}:${PASSWORD}`] : []),
      ...[`docker://${reference}`, `oci:${layout}:${TAG}`],
    ],
    // Debian's 1.9.3 writes an index anew without the artifactType that it does not know.
    indexMarks: 'os-features',
  },
  {
    name: 'crane',
    program: () => goClient('crane'),
    version: versionBy('version'),
    push: (_, layout, reference) => ['push', '--insecure', layout, reference],
    pull: (_, reference, layout) => ['pull', '--insecure', '--format', 'oci', reference, layout],
  },
  {
    name: 'regctl',
    program: () => goClient('regctl'),
    version: versionBy('version', '--format', '{{.VCSTag}}'),
    push: (registry, layout, reference) => [
      'image',
      'copy',
      ...regctlHost(registry),
      `ocidir://${layout}:${TAG}`,
      reference,
    ],
    pull: (registry, reference, layout) => [
      'image',
      'copy',
      ...regctlHost(registry),
      reference,
      `ocidir://${layout}:${TAG}`,
    ],
  },
  {
    name: 'oras',
    program: () => goClient('oras'),
    version: versionBy('version'),
    push: (registry, layout, reference) => [
      'cp',
      ...orasFlags(registry, 'to'),
      '--from-oci-layout',
      `${layout}:${TAG}`,
      reference,
    ],
    pull: (registry, reference, layout) => [
      'cp',
      ...orasFlags(registry, 'from'),
      reference,
      '--to-oci-layout',
      `${layout}:${TAG}`,
    ],
  },
];

function regctlHost({ host, tls, login }: OpenRegistry): string[] {
  const user = login ? `,user=${USER},pass=${PASSWORD}` : '';
  return ['--host', `reg=${host},tls=${tls ? 'insecure' : 'disabled'}${user}`];
}

function orasFlags({ tls, login }: OpenRegistry, side: 'from' | 'to'): string[] {
  const user = login ? [`--${side}-username`, USER, `--${side}-password`, PASSWORD] : [];
  return [tls ? `--${side}-insecure` : `--${side}-plain-http`, ...user];
}

/** The client pushes, we convert, the client pulls. Gives the number of digests compared; throws at the first difference. */
export async function exchange(client: Client, path: string, registry: OpenRegistry): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'interop-'));
  try {
    const layout = join(folder, 'layout');
    const made = await writeLayout(
      layout,
      TAG,
      sampleLayers().map((tar) => ({ tar, compression: 'gzip' as const })),
    );
    const auth = {
      auths: { [registry.host]: { auth: Buffer.from(`${USER}:${PASSWORD}`).toString('base64') } },
    };
    await place(folder, 'config.json', JSON.stringify(registry.login ? auth : {}));
    const env = { DOCKER_CONFIG: folder, HOME: folder, REGCTL_CONFIG: join(folder, 'regctl.json') };
    const pushed = `${registry.host}/pushed/${client.name}:1`;
    const converted = `${registry.host}/converted/${client.name}:1`;
    await runTool(path, client.push(registry, layout, pushed), { env });

    const options = openOptionsFor(registry);
    await using source = openSource(pushed, options);
    const { digest } = await source.resolve();
    if (digest !== made) throw new Error(`${client.name} pushed ${made}, we read ${digest}`);
    const read = await digestsOf(source);
    await using target = openTarget(converted, options);
    const { root } = await convertImage(
      { source, target },
      {
        mergePlatform: true,
        ...(client.indexMarks === undefined ? {} : { indexMarks: client.indexMarks }),
        workDir: join(folder, 'work'),
      },
    );

    const pulled = join(folder, 'pulled');
    await mkdir(pulled);
    await runTool(path, client.pull(registry, converted, pulled), { env });
    await using result = openSource(converted, options);
    const ours = await digestsOf(result);
    if (ours[0] !== root.digest)
      throw new Error(`we pushed ${root.digest}, and read ${ours[0] ?? 'nothing'}`);
    await compareLayout(pulled, ours);
    return read.length + ours.length;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** How this package reaches such a registry. */
export function openOptionsFor({ login: isGuarded, tls }: OpenRegistry): {
  readonly credentials: CredentialStore;
  readonly insecure: boolean;
} {
  return { credentials: isGuarded ? login : anonymous, insecure: tls };
}

const login: CredentialStore = {
  get: async () => ({ username: USER, password: PASSWORD }),
  description: 'the test',
};

/** Everything that an image consists of, read to the end and verified by the reader; the root first. */
async function digestsOf(source: ImageSource): Promise<string[]> {
  const digests: string[] = [];
  const visit = async (descriptor: Descriptor): Promise<void> => {
    if (digests.includes(descriptor.digest)) return;
    digests.push(descriptor.digest);
    const bytes = await collect(source.fetch(descriptor), 1e9, descriptor.digest);
    if (!/manifest|index/.test(descriptor.mediaType)) return;
    const document = parseDocument(bytes, descriptor.mediaType);
    const parts = document.kind === 'index' ? document.manifests : [document.config, ...document.layers];
    for (const part of parts) await visit(part);
  };
  await visit(await source.resolve());
  return digests;
}

/** The layout names the first digest, and holds exactly these, each with bytes of that digest. */
async function compareLayout(layout: string, expected: readonly string[]): Promise<void> {
  const index = await readFile(join(layout, 'index.json'), 'utf8');
  if (!index.includes(expected[0] ?? '-'))
    throw new Error(`the layout does not name ${expected[0] ?? ''}: ${index}`);
  const folder = join(layout, 'blobs', 'sha256');
  const held = new Set<string>();
  for (const name of await readdir(folder)) {
    const actual = createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex');
    if (actual !== name) throw new Error(`the layout's file ${name} has digest ${actual}`);
    held.add(`sha256:${name}`);
  }
  const missing = expected.filter((digest) => !held.has(digest));
  const extra = [...held].filter((digest) => !expected.includes(digest));
  if (missing.length + extra.length > 0)
    throw new Error(
      `the layout lacks ${missing.join(', ') || 'nothing'}, and has besides ${extra.join(', ') || 'nothing'}`,
    );
}
