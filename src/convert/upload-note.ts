/**
 * What a fresh machine can ask the target before it sends a blob whose digest it does not know yet: has a blob of this layer
 * been here? A note, one small blob for each big one, whose content and with that its digest follow from the source layer and
 * the settings. It is placed before the blob gets its name: where the note is not, the blob is not.
 */
import { contentOf, type ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type Digest, sha256 } from '../oci/digest.js';
import type { ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import type { ConvertOptions } from './options.js';

/** Of the options, those that decide what a blob is made of. */
type BlobSettings = Pick<
  ConvertOptions,
  'fsVersion' | 'compressor' | 'compressionLevel' | 'chunkSize' | 'dedup'
>;

/** Blobs have no type in a registry, and nothing ever refers to this one. */
const MEDIA_TYPE = 'application/octet-stream';

export class SentNote {
  readonly #target: ImageTarget;
  readonly #descriptor: Descriptor;
  readonly #content: ReplayableContent;
  #isThere: Promise<boolean> | undefined;

  constructor(target: ImageTarget, layer: Digest, settings: BlobSettings) {
    const { fsVersion, compressor, compressionLevel, chunkSize, dedup } = settings;
    const bytes = Buffer.from(
      `nydusify: here is or was a blob made of layer ${layer}, ` +
        `or was about to be (v${fsVersion} ${compressor} ${compressionLevel} ${chunkSize} ${dedup})\n`,
    );
    this.#target = target;
    this.#descriptor = { mediaType: MEDIA_TYPE, digest: sha256(bytes), size: bytes.length };
    this.#content = contentOf(bytes);
  }

  /** Whether an earlier run has placed it. Throws what the target throws. */
  isThere(call: CallOptions): Promise<boolean> {
    this.#isThere ??= this.#target.exists(this.#descriptor, call);
    return this.#isThere;
  }

  /** Places it, unless it is there. It only saves bytes of later runs: no failure of it is one of this run, so this never throws. */
  async place(call: CallOptions): Promise<void> {
    try {
      if (!(await this.isThere(call))) await this.#target.push(this.#descriptor, this.#content, call);
    } catch {
      // A target that takes no note says so about the blob, too, and there it counts.
    }
  }
}
