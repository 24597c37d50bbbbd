/**
 * Copies content with everything that it refers to, children before parents, so that an interrupted run leaves no document without
 * its parts. Each digest is copied once, and blobs of several documents share the slots of the run.
 */
import { InterruptedError, UnsupportedError } from '../errors.js';
import { liesOutside } from '../image/obstacles.js';
import { mapOrdered } from '../io/concurrency.js';
import { Slots } from '../io/slots.js';
import { collect, contentOf, counted, type ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { isDocumentType, type ListedDescriptor, MAX_DOCUMENT_SIZE } from '../oci/manifest.js';
import { MEDIA } from '../oci/media-types.js';
import {
  type ContentSource,
  type ImageTarget,
  isAttachable,
  isMeasurable,
  listReferrers,
  type Located,
  type PushOutcome,
} from '../registry/stores/store.js';
import { type CallOptions, reportRead } from '../reporter.js';
import { readDocument, type ReadDocument } from './children.js';

/** Bounds indexes in indexes, and referrers of referrers; real images have at most two levels of either. */
const MAX_DEPTH = 8;
/** As many as an index may lead to for all other verbs. */
const MAX_DOCUMENTS = 2 ** 16;

/** `elsewhere`: a layer that clients fetch from the addresses in its descriptor, and that the source does not hold. */
export type CopyOutcome = PushOutcome | 'elsewhere';

export interface CopiedContent {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly outcome: CopyOutcome;
  /** True for a document that is here because it refers to another one, or lies below such a document. */
  readonly isReferrer: boolean;
}

export interface CopyEnds {
  readonly source: ContentSource & Located;
  readonly target: ImageTarget;
}

export interface CopierOptions {
  /** Blobs in flight. */
  readonly concurrency: number;
  /** Copy also what refers to the documents: signatures, attestations, Nydus images. */
  readonly referrers?: boolean | undefined;
  /** True for content that the target gets in another way. */
  readonly isPlaced?: ((digest: Digest) => boolean) | undefined;
}

interface Place {
  readonly depth: number;
  readonly isReferrer: boolean;
}

const TOP: Place = { depth: 0, isReferrer: false };

/** A call and the parts of it that run beside each other. */
interface CopyRun {
  /** Its signal also fires when a part fails. */
  readonly call: CallOptions;
  readonly fail: (error: unknown) => void;
}

/** Runs `work`; the failure that stopped its parts is thrown, and not those of the parts that were stopped. */
async function stoppingAtFirst(call: CallOptions, work: (run: CopyRun) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  let failure: { readonly error: unknown } | undefined;
  const signal = call.signal === undefined ? stop.signal : AbortSignal.any([call.signal, stop.signal]);
  const fail = (error: unknown): void => {
    failure ??= { error };
    stop.abort(new InterruptedError('another part of the copy has failed', { cause: error }));
  };
  try {
    await work({ call: { ...call, signal }, fail });
  } catch (error) {
    call.signal?.throwIfAborted();
    throw failure === undefined ? error : failure.error;
  }
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

export class Copier {
  readonly #ends: CopyEnds;
  readonly #options: CopierOptions;
  readonly #slots: Slots;
  readonly #started = new Map<Digest, Promise<void>>();
  readonly #copied: CopiedContent[] = [];
  #sentBytes = 0;
  #documents = 0;

  constructor(ends: CopyEnds, options: CopierOptions) {
    this.#ends = ends;
    this.#options = options;
    this.#slots = new Slots(options.concurrency);
  }

  /** In the order in which the target got them. */
  get copied(): readonly CopiedContent[] {
    return this.#copied;
  }

  /** Bytes of blobs that were read in order to be sent; what is sent again counts again. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Copies children before parents. Throws the errors of fetching and pushing. */
  async copy(descriptor: Descriptor, call: CallOptions): Promise<void> {
    await stoppingAtFirst(call, (run) => this.#copy(descriptor, TOP, run));
  }

  /** Copies what a document refers to. The caller pushes the document itself. */
  async copyBelow(descriptor: Descriptor, bytes: Uint8Array, call: CallOptions): Promise<void> {
    await stoppingAtFirst(call, async (run) => {
      await this.#below(await readDocument(bytes, descriptor, call.signal), TOP, run);
    });
  }

  /** Copies what refers to a document that is in the target, if the caller has asked for referrers. */
  async copyReferrers(descriptor: Descriptor, call: CallOptions): Promise<void> {
    await stoppingAtFirst(call, (run) => this.#referrers(descriptor, TOP, run));
  }

  async #referrers({ digest }: Descriptor, place: Place, run: CopyRun): Promise<void> {
    if (this.#options.referrers !== true) return;
    const { source } = this.#ends;
    const { referrers } = await listReferrers(source, digest, run.call);
    const below = { depth: place.depth + 1, isReferrer: true };
    await this.#each(referrers, run, (referrer) => this.#copy(plain(referrer), below, run));
  }

  /** A copy of the same digest that is under way is waited for. One that has failed is tried again. */
  #copy(descriptor: Descriptor, place: Place, run: CopyRun): Promise<void> {
    const { digest } = descriptor;
    const known = this.#started.get(digest);
    if (known !== undefined) return known;
    if (this.#options.isPlaced?.(digest) === true) return Promise.resolve();
    const { call } = run;
    const copying = isDocumentType(descriptor.mediaType)
      ? this.#copyDocument(descriptor, place, run)
      : this.#slots.with(() => this.#copyBlob(descriptor, place, call), call.signal);
    const started = copying.catch((error: unknown) => {
      this.#started.delete(digest);
      run.fail(error);
      throw error;
    });
    this.#started.set(digest, started);
    return started;
  }

  async #copyDocument(descriptor: Descriptor, place: Place, run: CopyRun): Promise<void> {
    const { source, target } = this.#ends;
    const { call } = run;
    const { digest, size } = descriptor;
    const what = `manifest ${digest}`;
    if (place.depth > MAX_DEPTH)
      throw new UnsupportedError(`${what} of ${source.location}: indexes nested more than ${MAX_DEPTH} deep`);
    this.#documents += 1;
    if (this.#documents > MAX_DOCUMENTS)
      throw new UnsupportedError(`${source.location} leads to more than ${MAX_DOCUMENTS} documents`);
    const bytes = await collect(source.fetch(descriptor, call), MAX_DOCUMENT_SIZE, what);
    const document = await readDocument(bytes, descriptor, call.signal);
    await this.#below(document, place, run);
    const { mediaType } = document;
    const pushed = { mediaType, digest, size };
    const outcome =
      place.isReferrer && isAttachable(target)
        ? await target.attach(pushed, bytes, call)
        : await target.push(pushed, contentOf(bytes), call);
    this.#note(pushed, outcome, place);
    await this.#referrers(pushed, place, run);
  }

  async #below({ children, unsized, original }: ReadDocument, place: Place, run: CopyRun): Promise<void> {
    const below = { ...place, depth: place.depth + 1 };
    const { call } = run;
    // The whole is known before its parts are under way, so that a person sees how far the copy is.
    for (const child of children) if (!this.#isKnown(child)) reportRead(call, child, 0);
    await this.#each(children, run, (child) => this.#child(child, below, run));
    if (original !== undefined && (await this.#ends.source.exists(original, call)))
      await this.#copy(plain(original), below, run);
    await this.#each(unsized, run, async (digest) => {
      const { source } = this.#ends;
      const size = isMeasurable(source) ? await source.sizeOf(digest, call) : undefined;
      if (size !== undefined) await this.#copy({ mediaType: MEDIA.untypedConfig, digest, size }, below, run);
    });
  }

  async #each<T>(items: readonly T[], { call }: CopyRun, copy: (item: T) => Promise<void>): Promise<void> {
    await mapOrdered(items, this.#options.concurrency, copy, call.signal);
  }

  #isKnown({ digest, mediaType }: Descriptor): boolean {
    return isDocumentType(mediaType) || this.#started.has(digest);
  }

  async #child(child: ListedDescriptor, place: Place, run: CopyRun): Promise<void> {
    const { call } = run;
    if (liesOutside(child) && !(await this.#ends.source.exists(child, call))) {
      reportRead(call, child, child.size);
      this.#note(child, 'elsewhere', place);
      return;
    }
    await this.#copy(plain(child), place, run);
  }

  async #copyBlob(descriptor: Descriptor, place: Place, call: CallOptions): Promise<void> {
    const { source, target } = this.#ends;
    const { size } = descriptor;
    const content: ReplayableContent = {
      size,
      open: (range) => {
        const start = range?.start ?? 0;
        let before = 0;
        return counted(source.fetch(descriptor, { ...call, range }), (done) => {
          this.#sentBytes += done - before;
          before = done;
          // The last byte counts when the target has the blob.
          reportRead(call, descriptor, Math.min(start + done, size - 1));
        });
      },
    };
    const outcome = await target.push(descriptor, content, { ...call, mountFrom: source.place });
    reportRead(call, descriptor, size);
    this.#note(descriptor, outcome, place);
  }

  #note({ mediaType, digest, size }: Descriptor, outcome: CopyOutcome, { isReferrer }: Place): void {
    // Referrers and images may share blobs.
    this.#copied.push({
      mediaType,
      digest,
      size,
      outcome,
      isReferrer: isReferrer && isDocumentType(mediaType),
    });
  }
}
