/**
 * The note says that the target was sent the blob of a source layer. A blob's digest is known only when the blob is
 * complete, so a fresh machine cannot ask the target for the blob; it asks for the note instead. The note is a small
 * blob whose content, and so its digest, follows from the source layer and the settings. It is pushed before the blob
 * is named: without the note there is no blob.
 */
import { contentOf, type ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { type Digest, sha256 } from '../oci/digest.js';
import type { ImageTarget } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

/** A registry keeps blobs without a type, and no manifest refers to this one. */
const MEDIA_TYPE = 'application/octet-stream';

export class UploadNote {
  readonly #target: ImageTarget;
  readonly #descriptor: Descriptor;
  readonly #content: ReplayableContent;
  #exists: Promise<boolean> | undefined;

  /** `how` says in one line how the blob is made of the layer. */
  constructor(target: ImageTarget, layer: Digest, how: string) {
    // Notes of earlier versions must stay valid, so this text must not change.
    const bytes = Buffer.from(
      `nydusify: here is or was a blob made of layer ${layer}, ` + `or was about to be (${how})\n`,
    );
    this.#target = target;
    this.#descriptor = { mediaType: MEDIA_TYPE, digest: sha256(bytes), size: bytes.length };
    this.#content = contentOf(bytes);
  }

  /** True when an earlier run has placed the note. Throws what the target throws. */
  exists(call: CallOptions): Promise<boolean> {
    this.#exists ??= this.#target.exists(this.#descriptor, call);
    return this.#exists;
  }

  /** Places the note unless it exists. Never throws, because a missing note only costs later runs some bytes. */
  async place(call: CallOptions): Promise<void> {
    try {
      if (!(await this.exists(call))) await this.#target.push(this.#descriptor, this.#content, call);
    } catch {
      // A target that refuses the note refuses the blob as well, and that failure is reported.
    }
  }
}
