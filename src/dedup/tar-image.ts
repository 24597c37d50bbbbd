/** An ordinary image of one layer, in a file that this run has written. */
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

export interface TarImageParts {
  readonly layer: Descriptor;
  readonly path: string;
  readonly platform: Platform;
  /** The step that the history names. */
  readonly createdBy: string;
}

/** Equal layers and platforms give equal documents. */
export class TarImage implements ImageSource {
  readonly place: Location;
  readonly location: string;
  readonly #path: string;
  readonly #layer: Digest;
  readonly #documents = new Map<Digest, Uint8Array>();
  readonly #root: Descriptor;

  constructor({ layer, path, platform, createdBy }: TarImageParts) {
    this.place = { kind: 'oci', path };
    this.location = path;
    this.#path = path;
    this.#layer = layer.digest;
    const { os, architecture, variant } = platform;
    const config = this.#put(MEDIA.ociConfig, {
      architecture,
      os,
      variant,
      rootfs: jsonObject({ type: 'layers', diff_ids: [layer.digest] }),
      history: [jsonObject({ created_by: createdBy })],
    });
    this.#root = this.#put(MEDIA.ociManifest, {
      schemaVersion: { digits: '2' },
      mediaType: MEDIA.ociManifest,
      config: listed(config),
      layers: [listed(layer)],
    });
  }

  resolve(): Promise<Descriptor> {
    return Promise.resolve(this.#root);
  }

  fetch({ digest }: Descriptor, { range }: FetchOptions = {}): ByteStream {
    if (digest === this.#layer) return readFileRange(this.#path, range);
    return contentOf(this.#documents.get(digest) ?? Buffer.alloc(0)).open(range);
  }

  exists({ digest }: Descriptor): Promise<boolean> {
    return Promise.resolve(digest === this.#layer || this.#documents.has(digest));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #put(mediaType: string, members: Parameters<typeof jsonObject>[0]): Descriptor {
    const bytes = printJson(jsonObject(members));
    const digest = sha256(bytes);
    this.#documents.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }
}

function listed({ mediaType, digest, size }: Descriptor): ReturnType<typeof jsonObject> {
  return jsonObject({ mediaType, digest, size: { digits: String(size) } });
}
