/**
 * The replays of `detect.ts` and the choices of `client-platforms.ts` against the code that they replay: nydus-snapshotter's
 * detection, containerd's and go-containerregistry's choice, each built from the real modules, and skopeo.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import {
  containerdChoice,
  craneChoice,
  orasChoice,
  podmanChoice,
  type PlatformMatcher,
  regctlChoice,
} from '../../src/check/client-platforms.js';
import { checkImage } from '../../src/check/check.js';
import { clientsTable, MARKS } from '../../tools/docs/clients.js';
import { detectAlternative, Detector, type Detection } from '../../src/check/detect.js';
import type { GoPlatform } from '../../src/check/go-json.js';
import type { IndexMarks } from '../../src/convert/options.js';
import { parseDigest, sha256 } from '../../src/oci/digest.js';
import { parsePlatform } from '../../src/oci/platform.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource } from '../../src/registry/open.js';
import { converted, DOCKER, putImage, OCI, sourceImage } from '../support/images/memory-conversion.js';
import { CaseBuilder, indexCases, type IndexCase } from '../support/images/index-cases.js';
import { needs } from '../support/needs.js';
import {
  type RawRegistry,
  type RawRepository,
  startRawRegistry,
} from '../support/registries/raw-registry.js';
import { file, layer } from '../support/images/tar.js';
import { goClient, pathOrSkip, snapshotterTool } from '../support/references/tools.js';
import { runTool, tryRun } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { projectRoot } from '../support/project.js';

const MATCHERS: readonly (readonly [PlatformMatcher, 'released' | 'next'])[] = [
  ['legacy', 'released'],
  ['subset', 'next'],
];

let cases: readonly IndexCase[] = [];
let registry: RawRegistry;
const repositories = new Map<string, RawRepository>();

before(async () => {
  cases = [...(await ownIndexes()), ...indexCases()];
  for (const [number, { repository }] of cases.entries()) repositories.set(`case/${number}`, repository);
  registry = await startRawRegistry(repositories);
});
after(async () => {
  await registry[Symbol.asyncDispose]();
});

/** The indexes that our conversions write. */
async function ownIndexes(): Promise<IndexCase[]> {
  const tars = [layer(file('etc/motd', 'hello')), layer(file('etc/more', 'more'))];
  const source = sourceImage(tars);
  const own: IndexCase[] = [];
  const add = (title: string, store: MemoryStore, platform = 'linux/amd64'): void => {
    const { repository, entries } = repositoryOf(store);
    const [, architecture] = platform.split('/');
    const chosen = entries.find((entry) => entry.platform.architecture === architecture) ?? store.root;
    assert.ok(chosen);
    own.push({ title, repository, mode: 'index', platform, manifest: chosen.digest });
  };
  const several = new MemoryStore('memory.test/several:1');
  const platforms = ['amd64', 'arm64'].map((architecture) => ({
    ...putImage(several, tars, { family: OCI, architecture }),
    platform: { os: 'linux', architecture },
  }));
  several.root = several.putJson('application/vnd.oci.image.index.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: platforms,
  });
  for (const indexMarks of ['both', 'artifact-type', 'os-features', 'dual'] satisfies IndexMarks[]) {
    add(`ours: ${indexMarks}`, await converted(source, { mergePlatform: true, indexMarks }));
    const both = await converted(several, { mergePlatform: true, indexMarks });
    add(`ours: ${indexMarks}, two platforms, amd64`, both);
    add(`ours: ${indexMarks}, two platforms, arm64`, both, 'linux/arm64');
  }
  const merged = { mergePlatform: true } as const;
  add('ours: without isolation', await converted(source, { ...merged, mergeIsolation: 'none' }));
  add('ours: of a Docker image', await converted(sourceImage(tars, { family: DOCKER }), merged));
  add('ours: converted twice', await converted(await converted(source, merged), merged));
  add('ours: not merged', await converted(source));
  return own;
}

interface Entry {
  readonly digest: string;
  readonly platform: { readonly architecture: string };
}

function repositoryOf(store: MemoryStore): {
  readonly repository: RawRepository;
  readonly entries: readonly Entry[];
} {
  const builder = new CaseBuilder();
  for (const [digest, bytes] of store.content) {
    builder.blobs.set(digest, bytes);
    const text = Buffer.from(bytes).toString('utf8');
    if (!text.startsWith('{') || !text.includes('"schemaVersion"')) continue;
    const { mediaType } = JSON.parse(text) as { mediaType: string }; // all that convert and the lab write say so
    builder.manifests.set(digest, { mediaType, bytes });
  }
  assert.ok(store.root);
  const root = builder.manifests.get(store.root.digest);
  assert.ok(root);
  builder.manifests.set('1', root);
  const { manifests = [] } = JSON.parse(Buffer.from(root.bytes).toString('utf8')) as { manifests?: Entry[] };
  return { repository: builder, entries: manifests };
}

function refOf(number: number): string {
  return `${registry.host}/case/${number}:1`;
}

interface Answer {
  readonly found: boolean;
  readonly layer?: { readonly digest: string };
  readonly digest?: string;
  readonly reason?: string;
  readonly panicked?: boolean;
}

/** The judges' answers, in the order of the questions; undefined when the test was skipped. */
async function ask(
  t: TestContext,
  build: 'released' | 'next',
  questions: readonly unknown[],
): Promise<readonly Answer[] | undefined> {
  const path = pathOrSkip(t, await snapshotterTool(build));
  if (path === undefined) return undefined;
  const input = questions.map((question) => `${JSON.stringify(question)}\n`).join('');
  const lines = (await runTool(path, [], { input })).toString('utf8').trim().split('\n');
  assert.equal(lines.length, questions.length);
  return lines.map((line) => JSON.parse(line) as Answer); // printed by main.go
}

/** By what the Go code says, the step at which it ended. */
const REASONS: readonly (readonly [pattern: RegExp, step: string])[] = [
  [/resolve reference/, 'resolve reference'],
  [/(?:fetch|read|unmarshal) index manifest/, 'read index'],
  [/original manifest .* not found/, 'find manifest in index'],
  [/no nydus alternative/, 'find alternative'],
  [/fetch referrers: could not|empty referrer list/, 'list referrers'],
  [/fetch nydus image manifest|(?:read|unmarshal) manifest/, 'read alternative'],
  [/invalid (?:nydus )?manifest/, 'find bootstrap'],
];

function answerText(answer: Answer): string {
  if (answer.panicked === true) return 'panics';
  if (answer.found) return `finds ${(answer.layer?.digest ?? '').slice(7, 19)}`;
  const step = REASONS.find(([pattern]) => pattern.test(answer.reason ?? ''))?.[1];
  return `ends: ${step ?? answer.reason ?? ''}`;
}

function replayText({ outcome, bootstrap, steps }: Detection): string {
  if (outcome === 'panic') return 'panics';
  if (outcome === 'found') return `finds ${(bootstrap?.digest ?? '').slice(7, 19)}`;
  return `ends: ${steps.at(-1)?.step ?? ''}`;
}

for (const [matcher, build] of MATCHERS) {
  test(`nydus-snapshotter (${build}) and the replay with the ${matcher} matcher agree on every index`, async (t) => {
    const questions = cases.map(({ mode, manifest }, i) => ({
      judge: mode,
      ref: refOf(i),
      digest: manifest,
    }));
    const answers = await ask(t, build, questions);
    if (answers === undefined) return;
    const rows: string[] = [];
    let agreed = 0;
    for (const [number, { title, mode, manifest }] of cases.entries()) {
      await using source = openSource(refOf(number), { credentials: anonymous });
      const replay = await detectAlternative(source, parseDigest(manifest), { mode, matcher });
      const [ours, theirs] = [replayText(replay), answerText(answers[number] ?? { found: false })];
      if (ours === theirs) agreed++;
      const verdict = ours === theirs ? ours : `DIFFER: ours ${ours}, theirs ${theirs}`;
      rows.push(`${title.padEnd(86)}${verdict}`);
    }
    for (const row of [`${agreed} of ${cases.length} answers agree`, ...rows]) t.diagnostic(row);
    assert.ok(cases.length >= 30);
    assert.deepEqual(
      rows.filter((row) => row.includes('DIFFER')),
      [],
    );
  });
}

function goPlatform(text: string): GoPlatform {
  const { os, architecture, variant = '' } = parsePlatform(text);
  return { os, architecture, variant, osVersion: '', osFeatures: [] };
}

/** Indexes that are one: what is no index at all is refused by each client in its own way. */
async function choosable(): Promise<{ number: number; platform: string; detector: Detector }[]> {
  const found = [];
  for (const [number, { platform }] of cases.entries()) {
    const detector = new Detector(openSource(refOf(number), { credentials: anonymous }));
    const entries = await detector.entries();
    if (entries !== undefined && entries.length > 0) found.push({ number, platform, detector });
  }
  return found;
}

for (const [matcher, build] of MATCHERS) {
  test(`containerd with the ${matcher} matcher takes the entry that the clients table names for it`, async (t) => {
    const indexes = await choosable();
    const questions = indexes.map(({ number, platform }) => ({
      judge: 'containerd',
      ref: refOf(number),
      platform,
    }));
    const answers = await ask(t, build, questions);
    if (answers === undefined) return;
    const differ: string[] = [];
    for (const [i, { number, platform, detector }] of indexes.entries()) {
      const chosen = containerdChoice((await detector.entries()) ?? [], goPlatform(platform), matcher);
      const answer = answers[i];
      // The client reports an unreadable manifest after its choice.
      const unread =
        answer?.digest === undefined &&
        /MANIFEST|Not Found|mediaType|unexpected media type|config/.test(answer?.reason ?? '');
      if (answer?.digest !== chosen?.digest && !unread)
        differ.push(
          `${cases[number]?.title ?? ''}: ${answer?.digest ?? answer?.reason ?? ''}, not ${chosen?.digest ?? 'nothing'}`,
        );
    }
    t.diagnostic(`${indexes.length - differ.length} of ${indexes.length} choices agree`);
    assert.deepEqual(differ, []);
  });
}

test('go-containerregistry takes the entry that the clients table names for crane', async (t) => {
  // It refuses an index for any digest that is none.
  const indexes = (await choosable()).filter(({ number }) => cases[number]?.title !== 'its digest is none');
  const questions = indexes.map(({ number, platform }) => ({ judge: 'crane', ref: refOf(number), platform }));
  const answers = await ask(t, 'released', questions);
  if (answers === undefined) return;
  const differ: string[] = [];
  for (const [i, { number, platform, detector }] of indexes.entries()) {
    const chosen = craneChoice((await detector.entries()) ?? [], goPlatform(platform));
    const answer = answers[i];
    if (answer?.digest !== chosen?.digest)
      differ.push(
        `${cases[number]?.title ?? ''}: ${answer?.digest ?? answer?.reason ?? ''}, not ${chosen?.digest ?? 'nothing'}`,
      );
  }
  t.diagnostic(`${indexes.length - differ.length} of ${indexes.length} choices agree`);
  assert.deepEqual(differ, []);
});

/** Commands that say which manifest they take out of an index. */
const COPIERS = {
  regctl: {
    choose: regctlChoice,
    command: (ref: string, platform: string) => [
      ...['--host', `reg=${registry.host},tls=disabled`],
      ...['manifest', 'head', '--platform', platform, ref],
    ],
  },
  oras: {
    choose: orasChoice,
    command: (ref: string, platform: string) => [
      ...['manifest', 'fetch', '--plain-http', '--descriptor', '--platform', platform, ref],
    ],
  },
} as const;

for (const [name, { choose, command }] of Object.entries(COPIERS)) {
  test(`${name} takes the entry that the replay of it takes`, async (t) => {
    const path = pathOrSkip(t, await goClient(name as keyof typeof COPIERS));
    if (path === undefined) return;
    const env = { HOME: await tempFolder(t) };
    const differ: string[] = [];
    let compared = 0;
    for (const { number, platform, detector } of await choosable()) {
      const title = cases[number]?.title ?? '';
      const chosen = choose((await detector.entries()) ?? [], goPlatform(platform))?.digest;
      const { status, stdout, stderr } = await tryRun(path, command(refOf(number), platform), { env });
      const answer = status === 0 ? /sha256:[0-9a-f]{64}/.exec(stdout.toString('utf8'))?.[0] : undefined;
      // An index or manifest that the client does not accept is refused before or after the choice.
      if (status !== 0 && !/not ?found|no matching manifest/i.test(stderr)) continue;
      compared++;
      if (answer !== chosen) differ.push(`${title}: ${answer ?? stderr}, not ${chosen ?? 'nothing'}`);
    }
    t.diagnostic(`${compared - differ.length} of ${compared} choices agree`);
    assert.ok(compared >= 30);
    assert.deepEqual(differ, []);
  });
}

test('docs/clients.md has the tables of what we really write', async () => {
  const page = await readFile(join(projectRoot, 'docs', 'clients.md'), 'utf8');
  for (const indexMarks of MARKS) {
    const source = sourceImage([layer(file('etc/motd', 'hello'))]);
    const store = await converted(source, { mergePlatform: true, indexMarks });
    const { clients = [] } = await checkImage({ target: store }, { clients: true });
    const [table] = clients;
    assert.ok(table);
    assert.ok(page.includes(`\n\n${clientsTable(table.clients)}\n`), `--index-marks ${indexMarks}`);
  }
});

test('skopeo copies the entry that the clients table names for podman and its kin', async (t) => {
  if (!needs(t, 'skopeo')) return;
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-skopeo-'));
  try {
    let compared = 0;
    for (const { number, platform, detector } of await choosable()) {
      const title = cases[number]?.title ?? '';
      if (!/^ours|acceleration-service|one platform|are two|comes first/.test(title)) continue;
      const { os, architecture, variant = '' } = parsePlatform(platform);
      const chosen = podmanChoice((await detector.entries()) ?? [], goPlatform(platform));
      const to = join(folder, String(number));
      const which = ['--override-os', os, '--override-arch', architecture];
      if (variant !== '') which.push('--override-variant', variant);
      await runTool('skopeo', [
        ...which,
        'copy',
        '--src-tls-verify=false',
        `docker://${refOf(number)}`,
        `dir:${to}`,
      ]);
      assert.equal(sha256(await readFile(join(to, 'manifest.json'))), chosen?.digest, title);
      compared++;
    }
    t.diagnostic(`${compared} choices agree`);
    assert.ok(compared >= 15);
  } finally {
    await rm(folder, { recursive: true });
  }
});
