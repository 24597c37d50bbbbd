/**
 * All judges over one converted image: Linux, umoci, the published reference crates, nydus-snapshotter and four registry
 * clients. None of them shares code with ours.
 */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { versionOf } from '../../../src/rafs-builder/versions.js';
import { fsckErofs, kernelTree } from './erofs.js';
import {
  copyFaults,
  fetchImage,
  fetchManifest,
  type JudgedImage,
  type Place,
  referenceOf,
} from './judged-image.js';
import { missing } from '../needs.js';
import { referenceCheck, referenceRead, referenceTool } from './reference-builder.js';
import { type GoClient, goClient, snapshotterTool, systemTool } from './tools.js';
import { runTool, tryRun } from '../run-tool.js';
import { countEntries, touchedDirectories, treeDifferences } from '../images/tree-differences.js';
import { type UmociTree, umociTree } from './umoci.js';

export interface Verdict {
  readonly judge: string;
  readonly outcome: 'ok' | 'failed' | 'skipped';
  readonly detail: string;
  readonly seconds: number;
}

/** Thrown by a judge that cannot sit here; becomes a skip. */
class Absent extends Error {}

/** How many differences of a tree are printed. */
const SHOWN = 8;

function demand(...requirements: readonly string[]): void {
  for (const requirement of requirements) {
    const reason = missing(requirement);
    if (reason !== undefined) throw new Absent(reason);
  }
}

function demandEqual(ours: string, expected: string, differences: readonly string[]): string {
  if (differences.length > 0) {
    const more = differences.length > SHOWN ? `\n… and ${differences.length - SHOWN} more` : '';
    throw new Error(`${differences.length} differences\n${differences.slice(0, SHOWN).join('\n')}${more}`);
  }
  return `${countEntries(ours)} of ${countEntries(expected)} entries equal`;
}

function memo<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** How each client copies `from` to `to`, both in plain-HTTP registries. */
const COPY: Readonly<Record<'skopeo' | GoClient, (from: Place, to: Place) => string[]>> = {
  skopeo: (from, to) => [
    'copy',
    '--all',
    '--preserve-digests',
    '--src-tls-verify=false',
    '--dest-tls-verify=false',
    `docker://${referenceOf(from)}`,
    `docker://${referenceOf(to)}`,
  ],
  crane: (from, to) => ['copy', '--insecure', referenceOf(from), referenceOf(to)],
  regctl: (from, to) => [
    'image',
    'copy',
    ...['--host', `reg=${from.host},tls=disabled`],
    referenceOf(from),
    referenceOf(to),
  ],
  oras: (from, to) => ['cp', '--from-plain-http', '--to-plain-http', referenceOf(from), referenceOf(to)],
};

async function clientPath(name: keyof typeof COPY): Promise<string> {
  const tool = name === 'skopeo' ? systemTool('skopeo', 'skopeo') : await goClient(name);
  if (tool.path === undefined) throw new Absent(tool.missing);
  return tool.path;
}

function copyPlace({ place }: JudgedImage, name: string): Place {
  return { ...place, repository: `${place.repository}-by-${name}` };
}

async function copyWith(name: keyof typeof COPY, image: JudgedImage): Promise<string> {
  const copy = copyPlace(image, name);
  await runTool(await clientPath(name), COPY[name](image.place, copy));
  const faults = await copyFaults(image, copy);
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return `${copy.repository} has ${image.top.digest.slice(0, 19)}`;
}

/**
 * An older skopeo (seen: 1.9.3) writes index entries again without the `artifactType` that it does not know, and refuses to when
 * asked to keep digests. Then all but that must be as it was.
 */
async function copyWithSkopeo(image: JudgedImage): Promise<string> {
  try {
    return await copyWith('skopeo', image);
  } catch (error) {
    const isOld = error instanceof Error && error.message.includes('Instructed to preserve digests');
    if (!isOld || image.top.value.manifests?.some(({ artifactType }) => artifactType !== undefined) !== true)
      throw error;
  }
  const copy = copyPlace(image, 'skopeo');
  const args = COPY.skopeo(image.place, copy).filter((argument) => argument !== '--preserve-digests');
  await runTool(await clientPath('skopeo'), args);
  const { value } = await fetchManifest(copy, copy.tag);
  const entries = image.top.value.manifests.map((entry) => ({ ...entry, artifactType: undefined }));
  const expected: unknown = JSON.parse(JSON.stringify({ ...image.top.value, manifests: entries }));
  if (!isDeepStrictEqual(value, expected)) throw new Error(`the index is now ${JSON.stringify(value)}`);
  const faults = (await copyFaults(image, copy)).filter((fault) => !fault.startsWith('the tag is'));
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return 'the index is another: this skopeo drops artifactType from it';
}

async function detect(image: JudgedImage): Promise<string> {
  if (image.ociDigest === undefined) throw new Absent('the target is no merged index');
  const tool = await snapshotterTool();
  if (tool.path === undefined) throw new Absent(tool.missing);
  const { status, stdout, stderr } = await tryRun(tool.path, [referenceOf(image.place), image.ociDigest]);
  if (status !== 0) throw new Error(`${stdout.toString('utf8').trim()} ${stderr}`);
  const { layer } = JSON.parse(stdout.toString('utf8')) as { layer: { digest: string } }; // printed by main.go
  const expected = image.nydus.value.layers?.at(-1)?.digest;
  if (layer.digest !== expected) throw new Error(`found ${layer.digest}, the bootstrap layer is ${expected}`);
  return `finds the bootstrap layer ${layer.digest.slice(0, 19)}`;
}

export interface JudgeOptions {
  /** Called as each verdict falls. */
  readonly onVerdict?: (verdict: Verdict) => void;
  /** The tree that umoci makes of the source, for callers that have several images of one source judged. */
  readonly unpacked?: () => Promise<UmociTree>;
  /** False: registry clients do not copy the image. */
  readonly clients?: boolean;
}

/**
 * Judges the Nydus image at `target` (`host:port/repository:tag`, plain HTTP), made from the image `layout:tag`. Rejects
 * only when the image cannot be fetched. Uses a temporary folder as large as the image's contents twice over.
 */
export async function judgeImage(
  target: string,
  source: { readonly layout: string; readonly tag: string },
  { onVerdict, unpacked: unpackedBefore, clients = true }: JudgeOptions = {},
): Promise<Verdict[]> {
  const work = await mkdtemp(join(tmpdir(), 'judges-'));
  const verdicts: Verdict[] = [];
  const judge = async (name: string, hear: () => Promise<string>): Promise<void> => {
    const started = Date.now();
    let outcome: Verdict['outcome'] = 'ok';
    const detail = await hear().catch((error: unknown) => {
      outcome = error instanceof Absent ? 'skipped' : 'failed';
      return error instanceof Error ? error.message : String(error);
    });
    const verdict = { judge: name, outcome, detail, seconds: (Date.now() - started) / 1000 };
    verdicts.push(verdict);
    onVerdict?.(verdict);
  };
  try {
    const image = await fetchImage(target, work);
    const devices = join(work, 'devices');
    await mkdir(devices);
    const demandReference = (): void => {
      const tool = referenceTool();
      if (tool.path === undefined) throw new Absent(tool.missing);
    };
    const version = versionOf(await readFile(image.bootstrap)).number;
    const demandErofs = (): void => {
      if (version !== 6) throw new Absent(`no EROFS: the image is RAFS v${version}`);
    };
    const read = memo(async () => {
      demandReference();
      return referenceRead(image.bootstrap, image.blobs, version === 6 ? devices : undefined);
    });
    const expected = memo(async () => {
      demand('umoci', 'skopeo', 'root');
      return unpackedBefore?.() ?? umociTree(source.layout, source.tag, work);
    });
    const compare = async (tree: string): Promise<string> => {
      const { tree: unpacked, startedSeconds } = await expected();
      const options = { wholeSeconds: true, dropEmptyXattrs: true, unpackedSince: startedSeconds };
      const equal = demandEqual(tree, unpacked, treeDifferences(tree, unpacked, options));
      const touched = touchedDirectories(unpacked, options);
      return touched === 0
        ? equal
        : `${equal}, without the times of ${touched} directories that umoci touched`;
    };
    await judge('reference crates: check', async () => {
      demandReference();
      const report = await referenceCheck(image.bootstrap);
      return `${report.nodes} nodes, ${report.chunks} chunks, ${report.blobs.length} blobs`;
    });
    await judge('reference crates: read, every digest', async () => `${countEntries(await read())} entries`);
    await judge('reference crates = umoci', async () => compare(await read()));
    await judge('fsck.erofs', async () => {
      demandErofs();
      demand('fsck.erofs');
      await read();
      await fsckErofs(image.bootstrap, devices);
      return 'accepts the bootstrap';
    });
    const kernel = memo(async () => {
      demandErofs();
      demand('root', 'losetup', 'mount');
      await read();
      return kernelTree(image.bootstrap, devices, work);
    });
    await judge('Linux EROFS mount = reference crates', async () =>
      demandEqual(await kernel(), await read(), treeDifferences(await kernel(), await read())),
    );
    await judge('Linux EROFS mount = umoci', async () => compare(await kernel()));
    await judge('nydus-snapshotter', () => detect(image));
    if (!clients) return verdicts;
    await judge('skopeo copies manifests and blobs unchanged', () => copyWithSkopeo(image));
    await judge('crane copies it unchanged', () => copyWith('crane', image));
    await judge('regctl copies it unchanged', () => copyWith('regctl', image));
    await judge('oras copies it unchanged', () => copyWith('oras', image));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return verdicts;
}
