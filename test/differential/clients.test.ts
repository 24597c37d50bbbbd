/**
 * The rows of docs/clients.md put to the clients themselves: each pulls what `convert --merge-platform` writes out of a real
 * registry, and must take the image, and run or refuse it, as its row says. Docker is modelled; detection.test.ts holds
 * nydus-snapshotter's code to its rows.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import type { Client, ClientVerdict } from '../../src/check/clients.js';
import { convertImage } from '../../src/convert/convert.js';
import { sha256 } from '../../src/oci/digest.js';
import { parseConfig, parseManifest } from '../../src/oci/manifest.js';
import { allPlatforms } from '../../src/oci/platform.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { writeLayout } from '../support/images/oci-layout.js';
import { file, layer } from '../support/images/tar.js';
import { missing, needs } from '../support/needs.js';
import { startContainerd } from '../support/references/containerd.js';
import { goClient, pathOrSkip } from '../support/references/tools.js';
import { type RealRegistry, startDockerRegistry } from '../support/registries/real-registries.js';
import { runTool, tryRun } from '../support/run-tool.js';
import { tempFolder } from '../support/temp-folder.js';
import { MARKS } from '../../tools/docs/clients.js';

const PLATFORM = 'linux/amd64';
/** All results of converting an image: each way of marking a merged index, and a Nydus image alone. */
const WAYS = [...MARKS, 'not merged'] as const;
type Way = (typeof WAYS)[number];

interface Converted {
  readonly reference: string;
  readonly verdicts: readonly ClientVerdict[];
  /** The diffIDs of each image of the reference, by the digest of its manifest. */
  readonly diffIds: ReadonlyMap<string, readonly string[]>;
}

let registry: RealRegistry | undefined;
const images = new Map<Way, Converted>();

before(async () => {
  if (missing('docker-registry') !== undefined) return;
  registry = await startDockerRegistry();
  const folder = join(registry.folder, 'source');
  const tars = [layer(file('etc/motd', 'hello')), layer(file('etc/more', 'more'))];
  await writeLayout(
    folder,
    'app',
    tars.map((tar) => ({ tar, compression: 'gzip' as const })),
  );
  for (const way of WAYS)
    images.set(way, await convertedTo(`${registry.host}/app/${way.replace(' ', '-')}:1`, folder, way));
});
after(async () => {
  await registry?.[Symbol.asyncDispose]();
});

async function convertedTo(reference: string, folder: string, way: Way): Promise<Converted> {
  await using source = openSource(`oci:${folder}:app`);
  await using target = openTarget(reference, { plainHttp: true });
  const options = way === 'not merged' ? {} : { mergePlatform: true, indexMarks: way };
  await convertImage({ source, target }, { platforms: allPlatforms, ...options });
  await using result = openSource(reference, { plainHttp: true });
  const { clients = [], platforms } = await checkImage({ target: result }, { clients: true });
  const read = async (digest: string, kind: 'manifests' | 'blobs'): Promise<Buffer> => {
    const [host, path = ''] = reference.split(/\/(.*):/);
    const accept = 'application/vnd.oci.image.manifest.v1+json';
    const answer = await fetch(`http://${host}/v2/${path}/${kind}/${digest}`, { headers: { accept } });
    return Buffer.from(await answer.arrayBuffer());
  };
  const diffIds = new Map<string, readonly string[]>();
  for (const digest of platforms.flatMap(({ nydus, oci }) => [nydus, ...(oci === undefined ? [] : [oci])])) {
    const { config } = parseManifest(await read(digest, 'manifests'));
    diffIds.set(digest, parseConfig(await read(config.digest, 'blobs')).diffIds);
  }
  return { reference, verdicts: clients.flatMap((table) => table.clients), diffIds };
}

/** The rows of a client; those of containerd differ by version, and the first is that of Debian's. */
function rowOf({ verdicts }: Converted, client: Client): ClientVerdict {
  return verdicts.find((verdict) => verdict.client === client) ?? assert.fail(`no row of ${client}`);
}

/** True if the registry is there; otherwise the test was marked as skipped. */
function canAsk(t: TestContext, ...requirements: readonly string[]): boolean {
  return needs(t, 'docker-registry', ...requirements);
}

/** Programs that only copy: each says which manifest it takes. */
const COPIERS: Readonly<
  Record<'crane' | 'regctl' | 'oras', (reference: string, host: string) => readonly string[]>
> = {
  crane: (reference) => ['digest', '--insecure', '--full-ref', '--platform', PLATFORM, reference],
  regctl: (reference, host) => [
    ...['--host', `reg=${host},tls=disabled`],
    ...['manifest', 'head', '--platform', PLATFORM, reference],
  ],
  oras: (reference) => [
    ...['manifest', 'fetch', '--plain-http', '--descriptor', '--platform', PLATFORM, reference],
  ],
};

for (const name of ['crane', 'regctl', 'oras'] as const) {
  test(`${name} takes what its row says`, async (t) => {
    const path = pathOrSkip(t, await goClient(name));
    if (path === undefined || !canAsk(t)) return;
    const env = { HOME: await tempFolder(t) };
    for (const [way, converted] of images) {
      const output = await runTool(path, COPIERS[name](converted.reference, registry?.host ?? ''), { env });
      const digest = /sha256:[0-9a-f]{64}/.exec(output.toString('utf8'))?.[0];
      assert.equal(digest, rowOf(converted, name).picks?.digest, way);
    }
  });
}

test('skopeo copies what its row says', async (t) => {
  if (!canAsk(t, 'skopeo')) return;
  const folder = await tempFolder(t);
  for (const [way, converted] of images) {
    const to = join(folder, way);
    await runTool('skopeo', [
      'copy',
      '--src-tls-verify=false',
      `docker://${converted.reference}`,
      `dir:${to}`,
    ]);
    const digest = sha256(await readFile(join(to, 'manifest.json')));
    assert.equal(digest, rowOf(converted, 'skopeo').picks?.digest, way);
  }
});

test('podman pulls what its row says, and refuses a Nydus image alone', async (t) => {
  if (!canAsk(t, 'podman', 'root')) return;
  const folder = await tempFolder(t);
  const own = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
  for (const [way, converted] of images) {
    const row = rowOf(converted, 'podman');
    const pulled = await tryRun('podman', [...own, 'pull', '-q', '--tls-verify=false', converted.reference]);
    assert.equal(pulled.status === 0 ? 'unpacked' : 'fails', row.outcome, `${way}: ${pulled.stderr}`);
    if (pulled.status !== 0) continue;
    const [found] = JSON.parse(
      (await runTool('podman', [...own, 'image', 'inspect', converted.reference])).toString('utf8'),
    ) as {
      readonly RepoDigests: readonly string[];
      readonly RootFS: { readonly Layers: readonly string[] };
    }[];
    assert.ok(
      found?.RepoDigests.some((name) => name.endsWith(row.picks?.digest ?? '-')),
      way,
    );
    assert.deepEqual(found?.RootFS.Layers, converted.diffIds.get(row.picks?.digest ?? ''), way);
  }
});

/** The chain ID of the highest of these layers, by which containerd names its snapshot. */
function chainOf(diffIds: readonly string[]): string {
  return diffIds.reduce((chain, diffId) => (chain === '' ? diffId : sha256(`${chain} ${diffId}`)), '');
}

test('containerd pulls and unpacks what its row says, and fails at a Nydus image alone', async (t) => {
  if (!canAsk(t, 'ctr', 'containerd', 'root')) return;
  const ctr = ['--address', await startContainerd(t)];
  for (const [way, converted] of images) {
    const row = rowOf(converted, 'containerd');
    const pull = ['images', 'pull', '--plain-http', '--snapshotter', 'native', '--platform', PLATFORM];
    const pulled = await tryRun('ctr', [...ctr, ...pull, converted.reference]);
    assert.equal(pulled.status === 0 ? 'unpacked' : 'fails', row.outcome, `${way}: ${pulled.stderr}`);
    if (pulled.status !== 0) continue;
    const snapshots = await runTool('ctr', [...ctr, 'snapshots', '--snapshotter', 'native', 'ls']);
    const chain = chainOf(converted.diffIds.get(row.picks?.digest ?? '') ?? []);
    assert.ok(
      snapshots.toString('utf8').includes(`${chain} `),
      `${way}: ${chain}\n${snapshots.toString('utf8')}`,
    );
  }
});
