/** Reads the layers of a source image with the packer in a mode that only digests and stores nothing. */
import { InterruptedError } from '../errors.js';
import { chargeRepetition } from '../image/repeated-layers.js';
import { mapOrdered } from '../io/concurrency.js';
import { compareDigest, counted } from '../io/streams.js';
import { withBudget } from '../native/budget.js';
import { untilAborted } from '../native/until-aborted.js';
import { openImageScanner, type ImageScanner, type ScannedLayer } from '../native/scanner.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { DEFAULT_CHUNK_SIZE } from '../rafs-builder/layout/v6.js';
import type { Bootstrap } from '../rafs-builder/model/tree.js';
import { nameOf } from '../registry/stores/store.js';
import { reportRead, type CallOptions } from '../reporter.js';
import { attempt, type Looked } from './rule.js';
import { placeIn, type ImageSubject } from './subject.js';

/** How files are cut into chunks, and how these are digested. */
type Cut = Pick<Bootstrap, 'chunkSize' | 'digester'>;
const USUAL: Cut = { chunkSize: DEFAULT_CHUNK_SIZE, digester: 'blake3' };

/** Source layers in flight. A scan holds little memory, so three may run at once. */
const CONCURRENCY = 3;

/**
 * A scan starts before the bootstrap is read, although only the bootstrap knows chunk size and digester: waiting would leave the
 * network and a processor idle, and nearly all images have the usual ones. For any others the scan starts again.
 */
export class SourceScan implements AsyncDisposable {
  readonly #source: ImageSubject;
  readonly #threads: number;
  readonly #call: CallOptions;
  readonly #cancelled = new AbortController();
  readonly #usual: Promise<Looked<ScannedLayer[]>>;

  constructor(source: ImageSubject, threads: number, call: CallOptions) {
    this.#source = source;
    this.#threads = threads;
    this.#call = call;
    const signals = [this.#cancelled.signal, ...(call.signal === undefined ? [] : [call.signal])];
    this.#usual = this.#scan(USUAL, { ...call, signal: AbortSignal.any(signals) });
    this.#usual.catch(() => undefined); // `layers` reports the failure
  }

  /** Returns the layers, lowest first, cut and digested as in an image. `signal` ends the scan, too. */
  async layers(image: Cut, signal: AbortSignal | undefined): Promise<Looked<ScannedLayer[]>> {
    const cancel = (): void => {
      this.#cancelled.abort(signal?.reason);
    };
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      if (image.chunkSize === USUAL.chunkSize && image.digester === USUAL.digester) return await this.#usual;
      await this[Symbol.asyncDispose]();
      return await this.#scan(image, { ...this.#call, signal: signal ?? this.#call.signal });
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelled.abort(new InterruptedError('the layers of the source are not needed'));
    await this.#usual.catch(() => undefined);
  }

  #scan({ chunkSize, digester }: Cut, call: CallOptions): Promise<Looked<ScannedLayer[]>> {
    return scanSource(this.#source, { chunkSize, digester, threads: this.#threads }, call);
  }
}

interface ScanOptions extends Cut {
  readonly threads: number;
}

async function scanSource(
  source: ImageSubject,
  options: ScanOptions,
  given: CallOptions,
): Promise<Looked<ScannedLayer[]>> {
  const call = withBudget(given);
  const { layers } = source.manifest.value;
  // Each layer is deduplicated by itself, so the order of arrival does not matter: only digests are compared.
  using packer = openImageScanner({ ...options, dedup: 'layer', budget: call.budget });
  // An image may list a layer any number of times; its tables are the same each time.
  const scanned = new Map<Digest, Looked<ScannedLayer>>();
  await mapOrdered(
    largestFirst(layers),
    CONCURRENCY,
    async ([index, descriptor], _, signal) => {
      const looked = await attempt(placeIn(source, `layer ${index + 1}`), 'FS-SOURCE', () =>
        scanLayer(packer, source, { descriptor, index }, { ...call, signal }),
      );
      scanned.set(descriptor.digest, looked);
    },
    call.signal,
  );
  const values: ScannedLayer[] = [];
  const listed = new Set<Digest>();
  for (const { digest } of layers) {
    const layer = scanned.get(digest);
    if (layer === undefined) continue;
    if (layer.finding !== undefined) return layer;
    if (listed.has(digest)) chargeRepetition(call.budget, layer.value.stats.entries);
    listed.add(digest);
    values.push(layer.value);
  }
  return { value: values, finding: undefined };
}

/**
 * Returns the layers with their positions, each digest once, largest first: one thread inflates a layer, so the largest must not start
 * last.
 */
function largestFirst(layers: readonly Descriptor[]): readonly [position: number, layer: Descriptor][] {
  const first = new Map([...layers.entries()].reverse().map((listed) => [listed[1].digest, listed]));
  return [...first.values()].sort(([, a], [, b]) => b.size - a.size);
}

async function scanLayer(
  images: ImageScanner,
  source: ImageSubject,
  { descriptor, index }: { readonly descriptor: Descriptor; readonly index: number },
  call: CallOptions,
): Promise<ScannedLayer> {
  const packer = images.openLayer(index);
  const scanned = await untilAborted(packer, call.signal, async () => {
    const stream = source.store.fetch(descriptor, { ...call, digestedByCaller: true });
    const read = (done: number): void => {
      reportRead(call, descriptor, done);
    };
    for await (const bytes of counted(stream, read)) await packer.write(bytes);
    return packer.finish();
  });
  compareDigest(scanned.source.digest ?? 'none', descriptor, nameOf(descriptor, source.store.location));
  return scanned;
}
