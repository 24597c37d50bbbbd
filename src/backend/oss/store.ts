/** A bucket of OSS, by its own protocol. Bytes on their way are guarded by Content-MD5, which the server compares. */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { AuthError, RegistryError } from '../../errors.js';
import { parseRetryAfter } from '../../io/retry.js';
import { type ByteRange, type ByteStream, collect } from '../../io/streams.js';
import { splitHost } from '../../registry/http/hosts.js';
import type { HttpResponse, Method, Transport } from '../../registry/http/transport.js';
import type { CallOptions } from '../../reporter.js';
import type { OssConfig } from '../config.js';
import { inPieces } from '../objects/pieces.js';
import { refusalError } from '../objects/refusals.js';
import type {
  ObjectStore,
  PartUpload,
  StoredObject,
  StoredPart,
  UnfinishedPartUpload,
} from '../objects/store.js';
import { escaped, escapedPath, signed } from './sign.js';
import { element, elements, elementText } from './xml.js';

/** An answer is one page of a list at most, of a thousand entries. */
const MAX_ANSWER = 4 * 1024 * 1024;

interface OssRequest {
  readonly method: Method;
  readonly what: string;
  readonly key?: string | undefined;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

export class OssStore implements ObjectStore {
  readonly type = 'oss';
  readonly location: string;
  readonly #config: OssConfig;
  readonly #transport: Transport;

  /** Takes over the transport. */
  constructor(config: OssConfig, transport: Transport) {
    this.#config = config;
    this.#transport = transport;
    this.location = `oss://${config.bucket}/${config.prefix} at ${config.endpoint}`;
  }

  async head(key: string, call: CallOptions): Promise<number | undefined> {
    const what = `cannot ask for ${key} of ${this.location}`;
    try {
      const answer = await this.#send({ method: 'HEAD', key, what }, call);
      await answer.discard();
      const size = Number(answer.headers['content-length'] ?? Number.NaN);
      if (Number.isSafeInteger(size)) return size;
      throw new RegistryError(`${what}: the server does not say how large it is`);
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return undefined;
      // An answer to HEAD has no body, so only another request is told the reason.
      if (error instanceof AuthError) {
        const request = { method: 'GET', key, what, headers: { range: 'bytes=0-0' } } as const;
        await (await this.#send(request, call)).discard();
      }
      throw error;
    }
  }

  async *get(key: string, range: ByteRange | undefined, call: CallOptions): ByteStream {
    const what = `cannot read ${key} of ${this.location}`;
    const headers =
      range === undefined
        ? {}
        : { range: `bytes=${range.start}-${Number.isFinite(range.end) ? range.end - 1 : ''}` };
    const answer = await this.#send({ method: 'GET', key, what, headers }, call);
    if (range !== undefined && answer.status !== 206) {
      await answer.discard();
      throw new RegistryError(`${what}: the server sends no ranges`);
    }
    yield* answer.body;
  }

  async put(key: string, bytes: Uint8Array, _sha256Hex: string, call: CallOptions): Promise<void> {
    const what = `cannot write ${key} to ${this.location}`;
    const headers = { 'content-md5': md5(bytes).toString('base64') };
    const answer = await this.#send({ method: 'PUT', key, what, headers, body: bytes }, call);
    await answer.discard();
  }

  async remove(key: string, call: CallOptions): Promise<void> {
    const what = `cannot remove ${key} of ${this.location}`;
    await (await this.#send({ method: 'DELETE', key, what }, call)).discard();
  }

  async *list(prefix: string, call: CallOptions): AsyncIterable<StoredObject> {
    for (let marker = ''; ;) {
      const query = { prefix, 'max-keys': '1000', ...(marker === '' ? {} : { marker }) };
      const what = `cannot list ${this.location}`;
      const page = await this.#xml({ method: 'GET', what, query }, call);
      for (const content of elements(page, 'Contents')) {
        const key = elementText(content, 'Key');
        if (key === undefined) continue;
        const modified = new Date(elementText(content, 'LastModified') ?? 0);
        yield { key, size: Number(elementText(content, 'Size')), modified };
      }
      marker = elementText(page, 'NextMarker') ?? '';
      if (elementText(page, 'IsTruncated') !== 'true' || marker === '') return;
    }
  }

  async beginUpload(key: string, call: CallOptions): Promise<PartUpload> {
    const what = `cannot write ${key} to ${this.location}`;
    const answer = await this.#xml({ method: 'POST', key, what, query: { uploads: '' } }, call);
    const id = elementText(answer, 'UploadId');
    if (id === undefined) throw new RegistryError(`${what}: the server gives the upload no name`);
    return { key, id };
  }

  async putPart(
    { key, id }: PartUpload,
    number: number,
    bytes: Uint8Array,
    call: CallOptions,
  ): Promise<StoredPart> {
    const what = `cannot write part ${number} of ${key} to ${this.location}`;
    const query = { partNumber: String(number), uploadId: id };
    const headers = { 'content-md5': md5(bytes).toString('base64') };
    const answer = await this.#send({ method: 'PUT', key, what, query, headers, body: bytes }, call);
    await answer.discard();
    const tag = answer.headers['etag'];
    if (tag === undefined) throw new RegistryError(`${what}: the server gives the part no tag`);
    return { number, size: bytes.length, tag };
  }

  async completeUpload(
    { key, id }: PartUpload,
    parts: readonly StoredPart[],
    call: CallOptions,
  ): Promise<void> {
    const what = `cannot complete ${key} in ${this.location}`;
    const list = parts.map(
      ({ number, tag }) => `<Part>${element('PartNumber', number)}${element('ETag', tag)}</Part>`,
    );
    const body = Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`, 'utf8');
    await this.#xml({ method: 'POST', key, what, query: { uploadId: id }, body }, call);
  }

  async abortUpload({ key, id }: PartUpload, call: CallOptions): Promise<void> {
    const what = `cannot abort the upload of ${key} to ${this.location}`;
    await (await this.#send({ method: 'DELETE', key, what, query: { uploadId: id } }, call)).discard();
  }

  async *partsOf({ key, id }: PartUpload, call: CallOptions): AsyncIterable<StoredPart> {
    for (let marker = ''; ;) {
      const query = { uploadId: id, ...(marker === '' ? {} : { 'part-number-marker': marker }) };
      const what = `cannot list parts in ${this.location}`;
      const page = await this.#xml({ method: 'GET', key, what, query }, call);
      for (const part of elements(page, 'Part')) {
        const tag = elementText(part, 'ETag');
        if (tag === undefined) continue;
        const [number, size] = ['PartNumber', 'Size'].map((name) => Number(elementText(part, name)));
        yield { number: number ?? 0, size: size ?? 0, tag };
      }
      marker = elementText(page, 'NextPartNumberMarker') ?? '';
      if (elementText(page, 'IsTruncated') !== 'true' || marker === '') return;
    }
  }

  async *unfinishedUploads(prefix: string, call: CallOptions): AsyncIterable<UnfinishedPartUpload> {
    for (let marker: Readonly<Record<string, string>> = {}; ;) {
      const query = { uploads: '', prefix, 'max-uploads': '1000', ...marker };
      const what = `cannot list uploads in ${this.location}`;
      const page = await this.#xml({ method: 'GET', what, query }, call);
      for (const upload of elements(page, 'Upload')) {
        const [key, id] = [elementText(upload, 'Key'), elementText(upload, 'UploadId')];
        const started = new Date(elementText(upload, 'Initiated') ?? 0);
        if (key !== undefined && id !== undefined) yield { key, id, started };
      }
      const [nextKey = '', nextId = ''] = ['NextKeyMarker', 'NextUploadIdMarker'].map(
        (name) => elementText(page, name) ?? '',
      );
      if (elementText(page, 'IsTruncated') !== 'true' || nextKey === '') return;
      marker = { 'key-marker': nextKey, 'upload-id-marker': nextId };
    }
  }

  isPart({ tag }: StoredPart, bytes: Uint8Array): boolean {
    return md5(bytes).toString('hex') === tag.replaceAll('"', '').toLowerCase();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }

  async #xml(request: OssRequest, call: CallOptions): Promise<string> {
    const answer = await this.#send(request, call);
    return (await collect(answer.body, MAX_ANSWER, request.what)).toString('utf8');
  }

  /** Throws unless the status is one of success. */
  async #send(request: OssRequest, { signal }: CallOptions): Promise<HttpResponse> {
    const { method, what, key, query = {}, body } = request;
    const { bucket, keys, region, endpoint } = this.#config;
    const headers = signed(
      { method, bucket, key, query, headers: request.headers ?? {} },
      keys,
      region,
      new Date(),
    );
    const needsBody = method === 'PUT' || method === 'POST';
    const answer = await this.#transport.send({
      method,
      url: this.#url(key, query),
      headers,
      body: body === undefined ? (needsBody ? inPieces(new Uint8Array()) : undefined) : inPieces(body),
      signal,
      sameOriginOnly: true,
    });
    if (answer.status < 300) return answer;
    const text = await collect(answer.body, MAX_ANSWER, what).then(
      (bytes) => bytes.toString('utf8'),
      () => '',
    );
    const { side, redactor } = this.#transport;
    throw refusalError(
      {
        what,
        status: answer.status,
        code: elementText(text, 'Code'),
        message: elementText(text, 'Message'),
        retryAfterMs: parseRetryAfter(answer.headers['retry-after'], Date.now()),
      },
      { location: this.location, bucket, endpoint, side, redactor },
    );
  }

  /** The bucket is a part of the host's name, except where that is an address. */
  #url(key: string | undefined, query: Readonly<Record<string, string>>): URL {
    const { scheme, endpoint, bucket } = this.#config;
    const { name } = splitHost(endpoint);
    const isAddress = name === 'localhost' || isIP(name.replace(/^\[|\]$/g, '')) !== 0;
    const host = isAddress ? endpoint : `${bucket}.${endpoint}`;
    const path = `${isAddress ? `${bucket}/` : ''}${key === undefined ? '' : escapedPath(key)}`;
    const members = Object.entries(query).map(([member, value]) =>
      value === '' ? escaped(member) : `${escaped(member)}=${escaped(value)}`,
    );
    return new URL(`${scheme}//${host}/${path}${members.length === 0 ? '' : `?${members.join('&')}`}`);
  }
}

function md5(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest();
}
