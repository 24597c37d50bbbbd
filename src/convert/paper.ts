/** A conversion on paper: an ordinary image is streamed through the packer, and only the documents of the result are kept. */
import { RegistryError } from '../errors.js';
import { collect, contentOf, type ByteStream, type ReplayableContent } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import { MEDIA } from '../oci/media-types.js';
import type { Location } from '../registry/location.js';
import type { ImageSource, ImageTarget, PushOutcome } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { convertImage, type ConvertResult } from './convert.js';
import type { ConvertOptions } from './options.js';

/** The Nydus image that a conversion would write, and what the conversion says. Its blobs have a digest and a size, and no content. */
export async function convertOnPaper(
  source: ImageSource,
  options: Partial<ConvertOptions>,
  call: CallOptions,
): Promise<{ readonly image: ImageSource; readonly result: ConvertResult }> {
  const image = new Paper(source.place, source.location);
  return { image, result: await convertImage({ source, target: image }, options, call) };
}

class Paper implements ImageTarget, ImageSource {
  readonly place: Location;
  readonly location: string;
  readonly #documents = new Map<Digest, Uint8Array>();
  #root: Descriptor | undefined;

  constructor(place: Location, location: string) {
    this.place = place;
    this.location = location;
  }

  async push(descriptor: Descriptor, content: ReplayableContent): Promise<PushOutcome> {
    const { digest, size, mediaType } = descriptor;
    if (mediaType !== MEDIA.nydusBlob)
      this.#documents.set(digest, await collect(content.open(), size, digest));
    return 'pushed';
  }

  tag(manifest: Descriptor, bytes: Uint8Array): Promise<void> {
    this.#documents.set(manifest.digest, bytes);
    this.#root = manifest;
    return Promise.resolve();
  }

  /** Before the conversion there is no tag. */
  resolve(): Promise<Descriptor>;
  resolve(): Promise<Descriptor | undefined> {
    return Promise.resolve(this.#root);
  }

  fetch({ digest }: Descriptor): ByteStream {
    const bytes = this.#documents.get(digest);
    if (bytes === undefined) throw new RegistryError(`${digest} is only on paper`, { status: 404 });
    return contentOf(bytes).open();
  }

  exists({ digest }: Descriptor): Promise<boolean> {
    return Promise.resolve(this.#documents.has(digest));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
