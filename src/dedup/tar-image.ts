/** An ordinary image of one layer, in a file that this run has written; or an index of such images. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { NydusError } from '../errors.js';
import { readFileRange } from '../io/file-range.js';
import { contentOf, type ByteStream } from '../io/streams.js';
import { errorCode, localIoError } from '../io/system-error.js';
import { type PackedEntry, TAR_END, packTar } from '../io/tar/stream.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { type Digest, digestFromHex, sha256 } from '../oci/digest.js';
import { jsonObject, printJson } from '../oci/json/value.js';
import { MEDIA } from '../oci/media-types.js';
import type { Location } from '../registry/location.js';
import type { FetchOptions, ImageSource } from '../registry/stores/store.js';

/** Bytes of members that are packed at once. */
const BATCH = 4 * 1024 * 1024;

/** Writes members into a tar file; returns the descriptor of the layer that it is. */
export async function writeLayer(path: string, members: AsyncIterable<PackedEntry>): Promise<Descriptor> {
  const hash = createHash('sha256');
  let size = 0;
  try {
    await using file = await open(path, 'wx');
    const put = async (bytes: Uint8Array): Promise<void> => {
      hash.update(bytes);
      size += bytes.length;
      await file.writeFile(bytes);
    };
    const flush = async (batch: readonly PackedEntry[]): Promise<void> => {
      const parts = Buffer.concat(await packTar(batch));
      await put(parts.subarray(0, parts.length - TAR_END));
    };
    let batch: PackedEntry[] = [];
    let bytes = 0;
    for await (const member of members) {
      batch.push(member);
      bytes += member.bytes?.length ?? 0;
      if (bytes < BATCH) continue;
      await flush(batch);
      batch = [];
      bytes = 0;
    }
    await flush(batch);
    await put(Buffer.alloc(TAR_END));
  } catch (error) {
    if (error instanceof NydusError || errorCode(error) === undefined) throw error;
    throw localIoError(`cannot write ${path}`, error);
  }
  return { mediaType: MEDIA.ociLayerTar, digest: digestFromHex(hash.digest('hex')), size };
}

/** The image of one platform. */
export interface TarImagePart {
  readonly layer: Descriptor;
  readonly path: string;
  readonly platform: Platform;
}

/** Equal layers and platforms give equal documents. One part is an image alone, more are an index. */
export class TarImage implements ImageSource {
  readonly place: Location;
  readonly location: string;
  readonly #files: ReadonlyMap<Digest, string>;
  readonly #documents = new Map<Digest, Uint8Array>();
  readonly #root: Descriptor;

  /** The history names `createdBy` as the step that made the layer. */
  constructor(parts: readonly TarImagePart[], createdBy: string) {
    const path = parts[0]?.path ?? '';
    this.place = { kind: 'oci', path };
    this.location = path;
    this.#files = new Map(parts.map((part) => [part.layer.digest, part.path]));
    const images = parts.map((part) => [this.#image(part, createdBy), part.platform] as const);
    const [only] = images;
    this.#root =
      only !== undefined && images.length === 1
        ? only[0]
        : this.#put(MEDIA.ociIndex, {
            schemaVersion: { digits: '2' },
            mediaType: MEDIA.ociIndex,
            manifests: images.map(([image, { os, architecture, variant }]) =>
              jsonObject({
                ...listed(image),
                platform: jsonObject({ architecture, os, variant }),
              }),
            ),
          });
  }

  resolve(): Promise<Descriptor> {
    return Promise.resolve(this.#root);
  }

  fetch({ digest }: Descriptor, { range }: FetchOptions = {}): ByteStream {
    const path = this.#files.get(digest);
    if (path !== undefined) return readFileRange(path, range);
    return contentOf(this.#documents.get(digest) ?? Buffer.alloc(0)).open(range);
  }

  exists({ digest }: Descriptor): Promise<boolean> {
    return Promise.resolve(this.#files.has(digest) || this.#documents.has(digest));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #image({ layer, platform }: TarImagePart, createdBy: string): Descriptor {
    const { os, architecture, variant } = platform;
    const config = this.#put(MEDIA.ociConfig, {
      architecture,
      os,
      variant,
      rootfs: jsonObject({ type: 'layers', diff_ids: [layer.digest] }),
      history: [jsonObject({ created_by: createdBy })],
    });
    return this.#put(MEDIA.ociManifest, {
      schemaVersion: { digits: '2' },
      mediaType: MEDIA.ociManifest,
      config: jsonObject(listed(config)),
      layers: [jsonObject(listed(layer))],
    });
  }

  #put(mediaType: string, members: Parameters<typeof jsonObject>[0]): Descriptor {
    const bytes = printJson(jsonObject(members));
    const digest = sha256(bytes);
    this.#documents.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }
}

function listed({ mediaType, digest, size }: Descriptor): Parameters<typeof jsonObject>[0] {
  return { mediaType, digest, size: { digits: String(size) } };
}
