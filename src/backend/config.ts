/**
 * The settings of a storage backend, in upstream's JSON. Members that nothing here knows are passed over, because `nydusd` reads
 * the same file. No message holds a value, since any of them may be a secret.
 */
import { UsageError } from '../errors.js';
import { BACKEND_TYPES, type BackendType } from './backend.js';

/** Upstream's names. CRC32 is the default of S3 itself. */
export type Checksum = 'CRC32' | 'CRC32C' | 'SHA1' | 'SHA256';
const CHECKSUMS = ['CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const satisfies readonly Checksum[];

export interface LocalConfig {
  readonly type: 'localfs';
  readonly dir: string;
}

/** A pair of keys, with a token if they are for a while. */
export interface Keys {
  readonly id: string;
  readonly secret: string;
  readonly token: string | undefined;
}

/** What all kinds of buckets have. */
export interface BucketConfig {
  readonly bucket: string;
  /** Put before the digest, without a separator. */
  readonly prefix: string;
  /** Put before the names of bootstraps, without a separator. */
  readonly metaPrefix: string;
  /** Undefined to find them as the provider's own tools do. */
  readonly keys: Keys | undefined;
  /** `https:` or `http:`. */
  readonly scheme: string;
  /** Host, with a port or without. */
  readonly endpoint: string;
  /** Do not verify the server's certificate. */
  readonly insecure: boolean;
}

export interface S3Config extends BucketConfig {
  readonly type: 's3';
  readonly region: string;
  /** Undefined to send none. */
  readonly checksum: Checksum | undefined;
}

export interface OssConfig extends BucketConfig {
  readonly type: 'oss';
  /** Undefined for signatures of version 1, which name no region. */
  readonly region: string | undefined;
}

export type BackendConfig = LocalConfig | S3Config | OssConfig;

/** Throws UsageError. */
export function parseBackendConfig(type: string, json: string): BackendConfig {
  const known = BACKEND_TYPES.find((name) => name === type);
  if (known === undefined)
    throw new UsageError(`a storage backend is one of ${BACKEND_TYPES.join(', ')}, not "${type}"`);
  return READERS[known](new Members(known, parse(known, json)));
}

const READERS = {
  localfs: (members: Members): LocalConfig => ({ type: 'localfs', dir: members.demand('dir') }),
  s3: (members: Members): S3Config => {
    const bucket = bucketOf(members, { endpoint: 's3.amazonaws.com' });
    return { type: 's3', ...bucket, region: members.demand('region'), checksum: checksumOf(members) };
  },
  oss: (members: Members): OssConfig => ({
    type: 'oss',
    ...bucketOf(members, {}),
    region: members.text('region'),
  }),
} as const satisfies { readonly [T in BackendType]: (members: Members) => BackendConfig };

function bucketOf(members: Members, { endpoint: preset }: { readonly endpoint?: string }): BucketConfig {
  const given = members.text('endpoint') ?? preset ?? members.demand('endpoint');
  const [, written, host = given] = /^(https?):\/\/(.*)$/.exec(given) ?? [];
  const scheme = written ?? members.text('scheme') ?? 'https';
  if (scheme !== 'https' && scheme !== 'http')
    throw new UsageError(`the configuration of the ${members.type} backend: scheme is https or http`);
  const endpoint = host.replace(/\/+$/, '');
  if (!/^[A-Za-z0-9._-]+(?::[0-9]+)?$|^\[[0-9a-fA-F:]+\](?::[0-9]+)?$/.test(endpoint))
    throw new UsageError(
      `the configuration of the ${members.type} backend: endpoint is a host, with a port or without`,
    );
  const bucket = members.demand('bucket_name');
  if (!/^[A-Za-z0-9._-]+$/.test(bucket))
    throw new UsageError(
      `the configuration of the ${members.type} backend: bucket_name is no name of a bucket`,
    );
  // The last two are those of upstream's build, whose documentation names the first.
  const prefix = prefixOf(members, 'object_prefix') ?? prefixOf(members, 'blob_prefix') ?? '';
  const metaPrefix = prefixOf(members, 'meta_prefix') ?? '';
  return {
    bucket,
    prefix,
    metaPrefix,
    keys: keysOf(members),
    scheme: `${scheme}:`,
    endpoint,
    insecure: members.isOn('skip_verify'),
  };
}

function prefixOf(members: Members, name: string): string | undefined {
  const prefix = members.text(name);
  if (prefix !== undefined && /(?:^|\/)\.{1,2}(?:\/|$)|\p{C}/u.test(prefix))
    throw new UsageError(`the configuration of the ${members.type} backend: ${name} is no start of a name`);
  return prefix;
}

function keysOf(members: Members): Keys | undefined {
  const [id, secret] = [members.text('access_key_id'), members.text('access_key_secret')];
  const token = members.text('security_token');
  if (id === undefined && secret === undefined) return undefined;
  if (id === undefined || secret === undefined)
    throw new UsageError(
      `the configuration of the ${members.type} backend has ${id === undefined ? 'access_key_secret without access_key_id' : 'access_key_id without access_key_secret'}`,
    );
  return { id, secret, token };
}

/** An empty text asks for none, as upstream has it. */
function checksumOf(members: Members): Checksum | undefined {
  const given = members.raw('checksum_algorithm');
  if (given === undefined || given === null) return 'CRC32';
  if (given === '') return undefined;
  const known = CHECKSUMS.find((name) => typeof given === 'string' && name === given.toUpperCase());
  if (known !== undefined) return known;
  throw new UsageError(
    `the configuration of the s3 backend: checksum_algorithm is one of ${CHECKSUMS.join(', ')}, or empty`,
  );
}

/** The members of the JSON object, by upstream's rules: an empty text is as good as none. */
class Members {
  readonly type: BackendType;
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(type: BackendType, members: Readonly<Record<string, unknown>>) {
    this.type = type;
    this.#members = members;
  }

  raw(name: string): unknown {
    return Object.hasOwn(this.#members, name) ? this.#members[name] : undefined;
  }

  text(name: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string') return value;
    throw new UsageError(`the configuration of the ${this.type} backend: ${name} is no text`);
  }

  demand(name: string): string {
    const value = this.text(name);
    if (value !== undefined) return value;
    throw new UsageError(`the configuration of the ${this.type} backend has no ${name}`);
  }

  isOn(name: string): boolean {
    const value = this.raw(name);
    return value === true || value === 'true';
  }
}

function parse(type: BackendType, json: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's own error quotes the text, which holds secrets.
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>; // JSON has no other objects
  throw new UsageError(`the configuration of the ${type} backend is no JSON object`);
}
