/**
 * The laboratory of the fault matrix: one small image in a registry that wants tokens, converted with `--merge-platform` into
 * another one that wants tokens, while a script spoils chosen requests. What came of it is read from the registries' folders,
 * without any code of the client.
 */
import { cp, mkdir, mkdtemp, readdir } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONVERT_FLAGS } from '../../../src/cli/flags/convert.js';
import { asNydusError, renderError } from '../../../src/cli/text/errors.js';
import { jsonLines, plainLines } from '../../../src/cli/text/progress.js';
import { convertImage } from '../../../src/convert/convert.js';
import { type FaultRule, faultScript } from '../../../src/embedded-registry/faults.js';
import { startRegistry } from '../../../src/embedded-registry/server.js';
import { anonymous, type CredentialStore } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import type { ConvertEvent } from '../../../src/reporter.js';
import { type BuiltImage, buildImage, putImage } from '../images/image-builder.js';
import { noise as incompressible } from '../images/opaque-image.js';
import { dir, file, layer, symlink, whiteout } from '../images/tar.js';
import { startTokenServer } from '../registries/token-server.js';
import { removeFolder } from '../temp-folder.js';
import { listReferrers } from '../../../src/registry/stores/store.js';
import { parseLocation } from '../../../src/registry/location.js';
import { isOfNydus, runScenario, type Scenario } from './fault-runs.js';
import { inspectTarget } from './inspect-target.js';
import { hideSubject, LARGE, moveLocation, sendWithPause } from './odd-answers.js';

const USER = 'me';
/** With a colon, a letter beyond ASCII and characters that URLs encode: in whatever way it is written, it must not show. */
export const PASSWORD = 's3cret:pä&ss/w+rd';
export const SOURCE_NAME = 'library/app';
export const TARGET_NAME = 'mirror/app';
const SOURCE_TAG = '1';
/** The tag of the original, where the source is a Nydus image. */
const ORIGINAL_TAG = '0';
export const TARGET_TAG = '1-nydus';

export type Host = 'source' | 'target' | 'tokens';

/** The repository of the build cache, and the one that its blobs were made in. */
export const CACHE_NAME = 'caches/app';
const CACHE_TAG = '1';
const EARLIER_NAME = 'earlier/app';

/** Bytes, of `chunks`: some for each blob. */
const CHUNK_BYTES = 16_000;
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
  /** The answer that led the client there. */
  readonly way: 'redirect' | 'upload location';
  readonly method: string;
  readonly name: string;
  readonly value: string;
}

export interface Experiment {
  readonly rules: Readonly<Partial<Record<Host, readonly FaultRule[]>>>;
}

export interface Observation {
  /** The error; undefined when the conversion succeeded. */
  readonly error: unknown;
  readonly elapsedMs: number;
  readonly events: readonly ConvertEvent[];
  /** The lines that `--log-file` would hold, with both forms of progress, and the error as `--debug` shows it. */
  readonly log: string;
  readonly requests: readonly SeenRequest[];
  readonly foreign: readonly ForeignHeader[];
  /** Requests that were struck. */
  readonly struck: number;
  /** Digest that the target's tag pointed to before the run; undefined without a tag. */
  readonly before: string | undefined;
  /** Digest that the target's tag points to; undefined without a tag. */
  readonly tagged: string | undefined;
  /** Parts below the tag that are missing or wrong. */
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

/** Bytes without a short pattern; enough for the small files here. */
function noise(length: number, seed: number): Buffer {
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

/** The client's limits on waiting, short because nothing in the laboratory is slow except by a fault. */
const QUICK = {
  retry: { attempts: 4, baseMs: 5, capMs: 2000 },
  timeouts: { connectMs: 5000, answerMs: 1500, headersMs: 1500, idleMs: 1500 },
};

export async function openFaultLab(scenario: Scenario = 'usual'): Promise<FaultLab> {
  const root = await mkdtemp(join(tmpdir(), 'nydusify-faults-'));
  const sourceRoot = join(root, 'source');
  const layers =
    scenario === 'large' ? [layer(file('large', incompressible(LARGE.bytes, 9)))] : sampleLayers();
  const image = buildImage({ layers });
  await using seeding = await startRegistry({ root: sourceRoot });
  const at = (tag: string): string => `${seeding.host}/${SOURCE_NAME}:${tag}`;
  await using seed = openTarget(at(isOfNydus(scenario) ? ORIGINAL_TAG : SOURCE_TAG), {
    credentials: anonymous,
  });
  await putImage(seed, image);
  const parts = isOfNydus(scenario) ? await seedNydus(at) : image.parts.map(({ descriptor }) => descriptor);
  const config = parts.find(({ mediaType }) => mediaType.includes('config'))?.digest ?? '';
  const targetSeed = join(root, 'target');
  if (scenario === 'cached') await fillCache(targetSeed, layers.slice(0, 2));
  if (scenario === 'join') await putAtTarget(targetSeed, image);
  let number = 0;
  return {
    config,
    run: async (experiment) => {
      const folder = join(root, `run-${number++}`);
      await mkdir(folder);
      try {
        const isSeeded = scenario === 'cached' || scenario === 'join';
        const seeded = { source: sourceRoot, target: isSeeded ? targetSeed : undefined };
        return await observe(folder, seeded, scenario, experiment);
      } finally {
        await removeFolder(folder);
      }
    },
    [Symbol.asyncDispose]: () => removeFolder(root),
  };
}

/** Converts an image of these layers into the registry in `root`, with a build cache. */
async function fillCache(root: string, layers: readonly Uint8Array[]): Promise<void> {
  await using registry = await startRegistry({ root });
  const open = { credentials: anonymous };
  await using made = openTarget(`${registry.host}/${EARLIER_NAME}:1`, open);
  await putImage(made, buildImage({ layers }));
  await using source = openSource(`${registry.host}/${EARLIER_NAME}:1`, open);
  await using target = openTarget(`${registry.host}/${EARLIER_NAME}:1-nydus`, open);
  await using store = openTarget(`${registry.host}/${CACHE_NAME}:${CACHE_TAG}`, open);
  await convertImage({ source, target, cache: { store } }, { threads: 1 });
}

/** Puts the image under the target's tag in the registry in `root`. */
async function putAtTarget(root: string, image: BuiltImage): Promise<void> {
  await using registry = await startRegistry({ root });
  await using target = openTarget(`${registry.host}/${TARGET_NAME}:${TARGET_TAG}`, {
    credentials: anonymous,
  });
  await putImage(target, image);
}

/** Puts the Nydus image beside its original; returns its config. */
async function seedNydus(at: (tag: string) => string): Promise<readonly Descriptor[]> {
  await using source = openSource(at(ORIGINAL_TAG), { credentials: anonymous });
  await using target = openTarget(at(SOURCE_TAG), { credentials: anonymous });
  // The image is the same whatever the port is.
  const sourceLocation = parseLocation(`example.com/${SOURCE_NAME}:${ORIGINAL_TAG}`);
  const { images } = await convertImage({ source, target }, { threads: 1, sourceLocation });
  return images.map(({ config }) => config);
}

async function observe(
  folder: string,
  seeded: { readonly source: string; readonly target: string | undefined },
  scenario: Scenario,
  { rules }: Experiment,
): Promise<Observation> {
  const targetRoot = join(folder, 'target');
  const sourceRoot = scenario === 'mount' ? targetRoot : seeded.source;
  const held = scenario === 'mount' ? seeded.source : seeded.target;
  if (held !== undefined) await cp(held, targetRoot, { recursive: true });
  const before = await inspectTarget(targetRoot, TARGET_NAME, TARGET_TAG);
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
  const note = (host: Host, way: ForeignHeader['way'], { method = '', headers }: IncomingMessage): void => {
    for (const [name, value] of Object.entries(headers satisfies IncomingHttpHeaders))
      foreign.push({ host, way, method, name, value: String(value) });
  };
  const elsewhere = async (host: Host, root: string): ReturnType<typeof startRegistry> =>
    startRegistry({
      root,
      intercept: (request) => {
        note(host, 'redirect', request);
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
  const uploadScript = faultScript(rules.target ?? [], { otherOrigin: targetElsewhere.url, challenge });
  await using uploads = await startRegistry({
    root: targetRoot,
    observe: seen('target'),
    intercept: (request, response) => {
      note('target', 'upload location', request);
      return uploadScript.intercept(request, response);
    },
  });
  const guarded = async (
    hostOf: (path: string) => 'source' | 'target',
    root: string,
  ): ReturnType<typeof startRegistry> =>
    startRegistry({
      root,
      observe: (request) => {
        seen(hostOf(request.path))(request);
      },
      intercept: (request, response) => {
        const script = hostOf(request.url ?? '') === 'source' ? sourceScript : targetScript;
        if (scenario === 'elsewhere') moveLocation(response, uploads.url);
        if (scenario === 'referrer') hideSubject(response);
        if (script.intercept(request, response) || tokens.guard(request, response)) return true;
        return scenario === 'large' && sendWithPause(request, response, root);
      },
    });
  const isTarget = (path: string): boolean => path.startsWith(`/v2/${TARGET_NAME}/`);
  await using to = await guarded(
    (path) => (scenario !== 'mount' || isTarget(path) ? 'target' : 'source'),
    targetRoot,
  );
  await using apart = scenario === 'mount' ? undefined : await guarded(() => 'source', sourceRoot);
  const from = apart ?? to;
  let log = '';
  const logFile = { write: (text: string) => (log += text) };
  const writers = [plainLines(logFile, () => performance.now()), jsonLines(logFile)];
  const emit = (event: ConvertEvent): void => {
    events.push(event);
    for (const writer of writers) writer.emit(event);
  };
  const started = performance.now();
  let error: unknown;
  const unlisted: string[] = [];
  try {
    const options = { ...QUICK, plainHttp: true, credentials: login(from.host, to.host), workDir };
    await using source = openSource(`${from.host}/${SOURCE_NAME}:${SOURCE_TAG}`, options);
    await using target = openTarget(`${to.host}/${TARGET_NAME}:${TARGET_TAG}`, {
      ...options,
      chunkSize: scenario === 'chunks' ? CHUNK_BYTES : undefined,
    });
    await using store =
      scenario === 'cached' ? openTarget(`${to.host}/${CACHE_NAME}:${CACHE_TAG}`, options) : undefined;
    await runScenario(scenario, {
      source,
      target,
      store,
      workDir,
      openOriginal: (location) => openSource(location, options),
      call: { reporter: { emit } },
    });
    if (scenario === 'referrer') {
      const list = await listReferrers(target, (await source.resolve()).digest);
      if (list.referrers.length !== 1) unlisted.push(`${list.referrers.length} referrers are listed`);
    }
  } catch (thrown) {
    error = thrown;
    logFile.write(
      renderError(
        asNydusError(thrown),
        { verbose: true, debug: true },
        { name: 'convert', flags: CONVERT_FLAGS },
      ),
    );
  }
  const elapsedMs = performance.now() - started;
  await tokens.close();
  const { tagged, damage } = await inspectTarget(targetRoot, TARGET_NAME, TARGET_TAG, {
    hasSubject: scenario === 'referring',
  });
  // Whatever becomes of a run, the cache is whole.
  const cache = scenario === 'cached' ? (await inspectTarget(targetRoot, CACHE_NAME, CACHE_TAG)).damage : [];
  return {
    error,
    elapsedMs,
    events,
    log,
    requests,
    foreign,
    struck: [sourceScript, targetScript, uploadScript, tokenScript].reduce(
      (sum, each) => sum + each.struck(),
      0,
    ),
    before: before.tagged,
    tagged,
    damage: [...damage, ...cache, ...unlisted],
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
