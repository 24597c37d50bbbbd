/**
 * Over odd references of every kind that has been reported: what `convert` makes, `check` finds nothing wrong with, or `convert` has said
 * why or refused; and converting the result again gives the same.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { checkImage } from '../../src/check/check.js';
import { formatFinding } from '../../src/check/finding.js';
import { convertImage } from '../../src/convert/convert.js';
import { startRegistry } from '../../src/embedded-registry/server.js';
import type { ConvertOptions } from '../../src/convert/options.js';
import { NydusError, RegistryError } from '../../src/errors.js';
import { contentOf } from '../../src/io/streams.js';
import type { Digest } from '../../src/oci/digest.js';
import { isIndexType } from '../../src/oci/manifest.js';
import { allPlatforms } from '../../src/oci/platform.js';
import { formatLocation, type Location, parseLocation } from '../../src/registry/location.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import type { ImageSource, ImageTarget } from '../../src/registry/stores/store.js';
import { type OddReference, oddReference } from '../support/images/odd-references.js';
import { MemoryStore } from '../support/registries/memory-store.js';
import { QUICK_DISK, tempFolder } from '../support/temp-folder.js';

interface Place {
  source(): ImageSource;
  target(name: string): ImageTarget;
  /** The image that was written to `target(name)`. */
  written(name: string): ImageSource;
  open(location: Location): ImageSource;
}

interface Outcome {
  readonly warnings: readonly string[];
  /** Undefined when `convert` refused. */
  readonly root: Digest | undefined;
  readonly faults: readonly string[];
}

async function outcomeOf({ options }: OddReference, place: Place): Promise<Outcome> {
  const warnings: string[] = [];
  const from = place.source().place;
  const allowedHosts = from.kind === 'registry' ? [from.reference.registry] : [];
  const convert = async (
    source: ImageSource,
    target: ImageTarget,
    more: Partial<ConvertOptions> = {},
  ): Promise<Digest> => {
    const { root } = await convertImage(
      { source, target },
      { threads: 1, openOriginal: (location) => place.open(location), allowedHosts, ...options, ...more },
      { reporter: { emit: (event) => event.type === 'warning' && warnings.push(event.code) } },
    );
    return root.digest;
  };
  let root: Digest;
  try {
    root = await convert(place.source(), place.target('one'));
  } catch (error) {
    if (!(error instanceof NydusError) || error.exitCode === 70) throw error;
    return { warnings, root: undefined, faults: [] };
  }
  const said = [...warnings];
  const { findings } = await checkImage({ target: place.written('one'), source: place.source() });
  const faults = findings
    .filter(({ severity }) => severity === 'error' || (severity === 'warning' && said.length === 0))
    .map(formatFinding);
  if (options.mergePlatform === true) {
    // A source that is one manifest is converted whatever platforms are asked for, and the index made of it is not.
    const { mediaType } = await place.source().resolve();
    const all = isIndexType(mediaType) ? {} : { platforms: allPlatforms };
    const again = await convert(place.written('one'), place.target('two'), all);
    if (again !== root) faults.push(`converting again gives ${again} instead of ${root}`);
  }
  return { warnings: said, root, faults };
}

/** Warnings of `convert` about a source that no client runs as it stands; `check` calls it what it is. */
const BROKEN_SOURCES: ReadonlySet<string> = new Set(['CONFIG_DESCRIPTOR']);

interface Counts {
  refused: number;
  warned: number;
  clean: number;
  readonly oddities: Set<string>;
}

async function tryCases(
  seeds: Iterable<number>,
  placeOf: (reference: OddReference, seed: number) => Promise<Place | undefined>,
): Promise<Counts> {
  const counts: Counts = { refused: 0, warned: 0, clean: 0, oddities: new Set() };
  const wrong: unknown[] = [];
  for (const seed of seeds) {
    const reference = oddReference(seed);
    const place = await placeOf(reference, seed);
    if (place === undefined) continue;
    const { warnings, root, faults } = await outcomeOf(reference, place).catch((cause: unknown) => ({
      warnings: [],
      root: undefined,
      faults: [String(cause)],
    }));
    for (const oddity of reference.oddities) counts.oddities.add(oddity);
    if (root === undefined) counts.refused += 1;
    else if (warnings.length > 0) counts.warned += 1;
    else counts.clean += 1;
    if (faults.length > 0 && !warnings.some((code) => BROKEN_SOURCES.has(code)))
      wrong.push({ seed, warnings, faults, oddities: [...reference.oddities], options: reference.options });
  }
  assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} cases are wrong`);
  return counts;
}

function inMemory(reference: OddReference): Promise<Place> {
  const targets = new Map<string, MemoryStore>();
  const target = (name: string): MemoryStore => {
    const known = targets.get(name) ?? new MemoryStore(`memory.test/${name}:1`);
    targets.set(name, known);
    return known;
  };
  const open = (location: Location): ImageSource => {
    const store = MemoryStore.copyOf(reference.store);
    const digest = location.kind === 'registry' ? location.reference.digest : location.digest;
    const part = reference.parts.find(({ descriptor }) => descriptor.digest === digest);
    store.root = part?.descriptor;
    return store;
  };
  return Promise.resolve({ source: () => reference.store, target, written: target, open });
}

/** A source is written part by part, and its tag last. */
async function at(reference: OddReference, text: (name: string) => string): Promise<Place> {
  const options = { plainHttp: true };
  const store = reference.store;
  const root = reference.parts.find(({ descriptor }) => descriptor.digest === store.root?.digest);
  const target = openTarget(text('source'), options);
  for (const { descriptor, bytes } of reference.parts)
    if (descriptor.digest !== root?.descriptor.digest) await target.push(descriptor, contentOf(bytes));
  if (root !== undefined) await target.tag(root.descriptor, root.bytes);
  await target[Symbol.asyncDispose]();
  return {
    source: () => openSource(text('source'), options),
    target: (name) => openTarget(text(name), options),
    written: (name) => openSource(text(name), options),
    open: (location) => openSource(formatLocation(location), options),
  };
}

const CASES = 2000;

test('odd references in memory', async () => {
  const seeds = Array.from({ length: CASES }, (_, seed) => seed);
  const counts = await tryCases(seeds, inMemory);
  // The generator reaches every kind, and most cases are converted.
  assert.ok(counts.clean > CASES / 8, JSON.stringify(counts));
  assert.ok(counts.warned > CASES / 8, JSON.stringify(counts));
  assert.ok(counts.oddities.size > 50, `${counts.oddities.size}`);
});

async function inFolders(t: TestContext, kind: 'oci' | 'oci-archive'): Promise<Counts> {
  const folder = await tempFolder(t, QUICK_DISK);
  const seeds = Array.from({ length: 60 }, (_, i) => CASES + i);
  return tryCases(seeds, (reference, seed) =>
    at(reference, (name) => {
      const path = join(folder, `${seed}-${name}${kind === 'oci' ? '' : '.tar'}`);
      return formatLocation(parseLocation(`${kind}:${path}:v1`));
    }),
  );
}

test('odd references in layout folders', async (t) => {
  await inFolders(t, 'oci');
});

test('odd references in archives', async (t) => {
  await inFolders(t, 'oci-archive');
});

test('odd references in a registry', async (t) => {
  const registry = await startRegistry({ root: await tempFolder(t, QUICK_DISK) });
  t.after(() => registry.close());
  const seeds = Array.from({ length: 90 }, (_, i) => CASES + i);
  // A registry refuses an index whose manifests it does not hold, and manifests of schema 1.
  const counts = await tryCases(seeds, (reference, seed) =>
    at(reference, (name) => `${registry.host}/${name}-${seed}:v1`).catch((error: unknown) => {
      if (error instanceof RegistryError && (error.status === 400 || error.status === 404)) return undefined;
      throw error;
    }),
  );
  assert.ok(counts.clean + counts.warned > 30, JSON.stringify(counts));
});
