/**
 * Signatures of OSS: version 4, which names a region, where the settings have one, else version 1. Documentation of Alibaba Cloud:
 * "Include a V4 signature in the Authorization header" and "Include a V1 signature in the Authorization header".
 */
import { createHash, createHmac } from 'node:crypto';
import type { Keys } from '../config.js';

export interface UnsignedRequest {
  readonly method: string;
  readonly bucket: string;
  /** Undefined for requests about the bucket. */
  readonly key: string | undefined;
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The headers of the request, with those that sign it. Without keys it stays unsigned. */
export function signed(
  request: UnsignedRequest,
  keys: Keys | undefined,
  region: string | undefined,
  now: Date,
): Readonly<Record<string, string>> {
  if (keys === undefined) return request.headers;
  const token = keys.token === undefined ? {} : { 'x-oss-security-token': keys.token };
  return region === undefined
    ? signedV1({ ...request, headers: { ...request.headers, ...token, date: now.toUTCString() } }, keys)
    : signedV4({ ...request, headers: { ...request.headers, ...token } }, keys, region, now);
}

/** Members of the query that belong to the resource, of those that are used here. */
const SUBRESOURCES: ReadonlySet<string> = new Set(['partNumber', 'uploadId', 'uploads']);

export function signedV1(request: UnsignedRequest, { id, secret }: Keys): Readonly<Record<string, string>> {
  const { method, bucket, key = '', query, headers } = request;
  const own = ossHeaders(headers).map(([name, value]) => `${name}:${value}\n`);
  const members = Object.entries(query)
    .filter(([name]) => SUBRESOURCES.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`));
  const resource = `/${bucket}/${key}${members.length === 0 ? '' : `?${members.join('&')}`}`;
  const text = [
    method,
    headers['content-md5'] ?? '',
    headers['content-type'] ?? '',
    headers['date'] ?? '',
    `${own.join('')}${resource}`,
  ].join('\n');
  const signature = createHmac('sha1', secret).update(text, 'utf8').digest('base64');
  return { ...headers, authorization: `OSS ${id}:${signature}` };
}

const ALGORITHM = 'OSS4-HMAC-SHA256';
/** Content-MD5 guards the body. */
const UNSIGNED = 'UNSIGNED-PAYLOAD';

export function signedV4(
  request: UnsignedRequest,
  { id, secret }: Keys,
  region: string,
  now: Date,
): Readonly<Record<string, string>> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const headers: Readonly<Record<string, string>> = {
    ...request.headers,
    'x-oss-date': time,
    'x-oss-content-sha256': UNSIGNED,
  };
  const scope = `${day}/${region}/oss/aliyun_v4_request`;
  const canonical = [
    request.method,
    `/${escapedPath(request.key === undefined ? `${request.bucket}/` : `${request.bucket}/${request.key}`)}`,
    canonicalQuery(request.query),
    signedHeaders(headers)
      .map(([name, value]) => `${name}:${value.trim()}\n`)
      .join(''),
    '', // no additional headers
    UNSIGNED,
  ].join('\n');
  const hash = createHash('sha256').update(canonical, 'utf8').digest('hex');
  const mac = (key: string | Buffer, text: string): Buffer =>
    createHmac('sha256', key).update(text, 'utf8').digest();
  const key = [region, 'oss', 'aliyun_v4_request'].reduce<Buffer>(mac, mac(`aliyun_v4${secret}`, day));
  const signature = mac(key, [ALGORITHM, time, scope, hash].join('\n')).toString('hex');
  return { ...headers, authorization: `${ALGORITHM} Credential=${id}/${scope},Signature=${signature}` };
}

/** In the order of their names, as signatures have them. */
function canonicalQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => [escaped(name), value === '' ? '' : `=${escaped(value)}`] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map((pair) => pair.join(''))
    .join('&');
}

function signedHeaders(headers: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith('x-oss-') || name === 'content-type' || name === 'content-md5')
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function ossHeaders(headers: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith('x-oss-'))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** RFC 3986. */
export function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function escapedPath(path: string): string {
  return path.split('/').map(escaped).join('/');
}
