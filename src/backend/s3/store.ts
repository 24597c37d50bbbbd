/** A bucket of S3, or of a server with its protocol. Keys that the settings do not hold are found as all tools of AWS find them. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { S3Client } from '@aws-sdk/client-s3';
import { AuthError, NydusError, RegistryError } from '../../errors.js';
import { parseRetryAfter } from '../../io/retry.js';
import type { ByteRange, ByteStream } from '../../io/streams.js';
import type { Transport } from '../../registry/http/transport.js';
import type { CallOptions } from '../../reporter.js';
import type { S3Config } from '../config.js';
import { type Asked, refusalError } from '../objects/refusals.js';
import type {
  ObjectStore,
  PartUpload,
  StoredObject,
  StoredPart,
  UnfinishedPartUpload,
} from '../objects/store.js';
import { TransportHandler } from './handler.js';
import type { Sdk } from './sdk.js';

interface Sent {
  readonly abortSignal?: AbortSignal;
}

export class S3Store implements ObjectStore {
  readonly type = 's3';
  readonly location: string;
  readonly #sdk: Sdk;
  readonly #client: S3Client;
  readonly #transport: Transport;
  readonly #config: S3Config;

  /** Takes over the transport. */
  constructor(sdk: Sdk, config: S3Config, transport: Transport) {
    const { bucket, endpoint, prefix, keys, region, scheme } = config;
    this.#sdk = sdk;
    this.#config = config;
    this.#transport = transport;
    this.location = `s3://${bucket}/${prefix} at ${endpoint}`;
    this.#client = new sdk.S3Client({
      region,
      endpoint: `${scheme}//${endpoint}`,
      // Upstream's way, which every server with this protocol knows.
      forcePathStyle: true,
      // What may pass is tried again by our own rules.
      maxAttempts: 1,
      expectContinueHeader: false,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: new TransportHandler(transport),
      ...(keys === undefined
        ? {}
        : {
            credentials: {
              accessKeyId: keys.id,
              secretAccessKey: keys.secret,
              ...(keys.token === undefined ? {} : { sessionToken: keys.token }),
            },
          }),
    });
  }

  async head(key: string, call: CallOptions): Promise<number | undefined> {
    const { HeadObjectCommand } = this.#sdk;
    const what = `cannot ask for ${key} of ${this.location}`;
    try {
      const answer = await this.#client.send(new HeadObjectCommand(this.#named(key)), sent(call));
      return answer.ContentLength;
    } catch (cause) {
      const error = this.#errorOf(cause, what, call);
      if (error instanceof RegistryError && error.status === 404) return undefined;
      // An answer to HEAD has no body, so only another request is told the reason.
      if (error instanceof AuthError) await this.#reason(key, what, call);
      throw error;
    }
  }

  async *get(key: string, range: ByteRange | undefined, call: CallOptions): ByteStream {
    const { GetObjectCommand } = this.#sdk;
    const what = `cannot read ${key} of ${this.location}`;
    const body = await this.#sending(what, call, async (options) => {
      const ranged = range === undefined ? {} : { Range: rangeText(range) };
      return (await this.#client.send(new GetObjectCommand({ ...this.#named(key), ...ranged }), options))
        .Body;
    });
    if (body === undefined) return;
    yield* body as unknown as ByteStream; // in Node it is a stream, which gives buffers
  }

  async put(key: string, bytes: Uint8Array, sha256Hex: string, call: CallOptions): Promise<void> {
    const { PutObjectCommand } = this.#sdk;
    const checksum =
      this.#config.checksum === undefined
        ? {}
        : { ChecksumSHA256: Buffer.from(sha256Hex, 'hex').toString('base64') };
    await this.#sending(`cannot write ${key} to ${this.location}`, call, (options) =>
      this.#client.send(new PutObjectCommand({ ...this.#named(key), Body: bytes, ...checksum }), options),
    );
  }

  async remove(key: string, call: CallOptions): Promise<void> {
    const { DeleteObjectCommand } = this.#sdk;
    await this.#sending(`cannot remove ${key} of ${this.location}`, call, (options) =>
      this.#client.send(new DeleteObjectCommand(this.#named(key)), options),
    );
  }

  async *list(prefix: string, call: CallOptions): AsyncIterable<StoredObject> {
    const { ListObjectsV2Command } = this.#sdk;
    for (let token: string | undefined; ;) {
      const page = await this.#sending(`cannot list ${this.location}`, call, (options) =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#config.bucket,
            Prefix: prefix,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          options,
        ),
      );
      for (const { Key: key, Size: size, LastModified: modified } of page.Contents ?? [])
        if (key !== undefined) yield { key, size: size ?? 0, modified: modified ?? new Date(0) };
      token = page.NextContinuationToken;
      if (page.IsTruncated !== true || token === undefined) return;
    }
  }

  async beginUpload(key: string, call: CallOptions): Promise<PartUpload> {
    const { CreateMultipartUploadCommand } = this.#sdk;
    const { checksum } = this.#config;
    const algorithm = checksum === undefined ? {} : { ChecksumAlgorithm: checksum };
    const what = `cannot write ${key} to ${this.location}`;
    const { UploadId: id } = await this.#sending(what, call, (options) =>
      this.#client.send(new CreateMultipartUploadCommand({ ...this.#named(key), ...algorithm }), options),
    );
    if (id === undefined) throw new RegistryError(`${what}: the server gives the upload no name`);
    return { key, id };
  }

  async putPart(
    upload: PartUpload,
    number: number,
    bytes: Uint8Array,
    call: CallOptions,
  ): Promise<StoredPart> {
    const { UploadPartCommand } = this.#sdk;
    const { checksum } = this.#config;
    const what = `cannot write part ${number} of ${upload.key} to ${this.location}`;
    const answer = await this.#sending(what, call, (options) =>
      this.#client.send(
        new UploadPartCommand({
          ...this.#of(upload),
          PartNumber: number,
          Body: bytes,
          ...(checksum === undefined ? {} : { ChecksumAlgorithm: checksum }),
        }),
        options,
      ),
    );
    const tag = answer.ETag;
    if (tag === undefined) throw new RegistryError(`${what}: the server gives the part no tag`);
    return { number, size: bytes.length, tag, checksum: this.#checksumOf(answer) };
  }

  async completeUpload(upload: PartUpload, parts: readonly StoredPart[], call: CallOptions): Promise<void> {
    const { CompleteMultipartUploadCommand } = this.#sdk;
    const { checksum: algorithm } = this.#config;
    await this.#sending(`cannot complete ${upload.key} in ${this.location}`, call, (options) =>
      this.#client.send(
        new CompleteMultipartUploadCommand({
          ...this.#of(upload),
          MultipartUpload: {
            Parts: parts.map(({ number, tag, checksum }) => ({
              PartNumber: number,
              ETag: tag,
              ...(algorithm === undefined || checksum === undefined
                ? {}
                : { [`Checksum${algorithm}`]: checksum }),
            })),
          },
        }),
        options,
      ),
    );
  }

  async abortUpload(upload: PartUpload, call: CallOptions): Promise<void> {
    const { AbortMultipartUploadCommand } = this.#sdk;
    await this.#sending(`cannot abort the upload of ${upload.key} to ${this.location}`, call, (options) =>
      this.#client.send(new AbortMultipartUploadCommand(this.#of(upload)), options),
    );
  }

  async *partsOf(upload: PartUpload, call: CallOptions): AsyncIterable<StoredPart> {
    const { ListPartsCommand } = this.#sdk;
    for (let marker: string | undefined; ;) {
      const page = await this.#sending(`cannot list parts in ${this.location}`, call, (options) =>
        this.#client.send(
          new ListPartsCommand({
            ...this.#of(upload),
            ...(marker === undefined ? {} : { PartNumberMarker: marker }),
          }),
          options,
        ),
      );
      for (const part of page.Parts ?? []) {
        const { PartNumber: number, Size: size, ETag: tag } = part;
        if (number !== undefined && size !== undefined && tag !== undefined)
          yield { number, size, tag, checksum: this.#checksumOf(part) };
      }
      marker = page.NextPartNumberMarker;
      if (page.IsTruncated !== true || marker === undefined) return;
    }
  }

  async *unfinishedUploads(prefix: string, call: CallOptions): AsyncIterable<UnfinishedPartUpload> {
    const { ListMultipartUploadsCommand } = this.#sdk;
    for (let marker: { KeyMarker?: string; UploadIdMarker?: string } = {}; ;) {
      const page = await this.#sending(`cannot list uploads in ${this.location}`, call, (options) =>
        this.#client.send(
          new ListMultipartUploadsCommand({ Bucket: this.#config.bucket, Prefix: prefix, ...marker }),
          options,
        ),
      );
      for (const { Key: key, UploadId: id, Initiated: started } of page.Uploads ?? [])
        if (key !== undefined && id !== undefined) yield { key, id, started: started ?? new Date(0) };
      const { NextKeyMarker: nextKey, NextUploadIdMarker: nextId } = page;
      if (page.IsTruncated !== true || nextKey === undefined) return;
      marker = { KeyMarker: nextKey, ...(nextId === undefined ? {} : { UploadIdMarker: nextId }) };
    }
  }

  isPart({ checksum, tag }: StoredPart, bytes: Uint8Array): boolean {
    const own = checksum === undefined ? undefined : this.#ownChecksum(bytes);
    if (own !== undefined) return own === checksum;
    return createHash('md5').update(bytes).digest('hex') === tag.replaceAll('"', '').toLowerCase();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    await this.#transport[Symbol.asyncDispose]();
  }

  #named(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#config.bucket, Key: key };
  }

  #of({ key, id }: PartUpload): { readonly Bucket: string; readonly Key: string; readonly UploadId: string } {
    return { ...this.#named(key), UploadId: id };
  }

  #checksumOf(answer: object): string | undefined {
    const { checksum } = this.#config;
    const value: unknown = checksum === undefined ? undefined : Reflect.get(answer, `Checksum${checksum}`);
    return typeof value === 'string' ? value : undefined;
  }

  /** Undefined for an algorithm that Node does not have. */
  #ownChecksum(bytes: Uint8Array): string | undefined {
    switch (this.#config.checksum) {
      case 'CRC32': {
        const sum = Buffer.alloc(4);
        sum.writeUInt32BE(crc32(bytes));
        return sum.toString('base64');
      }
      case 'SHA1':
      case 'SHA256':
        return createHash(this.#config.checksum).update(bytes).digest('base64');
      case 'CRC32C':
      case undefined:
        return undefined;
    }
  }

  /** Throws the refusal of a request that reads a byte, if it is refused. */
  async #reason(key: string, what: string, call: CallOptions): Promise<void> {
    const { GetObjectCommand } = this.#sdk;
    try {
      await this.#client.send(new GetObjectCommand({ ...this.#named(key), Range: 'bytes=0-0' }), sent(call));
    } catch (cause) {
      const error = this.#errorOf(cause, what, call);
      if (error instanceof AuthError) throw error;
    }
  }

  async #sending<T>(what: string, call: CallOptions, send: (options: Sent) => Promise<T>): Promise<T> {
    try {
      return await send(sent(call));
    } catch (cause) {
      throw this.#errorOf(cause, what, call);
    }
  }

  /** Throws the signal's reason once it has fired. */
  #errorOf(cause: unknown, what: string, { signal }: CallOptions): unknown {
    signal?.throwIfAborted();
    if (cause instanceof NydusError) return cause;
    const { bucket, endpoint } = this.#config;
    const { side, redactor } = this.#transport;
    const asked: Asked = { location: this.location, bucket, endpoint, side, redactor };
    if (cause instanceof this.#sdk.S3ServiceException) {
      const { $metadata, name, message, $response } = cause;
      const retryAfter = $response?.headers['retry-after'];
      const code = /^(?:Unknown|UnknownError|Error|NotFound|[0-9]+)$/.test(name) ? undefined : name;
      return refusalError(
        {
          what,
          status: $metadata.httpStatusCode ?? 0,
          code,
          message,
          retryAfterMs: parseRetryAfter(retryAfter, Date.now()),
        },
        asked,
      );
    }
    if (cause instanceof Error && /Credentials|Token/.test(cause.name))
      return new AuthError(`${what}: there are no keys: ${redactor.text(cause.message)}`, {
        cause,
        side,
        hint: 'put access_key_id and access_key_secret into the settings, or give keys to this machine as for other tools of AWS',
      });
    return cause;
  }
}

function sent({ signal }: CallOptions): Sent {
  return signal === undefined ? {} : { abortSignal: signal };
}

function rangeText({ start, end }: ByteRange): string {
  return `bytes=${start}-${Number.isFinite(end) ? end - 1 : ''}`;
}
