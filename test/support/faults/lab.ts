/**
 * The laboratory of the fault matrix: one small image in a registry that wants tokens, converted with `--merge-platform` into
 * another one that wants tokens, while a script spoils chosen requests. What came of it is read from the registries' folders,
 * without any code of the client.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertImage } from '../../../src/convert/convert.js';
import { type ContentDigest } from '../../../src/embedded-registry/content-digest.js';
import { type FaultRule, faultScript } from '../../../src/embedded-registry/faults.js';
import { startRegistry } from '../../../src/embedded-registry/server.js';
import { Storage } from '../../../src/embedded-registry/storage.js';
import { anonymous, type CredentialStore } from '../../../src/registry/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { type ConvertEvent } from '../../../src/reporter.js';
import { buildImage, putImage } from '../built-image.js';
import { dir, file, layer, symlink, whiteout } from '../tar.js';
import { startTokenServer } from '../token-server.js';

const USER = 'me';
/** With a colon, a letter beyond ASCII and characters that URLs encode: in whatever way it is written, it must not show. */
export const PASSWORD = 's3cret:pä&ss/w+rd';
export const SOURCE_NAME = 'library/app';
export const TARGET_NAME = 'mirror/app';
const SOURCE_TAG = '1';
export const TARGET_TAG = '1-nydus';

export type Host = 'source' | 'target' | 'tokens';

/** One request as it arrived at one of the three hosts. */
export interface SeenRequest {
  readonly host: Host;
  readonly method: string;
  /** Path and query, upload sessions replaced by `SESSION`, the port of the target's repository left out. */
  readonly path: string;
  readonly status: number;
}

/** A header that reached an origin that is none of the three. */
export interface ForeignHeader {
  readonly host: Host;
  readonly method: string;
  readonly name: string;
  readonly value: string;
}

export interface Experiment {
  readonly rules: Readonly<Partial<Record<Host, readonly FaultRule[]>>>;
}

export interface Observation {
  /** What was thrown; undefined when the conversion succeeded. */
  readonly error: unknown;
  readonly elapsedMs: number;
  readonly events: readonly ConvertEvent[];
  readonly requests: readonly SeenRequest[];
  readonly foreign: readonly ForeignHeader[];
  /** Requests that were struck. */
  readonly struck: number;
  /** Digest that the target's tag points to; undefined without a tag. */
  readonly tagged: string | undefined;
  /** What is missing or wrong below the tag; empty when it is whole. */
  readonly damage: readonly string[];
  /** Files and folders left where the conversion worked. */
  readonly left: readonly string[];
  /** Tokens that were given out. */
  readonly tokens: readonly string[];
}

export interface FaultLab extends AsyncDisposable {
  /** Bytes of the blobs and documents of the source image. */
  readonly config: string;
  run(experiment: Experiment): Promise<Observation>;
}

/** Bytes without a pattern that a compressor would find. */
export function noise(length: number, seed: number): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length }, () => (state = (state * 1_103_515_245 + 12_345) & 0x7fffffff) >> 16),
  );
}

/** Three layers, each with content of its own, so that each becomes a blob. */
export function sampleLayers(scale = 1): Uint8Array[] {
  return [
    layer(
      dir('bin'),
      file('bin/app', noise(20_000 * scale, 1)),
      symlink('bin/sh', 'app'),
      dir('etc'),
      file('etc/old', 'x'),
    ),
    layer(
      dir('lib'),
      file('lib/one.so', noise(9_000 * scale, 2)),
      file('lib/two.so', noise(7_000 * scale, 3)),
    ),
    layer(dir('etc'), whiteout('etc/old'), file('etc/new', noise(5_000 * scale, 4))),
  ];
}

/** What the client is told of waiting, in a laboratory where nothing is ever slow for an honest reason. */
const QUICK = {
  retry: { attempts: 4, baseMs: 5, capMs: 2000 },
  timeouts: { connectMs: 5000, headersMs: 1500, idleMs: 1500 },
};

export async function openFaultLab(): Promise<FaultLab> {
  const root = await mkdtemp(join(tmpdir(), 'nydusify-faults-'));
  const sourceRoot = join(root, 'source');
  const image = buildImage({ layers: sampleLayers() });
  await using seeding = await startRegistry({ root: sourceRoot });
  await using seed = openTarget(`${seeding.host}/${SOURCE_NAME}:${SOURCE_TAG}`, { credentials: anonymous });
  await putImage(seed, image);
  const config =
    image.parts.find(({ descriptor }) => descriptor.mediaType.includes('config'))?.descriptor.digest ?? '';
  let number = 0;
  return {
    config,
    run: async (experiment) => {
      const folder = join(root, `run-${number++}`);
      await mkdir(folder);
      try {
        return await observe(folder, sourceRoot, experiment);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

async function observe(folder: string, sourceRoot: string, { rules }: Experiment): Promise<Observation> {
  const targetRoot = join(folder, 'target');
  const workDir = join(folder, 'work');
  const requests: SeenRequest[] = [];
  const foreign: ForeignHeader[] = [];
  const events: ConvertEvent[] = [];
  const seen =
    (host: Host) =>
    ({
      method,
      path,
      status,
    }: {
      readonly method: string;
      readonly path: string;
      readonly status: number;
    }): void => {
      requests.push({
        host,
        method,
        path: path.replace(/\/uploads\/[0-9a-f-]{36}/, '/uploads/SESSION'),
        status,
      });
    };
  const elsewhere = async (host: Host, root: string): ReturnType<typeof startRegistry> =>
    startRegistry({
      root,
      intercept: ({ method = '', headers }) => {
        for (const [name, value] of Object.entries(headers satisfies IncomingHttpHeaders))
          foreign.push({ host, method, name, value: String(value) });
        return false;
      },
    });
  await using sourceElsewhere = await elsewhere('source', sourceRoot);
  await using targetElsewhere = await elsewhere('target', targetRoot);
  await using tokensElsewhere = await elsewhere('tokens', join(folder, 'none'));
  const tokenScript = faultScript(rules.tokens ?? [], { otherOrigin: tokensElsewhere.url });
  const tokens = await startTokenServer({
    users: { [USER]: PASSWORD },
    intercept: (request, response) => {
      const { method = '', url = '' } = request;
      response.once('close', () => {
        seen('tokens')({ method, path: url, status: response.statusCode });
      });
      return tokenScript.intercept(request, response);
    },
  });
  const challenge = `Bearer realm="${tokens.realm}",service="test-registry",error="invalid_token"`;
  const sourceScript = faultScript(rules.source ?? [], { otherOrigin: sourceElsewhere.url, challenge });
  const targetScript = faultScript(rules.target ?? [], { otherOrigin: targetElsewhere.url, challenge });
  const guarded = async (
    host: Host,
    root: string,
    script: typeof sourceScript,
  ): ReturnType<typeof startRegistry> =>
    startRegistry({
      root,
      observe: seen(host),
      intercept: (request, response) =>
        script.intercept(request, response) || tokens.guard(request, response),
    });
  await using from = await guarded('source', sourceRoot, sourceScript);
  await using to = await guarded('target', targetRoot, targetScript);
  const started = performance.now();
  let error: unknown;
  try {
    const options = { ...QUICK, plainHttp: true, credentials: login(from.host, to.host), workDir };
    await using source = openSource(`${from.host}/${SOURCE_NAME}:${SOURCE_TAG}`, options);
    await using target = openTarget(`${to.host}/${TARGET_NAME}:${TARGET_TAG}`, options);
    await convertImage(
      source,
      target,
      { mergePlatform: true, workDir, sourceReference: 'example.com/library/app:1', threads: 1 },
      { reporter: { emit: (event) => void events.push(event) } },
    );
  } catch (thrown) {
    error = thrown;
  }
  const elapsedMs = performance.now() - started;
  await tokens.close();
  const { tagged, damage } = await inspectTarget(targetRoot, TARGET_NAME, TARGET_TAG);
  return {
    error,
    elapsedMs,
    events,
    requests,
    foreign,
    struck: sourceScript.struck() + targetScript.struck() + tokenScript.struck(),
    tagged,
    damage,
    left: await readdir(workDir, { recursive: true }).catch(() => []),
    tokens: [...tokens.issued],
  };
}

/** Credentials for exactly these hosts, so that a question about any other one shows. */
function login(...hosts: readonly string[]): CredentialStore {
  return {
    get: async (host: string) => (hosts.includes(host) ? { username: USER, password: PASSWORD } : undefined),
    description: 'the fault laboratory',
  };
}

/** Follows a tag through a registry's folder: every digest named must be there, and be that of its bytes. */
export async function inspectTarget(
  root: string,
  repository: string,
  tag: string,
): Promise<{ readonly tagged: string | undefined; readonly damage: readonly string[] }> {
  const storage = new Storage(root);
  const tagged = await storage.tagged(repository, tag);
  const damage: string[] = [];
  const visit = async (digest: ContentDigest, kind: 'manifest' | 'blob'): Promise<void> => {
    const held =
      kind === 'blob'
        ? await storage.holds(repository, digest)
        : (await storage.manifestType(repository, digest)) !== undefined;
    const bytes = held ? await readFile(storage.blobPath(digest)).catch(() => undefined) : undefined;
    if (bytes === undefined) {
      damage.push(`${kind} ${digest} is missing`);
      return;
    }
    if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== digest)
      damage.push(`${kind} ${digest} has other bytes`);
    if (kind === 'blob') return;
    const { manifests = [], config, layers = [] } = JSON.parse(bytes.toString('utf8')) as Named; // as manifests and indexes are
    for (const child of manifests) await visit(child.digest, 'manifest');
    for (const child of config === undefined ? [] : [config, ...layers]) await visit(child.digest, 'blob');
  };
  if (tagged !== undefined) await visit(tagged, 'manifest');
  return { tagged, damage };
}

interface Named {
  readonly manifests?: readonly { readonly digest: ContentDigest }[];
  readonly config?: { readonly digest: ContentDigest };
  readonly layers?: readonly { readonly digest: ContentDigest }[];
}
