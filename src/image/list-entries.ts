/**
 * The entries of an index, with those of indexes inside it in their place. Builders nest: a registry's index of two builds lists the
 * index that each build pushed, image beside attestation.
 */
import { UnsupportedError } from '../errors.js';
import type { Descriptor, Document, Platform } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { Index, Manifest } from '../oci/manifest.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { Pace } from '../turns.js';
import { type Entry, entryOf } from './image.js';
import { isImageKind, statedPlatform } from './kinds.js';
import { type Loaded, loadDocument, type Problem } from './loaded.js';

/** Two levels are the most that has been seen. */
const MAX_DEPTH = 8;
/** Bounds what an index can make a reader fetch. */
const MAX_NESTED = 1024;
/** Entries in all: an index may list another any number of times, each time for another platform. */
const MAX_ENTRIES = 2 ** 16;

/** Indexes inside indexes beyond what is read. */
export class NestingError extends UnsupportedError {}

/** A line of an index. */
interface Line {
  readonly index: Document<Index>;
  /** From 0. */
  readonly place: number;
}

/** The platform that a nested index is for, and the line that states it. */
interface Outer extends Line {
  readonly platform: Platform;
}

/** An entry and the line that it was read from. */
export interface ListedEntry {
  readonly entry: Entry;
  /** Undefined when the reference is a single image. */
  readonly index: Document<Index> | undefined;
  /** In `index`, from 0. */
  readonly place: number;
  /** The line of the nested index, when the entry has its platform from there. */
  readonly inherited: Line | undefined;
}

/** `document` is what `root` names; none gives no entries. Indexes nested without end are entries with a problem. */
export async function listEntries(
  store: ContentSource,
  root: Descriptor,
  document: Document<Manifest | Index> | undefined,
  call: CallOptions,
): Promise<readonly ListedEntry[]> {
  const index = isDocument(document, isIndex);
  if (index !== undefined) return new Lister(store, call).list(index);
  if (document === undefined) return [];
  return [{ entry: entryOf(root), index: undefined, place: 0, inherited: undefined }];
}

export function isIndex(value: Manifest | Index): value is Index {
  return value.kind === 'index';
}

export function isManifest(value: Manifest | Index): value is Manifest {
  return value.kind === 'manifest';
}

export function isDocument<T extends Manifest | Index>(
  document: Document<Manifest | Index> | undefined,
  fits: (value: Manifest | Index) => value is T,
): Document<T> | undefined {
  return document !== undefined && fits(document.value) ? { ...document, value: document.value } : undefined;
}

class Lister {
  readonly #store: ContentSource;
  readonly #call: CallOptions;
  readonly #listed: ListedEntry[] = [];
  /** Platform and digest of each entry: a nested index may repeat what stands outside of it. */
  readonly #seen = new Set<string>();
  readonly #documents = new Map<Digest, Loaded<Document<Manifest | Index>>>();
  readonly #pace: Pace;
  #nested = 0;

  constructor(store: ContentSource, call: CallOptions) {
    this.#store = store;
    this.#call = call;
    this.#pace = new Pace(call.signal);
  }

  async list(root: Document<Index>): Promise<readonly ListedEntry[]> {
    await this.#enter(root, 0, undefined);
    return this.#listed;
  }

  async #enter(index: Document<Index>, depth: number, outer: Outer | undefined): Promise<void> {
    for (const [place, descriptor] of index.value.manifests.entries()) {
      if (this.#pace.isDue) await this.#pace.turn();
      const stated = statedPlatform(descriptor);
      const inherited = stated === undefined && isImageKind(entryOf(descriptor).kind) ? outer : undefined;
      const known: Descriptor =
        inherited === undefined ? descriptor : { ...descriptor, platform: inherited.platform };
      const claimed = entryOf(known);
      // An index with a type of its own is an artifact that happens to have parts.
      const nested =
        claimed.kind === 'index' && descriptor.artifactType === undefined
          ? await this.#nestedIndex(descriptor, depth)
          : undefined;
      if (nested?.index !== undefined) {
        const inner = stated === undefined ? outer : { index, place, platform: stated };
        await this.#enter(nested.index, depth + 1, inner);
      } else {
        this.#add({ index, place, inherited }, known, depth, nested?.problem);
      }
    }
  }

  #add(
    line: Line & Pick<ListedEntry, 'inherited'>,
    descriptor: Descriptor,
    depth: number,
    problem: Problem | undefined,
  ): void {
    const entry = entryOf(descriptor, this.#listed.length);
    const key = `${descriptor.digest} ${JSON.stringify(entry.platform ?? null)} ${entry.kind}`;
    if (depth > 0 && this.#seen.has(key)) return;
    this.#seen.add(key);
    if (this.#listed.length >= MAX_ENTRIES)
      throw new UnsupportedError(
        `${descriptor.digest}: indexes inside one list more than ${MAX_ENTRIES} entries`,
      );
    this.#listed.push({ ...line, entry: problem === undefined ? entry : { ...entry, problem } });
  }

  /** Neither is there for an index that lists nothing, and for one that is an artifact. */
  async #nestedIndex(
    descriptor: Descriptor,
    depth: number,
  ): Promise<{ readonly index?: Document<Index> | undefined; readonly problem?: Problem | undefined }> {
    this.#nested += 1;
    const beyond =
      depth + 1 > MAX_DEPTH
        ? `indexes nested more than ${MAX_DEPTH} deep`
        : this.#nested > MAX_NESTED
          ? `more than ${MAX_NESTED} indexes inside one`
          : undefined;
    if (beyond !== undefined)
      return {
        problem: {
          what: 'index',
          descriptor,
          cause: new NestingError(`${descriptor.digest}: ${beyond}`),
        },
      };
    const { digest } = descriptor;
    const loaded = this.#documents.get(digest) ?? (await loadDocument(this.#store, descriptor, this.#call));
    this.#documents.set(digest, loaded);
    if (loaded.problem !== undefined) return { problem: loaded.problem };
    const index = isDocument(loaded.value, isIndex);
    const { artifactType } = index?.value ?? {};
    const empty = index === undefined || index.value.manifests.length === 0;
    return empty || artifactType !== undefined ? {} : { index };
  }
}
