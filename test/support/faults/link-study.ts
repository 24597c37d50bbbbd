/**
 * The cost of a slow link for a conversion: download alone, upload alone and the conversion without the link bound from below what the
 * conversion over the link can take. All through one registry, which is a process of its own; the link is in this one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DEFAULT_CONCURRENCY, mapOrdered } from '../../../src/io/concurrency.js';
import { collect, contentOf } from '../../../src/io/streams.js';
import { type Manifest, parseManifest } from '../../../src/oci/manifest.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import type { ImageSource, ImageTarget } from '../../../src/registry/stores/store.js';
import { type LinkTraffic, openLink, type Link } from '../registries/link/link.js';
import type { ResetPlan } from '../registries/link/resets.js';
import { startDockerRegistry } from '../registries/real-registries.js';
import { productCommand } from '../project.js';

export interface LinkStudy {
  /** The image, as a location. */
  readonly image: string;
  /** Its name in the report. */
  readonly name: string;
  readonly bytesPerSecond: number;
  readonly roundTripMs: number;
  /** One more conversion for each. */
  readonly resets: readonly ResetPlan[];
}

/** One transfer or conversion. */
export interface LinkMeasure {
  readonly what: string;
  /** Seconds. */
  readonly wall: number;
  /** Undefined without the link. */
  readonly traffic: LinkTraffic | undefined;
}

export interface LinkReport {
  readonly study: LinkStudy;
  readonly download: LinkMeasure;
  readonly upload: LinkMeasure;
  readonly direct: LinkMeasure;
  readonly linked: LinkMeasure;
  readonly broken: readonly (LinkMeasure & { readonly plan: ResetPlan })[];
  /** All conversions gave the same layers. */
  readonly areEqual: boolean;
}

/** The promise: so many times the longest of download, upload and work. */
export const MAX_RATIO = 1.1;

const open = { credentials: anonymous };

/** Calls `say` with each figure once it is measured. Throws when a conversion fails. */
export async function studyLink(study: LinkStudy, say: (text: string) => void): Promise<LinkReport> {
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-link-'));
  try {
    await using registry = await startDockerRegistry();
    await copyImage(study.image, `${registry.host}/link/source:v`);
    const tell = (measure: LinkMeasure): LinkMeasure => {
      say(`  ${measure.what}: ${measure.wall.toFixed(1)} s${counts(measure.traffic)}`);
      return measure;
    };
    /** Does something with the registry behind a link of its own. */
    const over = async (
      what: string,
      plan: ResetPlan | undefined,
      act: (source: string, target: string) => Promise<void>,
    ): Promise<LinkMeasure> => {
      const { bytesPerSecond, roundTripMs } = study;
      await using link: Link = openLink({ bytesPerSecond, roundTripMs, resets: plan });
      const [source, target] = [await link.doorTo(registry.host), await link.doorTo(registry.host)];
      const started = performance.now();
      await act(`${source}/link/source:v`, target);
      return tell({ what, wall: (performance.now() - started) / 1000, traffic: link.traffic() });
    };
    const conversion = (repository: string) => (source: string, target: string) =>
      convert(source, `${target}/${repository}:v`, folder);

    const started = performance.now();
    await conversion('link/direct')(`${registry.host}/link/source:v`, registry.host);
    const direct = tell({
      what: 'conversion without the link',
      wall: (performance.now() - started) / 1000,
      traffic: undefined,
    });
    // Each has a link of its own, and they go in opposite directions.
    const [download, upload] = await Promise.all([
      over('download alone', undefined, fetchLayers),
      over('upload alone', undefined, (_, target) =>
        pushLayers(`${registry.host}/link/direct:v`, `${target}/link/upload:v`),
      ),
    ]);
    const linked = await over('conversion over the link', undefined, conversion('link/linked'));
    const broken: (LinkMeasure & { readonly plan: ResetPlan })[] = [];
    for (const [number, plan] of study.resets.entries()) {
      const what = `the same, ${percent(plan.share)} of ${plan.of} reset`;
      broken.push({ ...(await over(what, plan, conversion(`link/broken-${number}`))), plan });
    }
    const repositories = ['direct', 'linked', ...broken.map((_, number) => `broken-${number}`)];
    const results = await Promise.all(
      repositories.map(async (name) => layersOf(`${registry.host}/link/${name}:v`)),
    );
    return { study, download, upload, direct, linked, broken, areEqual: new Set(results).size === 1 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Wall time over the link by the longest of what it consists of. */
export function linkRatio({ download, upload, direct, linked }: LinkReport): number {
  return linked.wall / Math.max(download.wall, upload.wall, direct.wall);
}

function counts(traffic: LinkTraffic | undefined): string {
  if (traffic === undefined) return '';
  const { down, up, connections, requests, resets } = traffic;
  return ` (${megabytes(down)} MB down, ${megabytes(up)} MB up, ${connections} connections, ${requests} requests, ${resets} resets)`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function percent(share: number): string {
  return `${share * 100} %`;
}

async function manifestOf(
  source: ImageSource,
): Promise<{ readonly bytes: Buffer; readonly manifest: Manifest }> {
  const descriptor = await source.resolve();
  const bytes = await collect(source.fetch(descriptor), descriptor.size, source.location);
  return { bytes, manifest: parseManifest(bytes, descriptor.mediaType) };
}

/** Digests of blobs and bootstrap; the manifests differ, since each names its source, which has another door each time. */
async function layersOf(location: string): Promise<string> {
  await using source = openSource(location, open);
  return (await manifestOf(source)).manifest.layers.map(({ digest }) => digest).join(' ');
}

async function pushParts(
  source: ImageSource,
  target: ImageTarget,
  { layers, config }: Manifest,
): Promise<void> {
  await mapOrdered([...layers, config], DEFAULT_CONCURRENCY, (part, _, signal) =>
    target.push(
      part,
      { size: part.size, open: (range) => source.fetch(part, { range, signal }) },
      { signal },
    ),
  );
}

async function copyImage(from: string, to: string): Promise<void> {
  await using source = openSource(from, open);
  await using target = openTarget(to, open);
  const { bytes, manifest } = await manifestOf(source);
  await pushParts(source, target, manifest);
  const descriptor = await source.resolve();
  await target.push(descriptor, contentOf(bytes));
  await target.tag(descriptor, bytes);
}

function devNull(): Writable {
  return new Writable({
    write: (_bytes, _encoding, done) => {
      done();
    },
  });
}

/** Reads all layers, as many at a time as a conversion does. */
async function fetchLayers(from: string): Promise<void> {
  await using source = openSource(from, open);
  const { manifest } = await manifestOf(source);
  await mapOrdered(manifest.layers, DEFAULT_CONCURRENCY, async (layer, _, signal) => {
    await pipeline(source.fetch(layer, { signal }), devNull());
  });
}

async function pushLayers(from: string, to: string): Promise<void> {
  await using source = openSource(from, open);
  await using target = openTarget(to, open);
  await pushParts(source, target, (await manifestOf(source)).manifest);
}

/** The command, as a user runs it. */
async function convert(from: string, to: string, folder: string): Promise<void> {
  const child = spawn(
    process.execPath,
    [productCommand, 'convert', '--work-dir', join(folder, 'work'), from, to],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString('utf8')).slice(-4000)));
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`the conversion ended with ${String(child.exitCode)}: ${said}`);
}
