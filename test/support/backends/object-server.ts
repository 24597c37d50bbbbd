/**
 * A server with the protocol of S3 or of OSS and one bucket, in memory. It is strict: what its documentation does not allow is refused,
 * and for OSS every signature is computed anew. A test may fail any request.
 */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export interface ServedRequest {
  /** From 1, over all requests. */
  readonly number: number;
  readonly method: string;
  /** What is done: `HEAD`, `GET`, `PUT`, `DELETE`, `LIST`, `BEGIN`, `PART`, `COMPLETE`, `ABORT`, `PARTS`, `UPLOADS`. */
  readonly verb: string;
  readonly key: string;
  /** Number of the part, of `PART`. */
  readonly part: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: number;
}

/** How a request fails: the connection is cut before anything is done, or afterwards, or within the answer; or it is refused. */
export type Fault =
  | 'cut'
  | 'cut-after'
  | 'cut-within'
  | { readonly status: number; readonly code: string; readonly headers?: Record<string, string> };

export interface ObjectServerOptions {
  readonly dialect: 's3' | 'oss';
  readonly bucket: string;
  readonly keys: { readonly id: string; readonly secret: string };
  /** Of signatures of version 4. */
  readonly region?: string | undefined;
  readonly fault?: ((request: ServedRequest) => Fault | undefined) | undefined;
  /** Entries of a page of a list. */
  readonly page?: number | undefined;
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

interface Upload {
  readonly key: string;
  readonly started: Date;
  readonly parts: Map<number, Buffer>;
}

const MIN_PART = 100 * 1024;

class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message = code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class ObjectServer implements AsyncDisposable {
  readonly objects = new Map<string, { readonly bytes: Buffer; readonly modified: Date }>();
  readonly uploads = new Map<string, Upload>();
  readonly requests: ServedRequest[] = [];
  fault: ObjectServerOptions['fault'];
  /** A request is answered when this has settled. */
  hold: ((request: ServedRequest) => Promise<void> | undefined) | undefined;
  readonly #options: ObjectServerOptions;
  readonly #server: Server;

  private constructor(options: ObjectServerOptions) {
    this.#options = options;
    this.fault = options.fault;
    this.#server = createServer((request, response) => {
      void this.#serve(request, response);
    });
  }

  static async start(options: ObjectServerOptions): Promise<ObjectServer> {
    const server = new ObjectServer(options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  /** `127.0.0.1:PORT`. */
  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
    return `127.0.0.1:${address.port}`;
  }

  /** Settings by which a client reaches the bucket. */
  settings(prefix = ''): Record<string, string> {
    const { bucket, keys, region, dialect } = this.#options;
    return {
      endpoint: this.endpoint,
      scheme: 'http',
      bucket_name: bucket,
      access_key_id: keys.id,
      access_key_secret: keys.secret,
      object_prefix: prefix,
      ...(dialect === 's3' ? { region: region ?? 'us-east-1' } : region === undefined ? {} : { region }),
    };
  }

  /** Names of objects, and of uploads that were not ended. */
  names(): string[] {
    return [
      ...this.objects.keys(),
      ...Array.from(this.uploads.values(), ({ key }) => `upload of ${key}`),
    ].sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await bodyOf(request);
      const url = new URL(request.url ?? '/', `http://${this.endpoint}`);
      const [, bucket = '', ...rest] = url.pathname.split('/');
      const key = decodeURIComponent(rest.join('/'));
      const query = url.searchParams;
      const verb = verbOf(request.method ?? '', key, query);
      const part = verb === 'PART' ? Number(query.get('partNumber')) : undefined;
      const { method = '', headers } = request;
      const served = {
        number: this.requests.length + 1,
        method,
        verb,
        key,
        part,
        headers,
        bytes: body.length,
      };
      this.requests.push(served);
      await this.hold?.(served);
      const fault = this.fault?.(served);
      if (fault === 'cut') {
        request.socket.destroy();
        return;
      }
      if (typeof fault === 'object') {
        for (const [name, value] of Object.entries(fault.headers ?? {})) response.setHeader(name, value);
        throw new Refused(fault.status, fault.code);
      }
      this.#verify(request, url, bucket, key);
      if (bucket !== this.#options.bucket) throw new Refused(404, 'NoSuchBucket');
      const answer = this.#answer(verb, key, query, request, body);
      if (fault === 'cut-after') {
        request.socket.destroy();
        return;
      }
      if (fault === 'cut-within') {
        const whole = Buffer.from(answer.body ?? '');
        response.writeHead(answer.status, { ...answer.headers, 'content-length': whole.length + 1 });
        response.write(whole.subarray(0, whole.length / 2), () => request.socket.destroy());
        return;
      }
      response.writeHead(answer.status, answer.headers);
      response.end(request.method === 'HEAD' ? undefined : answer.body);
    } catch (error) {
      if (!(error instanceof Refused)) {
        response.destroy(error instanceof Error ? error : undefined);
        return;
      }
      const { status, code, message } = error;
      const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(request.method === 'HEAD' ? undefined : text);
    }
  }

  #verify(request: IncomingMessage, url: URL, bucket: string, key: string): void {
    const { dialect, keys, region } = this.#options;
    const { authorization = '', date } = request.headers;
    if (authorization === '') throw new Refused(403, 'AccessDenied', 'anonymous access is forbidden');
    if (dialect === 's3') {
      const id = /Credential=([^/]+)\//.exec(authorization)?.[1];
      if (id !== keys.id) throw new Refused(403, 'InvalidAccessKeyId');
      return;
    }
    const sent = region === undefined ? date : request.headers['x-oss-date'];
    const time = Date.parse(
      region === undefined
        ? String(sent)
        : String(sent).replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
    );
    if (Number.isNaN(time) || Math.abs(Date.now() - time) > 900_000)
      throw new Refused(403, 'RequestTimeTooSkewed');
    const id = (/^OSS ([^:]+):/.exec(authorization) ?? /Credential=([^/]+)\//.exec(authorization))?.[1];
    if (id !== keys.id) throw new Refused(403, 'InvalidAccessKeyId');
    const wanted =
      region === undefined
        ? v1(request, url, `/${bucket}/${key}`, keys)
        : v4(request, url, `/${bucket}/${key}`, keys, region);
    if (authorization !== wanted) throw new Refused(403, 'SignatureDoesNotMatch');
  }

  #answer(verb: string, key: string, query: URLSearchParams, request: IncomingMessage, body: Buffer): Answer {
    const checked = (): void => {
      const md5 = request.headers['content-md5'];
      if (md5 !== undefined && md5 !== digest('md5', body).toString('base64'))
        throw new Refused(400, 'BadDigest');
      if (this.#options.dialect === 'oss' && md5 === undefined) throw new Refused(400, 'MissingContentMD5');
    };
    const id = query.get('uploadId') ?? '';
    const upload = (): Upload => {
      const found = this.uploads.get(id);
      if (found?.key !== key) throw new Refused(404, 'NoSuchUpload');
      return found;
    };
    const { page = 1000 } = this.#options;
    switch (verb) {
      case 'HEAD':
      case 'GET':
        return this.#get(key, request.headers.range);
      case 'PUT':
        checked();
        this.objects.set(key, { bytes: body, modified: new Date() });
        return { status: 200, headers: { etag: etag(body) } };
      case 'DELETE':
        this.objects.delete(key);
        return { status: 204 };
      case 'BEGIN': {
        const name = randomUUID();
        this.uploads.set(name, { key, started: new Date(), parts: new Map() });
        return { status: 200, body: `<R><Key>${key}</Key><UploadId>${name}</UploadId></R>` };
      }
      case 'PART':
        checked();
        upload().parts.set(Number(query.get('partNumber')), body);
        return { status: 200, headers: { etag: etag(body) } };
      case 'ABORT':
        upload();
        this.uploads.delete(id);
        return { status: 204 };
      case 'COMPLETE': {
        const { parts } = upload();
        const named = [...body.toString('utf8').matchAll(/<Part>([^]*?)<\/Part>/g)].map(([, text = '']) => ({
          number: Number(/<PartNumber>(\d+)</.exec(text)?.[1]),
          tag: (/<ETag>([^<]*)</.exec(text)?.[1] ?? '').replaceAll('&quot;', '"'),
        }));
        const pieces = named.map(({ number, tag }, i) => {
          const piece = parts.get(number);
          if (piece === undefined || etag(piece) !== tag) throw new Refused(400, 'InvalidPart');
          if (i > 0 && number <= (named[i - 1]?.number ?? 0)) throw new Refused(400, 'InvalidPartOrder');
          if (i < named.length - 1 && piece.length < MIN_PART) throw new Refused(400, 'EntityTooSmall');
          return piece;
        });
        this.objects.set(key, { bytes: Buffer.concat(pieces), modified: new Date() });
        this.uploads.delete(id);
        return { status: 200, body: `<R><Key>${key}</Key><ETag>"x-${named.length}"</ETag></R>` };
      }
      case 'PARTS': {
        const after = Number(query.get('part-number-marker') ?? 0);
        const all = [...upload().parts].filter(([number]) => number > after).sort(([a], [b]) => a - b);
        const shown = all.slice(0, page);
        const rows = shown.map(
          ([number, bytes]) =>
            `<Part><PartNumber>${number}</PartNumber><ETag>${etag(bytes)}</ETag><Size>${bytes.length}</Size></Part>`,
        );
        const more = all.length > shown.length;
        const next = more ? `<NextPartNumberMarker>${shown.at(-1)?.[0] ?? 0}</NextPartNumberMarker>` : '';
        return { status: 200, body: `<R>${rows.join('')}<IsTruncated>${more}</IsTruncated>${next}</R>` };
      }
      case 'UPLOADS': {
        const after = query.get('upload-id-marker') ?? '';
        const all = [...this.uploads]
          .filter(([name, { key: of }]) => of.startsWith(query.get('prefix') ?? '') && name > after)
          .sort(([a], [b]) => (a < b ? -1 : 1));
        const shown = all.slice(0, page);
        const rows = shown.map(
          ([name, { key: of, started }]) =>
            `<Upload><Key>${of}</Key><UploadId>${name}</UploadId><Initiated>${started.toISOString()}</Initiated></Upload>`,
        );
        const more = all.length > shown.length;
        const [lastId, last] = shown.at(-1) ?? [];
        const next = more
          ? `<NextKeyMarker>${last?.key ?? ''}</NextKeyMarker><NextUploadIdMarker>${lastId ?? ''}</NextUploadIdMarker>`
          : '';
        return { status: 200, body: `<R>${rows.join('')}<IsTruncated>${more}</IsTruncated>${next}</R>` };
      }
      case 'LIST': {
        const after = query.get('marker') ?? query.get('continuation-token') ?? '';
        const all = [...this.objects]
          .filter(([name]) => name.startsWith(query.get('prefix') ?? '') && name > after)
          .sort(([a], [b]) => (a < b ? -1 : 1));
        const shown = all.slice(0, page);
        const rows = shown.map(
          ([name, { bytes, modified }]) =>
            `<Contents><Key>${name}</Key><LastModified>${modified.toISOString()}</LastModified><Size>${bytes.length}</Size></Contents>`,
        );
        const more = all.length > shown.length;
        const mark = this.#options.dialect === 's3' ? 'NextContinuationToken' : 'NextMarker';
        const next = more ? `<${mark}>${shown.at(-1)?.[0] ?? ''}</${mark}>` : '';
        return { status: 200, body: `<R>${rows.join('')}<IsTruncated>${more}</IsTruncated>${next}</R>` };
      }
      default:
        throw new Refused(405, 'MethodNotAllowed');
    }
  }

  #get(key: string, range: string | undefined): Answer {
    const found = this.objects.get(key);
    if (found === undefined) throw new Refused(404, 'NoSuchKey');
    const { bytes } = found;
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
    if (from === undefined)
      return {
        status: 200,
        headers: { 'content-length': String(bytes.length), etag: etag(bytes) },
        body: bytes,
      };
    const end = to === undefined || to === '' ? bytes.length : Number(to) + 1;
    const part = bytes.subarray(Number(from), end);
    return { status: 206, headers: { 'content-length': String(part.length) }, body: part };
  }
}

function verbOf(method: string, key: string, query: URLSearchParams): string {
  if (query.has('uploads')) return method === 'POST' ? 'BEGIN' : 'UPLOADS';
  if (query.has('uploadId')) {
    return { PUT: 'PART', POST: 'COMPLETE', DELETE: 'ABORT', GET: 'PARTS' }[method] ?? method;
  }
  return key === '' && method === 'GET' ? 'LIST' : method;
}

function etag(bytes: Buffer): string {
  return `"${digest('md5', bytes).toString('hex').toUpperCase()}"`;
}

function digest(algorithm: string, bytes: Uint8Array | string): Buffer {
  return createHash(algorithm).update(bytes).digest();
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer); // no encoding is set
  return Buffer.concat(pieces);
}

interface ServerKeys {
  readonly id: string;
  readonly secret: string;
}

/** Written from the documentation, apart from the code that it judges. */
function v1(request: IncomingMessage, url: URL, resource: string, { id, secret }: ServerKeys): string {
  const names = Object.keys(request.headers)
    .filter((name) => name.startsWith('x-oss-'))
    .sort();
  const lines = names.map((name) => `${name}:${String(request.headers[name])}\n`).join('');
  const parts = ['partNumber', 'uploadId', 'uploads'].filter((name) => url.searchParams.has(name));
  const tail = parts
    .map((name) => {
      const value = url.searchParams.get(name) ?? '';
      return value === '' ? name : `${name}=${value}`;
    })
    .join('&');
  const { 'content-md5': md5 = '', 'content-type': type = '', date = '' } = request.headers;
  const text = `${request.method ?? ''}\n${String(md5)}\n${type}\n${date}\n${lines}${resource}${tail === '' ? '' : `?${tail}`}`;
  return `OSS ${id}:${createHmac('sha1', secret).update(text).digest('base64')}`;
}

function v4(
  request: IncomingMessage,
  url: URL,
  resource: string,
  { id, secret }: ServerKeys,
  region: string,
): string {
  const { headers } = request;
  const names = Object.keys(headers)
    .filter((name) => name.startsWith('x-oss-') || name === 'content-type' || name === 'content-md5')
    .sort();
  const encode = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = [...url.searchParams]
    .map(([name, value]) => (value === '' ? encode(name) : `${encode(name)}=${encode(value)}`))
    .sort()
    .join('&');
  const canonical = `${request.method ?? ''}\n${resource.split('/').map(encode).join('/')}\n${query}\n${names
    .map((name) => `${name}:${String(headers[name])}\n`)
    .join('')}\n\n${String(headers['x-oss-content-sha256'])}`;
  const time = String(headers['x-oss-date']);
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/oss/aliyun_v4_request`;
  let key = createHmac('sha256', `aliyun_v4${secret}`).update(day).digest();
  for (const word of [region, 'oss', 'aliyun_v4_request'])
    key = createHmac('sha256', key).update(word).digest();
  const text = `OSS4-HMAC-SHA256\n${time}\n${scope}\n${digest('sha256', canonical).toString('hex')}`;
  const signature = createHmac('sha256', key).update(text).digest('hex');
  return `OSS4-HMAC-SHA256 Credential=${id}/${scope},Signature=${signature}`;
}
