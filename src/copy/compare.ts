/** Reads a copy again and compares every descriptor with the source: what the tag names, and the size and digest of all content. */
import { ContentMismatchError, LocalIoError, RegistryError } from '../errors.js';
import { liesOutside } from '../image/obstacles.js';
import { mapOrdered } from '../io/concurrency.js';
import { Slots } from '../io/slots.js';
import { collect, counted, measure } from '../io/streams.js';
import { errorCode } from '../io/system-error.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { isDocumentType, MAX_DOCUMENT_SIZE } from '../oci/manifest.js';
import { MEDIA } from '../oci/media-types.js';
import { type ImageSource, isMeasurable, listReferrers } from '../registry/stores/store.js';
import { type CallOptions, reportRead } from '../reporter.js';
import { readDocument } from './children.js';
import { type CopyOptions, copyOptions, namingAllBlobs } from './copy.js';
import { rootToCopy } from './root.js';

/**
 * `tag`: the tag names another root, or there is none. `missing`: content is not there. `content`: its size or its bytes are wrong.
 * `referrer`: the target does not list a referrer with its subject.
 */
export type DifferenceKind = 'tag' | 'missing' | 'content' | 'referrer';

export interface CopyDifference {
  readonly kind: DifferenceKind;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly message: string;
}

export interface CopyComparison {
  /** What the target should name. */
  readonly root: Descriptor;
  readonly source: string;
  readonly target: string;
  /** Descriptors that were compared. */
  readonly compared: number;
  /** Bytes of the target that were read. */
  readonly bytes: number;
  readonly differences: readonly CopyDifference[];
}

/** Throws what reading the source throws; faults of the target are differences. */
export async function compareCopy(
  images: { readonly source: ImageSource; readonly target: ImageSource },
  given: Partial<CopyOptions> = {},
  call: CallOptions = {},
): Promise<CopyComparison> {
  const options = copyOptions(given);
  const { target } = images;
  const source = await namingAllBlobs(images.source, call);
  const { descriptor, bytes } = await rootToCopy(source, options.platforms, call);
  call.reporter?.emit({ type: 'step', message: 'comparing' });
  const comparer = new Comparer(source, target, options, call);
  await comparer.tag(descriptor);
  await comparer.document(descriptor, bytes);
  return {
    root: descriptor,
    source: source.location,
    target: target.location,
    compared: comparer.compared,
    bytes: comparer.bytes,
    differences: comparer.differences,
  };
}

class Comparer {
  readonly #source: ImageSource;
  readonly #target: ImageSource;
  readonly #options: CopyOptions;
  readonly #call: CallOptions;
  readonly #slots: Slots;
  readonly #seen = new Set<Digest>();
  readonly #differences: CopyDifference[] = [];
  #bytes = 0;

  constructor(source: ImageSource, target: ImageSource, options: CopyOptions, call: CallOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#call = call;
    this.#slots = new Slots(options.concurrency);
  }

  get compared(): number {
    return this.#seen.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** In an order that does not depend on time. */
  get differences(): readonly CopyDifference[] {
    const key = ({ kind, digest }: CopyDifference): string => `${kind === 'tag' ? 0 : 1} ${digest} ${kind}`;
    return this.#differences.toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
  }

  async tag(expected: Descriptor): Promise<void> {
    const { location } = this.#target;
    try {
      const { digest } = await this.#target.resolve(this.#call);
      if (digest !== expected.digest)
        this.#differs('tag', expected, `${location} names ${digest}, not ${expected.digest}`);
    } catch (error) {
      if (!isAbsence(error) && !this.#isNoStore(error)) throw error;
      this.#differs('tag', expected, `${location} does not exist`);
    }
  }

  /** `bytes` are the source's, which say what lies below the document. */
  async document(descriptor: Descriptor, bytes: Uint8Array): Promise<void> {
    this.#seen.add(descriptor.digest);
    await this.#compare(descriptor);
    const { children, unsized, original } = await readDocument(bytes, descriptor, this.#call.signal);
    await this.#all(children, (child) => this.#child(child, liesOutside(child)));
    if (original !== undefined) await this.#child(original, true);
    await this.#all(unsized, async (digest) => {
      const size = isMeasurable(this.#source) ? await this.#source.sizeOf(digest, this.#call) : undefined;
      if (size !== undefined) await this.#child({ mediaType: MEDIA.untypedConfig, digest, size }, false);
    });
    await this.#referrers(descriptor);
  }

  async #child({ mediaType, digest, size }: Descriptor, mayLieOutside: boolean): Promise<void> {
    const descriptor = { mediaType, digest, size };
    if (this.#seen.has(digest)) return;
    if (mayLieOutside && !(await this.#source.exists(descriptor, this.#call))) return;
    if (this.#seen.has(digest)) return;
    this.#seen.add(digest);
    if (!isDocumentType(mediaType)) {
      await this.#slots.with(() => this.#compare(descriptor), this.#call.signal);
      return;
    }
    const bytes = await collect(
      this.#source.fetch(descriptor, this.#call),
      MAX_DOCUMENT_SIZE,
      `manifest ${digest}`,
    );
    await this.document(descriptor, bytes);
  }

  async #referrers(subject: Descriptor): Promise<void> {
    if (!this.#options.referrers) return;
    const [expected, found] = await Promise.all(
      [this.#source, this.#target].map((store) => listReferrers(store, subject.digest, this.#call)),
    );
    const listed = new Set(found?.referrers.map(({ digest }) => digest));
    for (const referrer of expected?.referrers ?? []) {
      if (!listed.has(referrer.digest))
        this.#differs(
          'referrer',
          referrer,
          `${this.#target.location} does not list ${referrer.digest} as a referrer of ${subject.digest}`,
        );
    }
    await this.#all(expected?.referrers ?? [], (referrer) => this.#child(referrer, false));
  }

  async #compare(descriptor: Descriptor): Promise<void> {
    const { digest } = descriptor;
    reportRead(this.#call, descriptor, 0);
    let read = 0;
    const bytes = counted(this.#target.fetch(descriptor, this.#call), (done) => {
      read = done;
      reportRead(this.#call, descriptor, done);
    });
    try {
      await measure(bytes); // the store verifies size and digest
    } catch (error) {
      if (isAbsence(error) || this.#isNoStore(error))
        this.#differs('missing', descriptor, `${digest} is not in ${this.#target.location}`);
      else if (error instanceof ContentMismatchError) this.#differs('content', descriptor, error.message);
      else throw error;
    } finally {
      this.#bytes += read;
    }
  }

  /** True when there is no folder or file at all; a registry that does not answer says nothing about its tags. */
  #isNoStore(error: unknown): boolean {
    if (this.#target.place.kind === 'registry') return false;
    return (
      error instanceof RegistryError || (error instanceof LocalIoError && errorCode(error.cause) === 'ENOENT')
    );
  }

  async #all<T>(items: readonly T[], compare: (item: T) => Promise<void>): Promise<void> {
    await mapOrdered(items, this.#options.concurrency, compare, this.#call.signal);
  }

  #differs(kind: DifferenceKind, { mediaType, digest }: Descriptor, message: string): void {
    this.#differences.push({ kind, mediaType, digest, message });
  }
}

function isAbsence(error: unknown): boolean {
  return error instanceof RegistryError && error.status === 404;
}
