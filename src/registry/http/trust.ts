/**
 * The authorities to trust, and our client certificates: those of the machine, those that the user adds, and those that Docker's
 * `certs.d` folders and `hosts.toml` hold for one host, which are used with that host and port alone.
 */
import { X509Certificate } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import {
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
  rootCertificates,
  type SecureContext,
} from 'node:tls';
import { FormatError, type NydusErrorOptions } from '../../errors.js';
import { readSettings } from '../../io/settings-file.js';
import { errorCode, localIoError } from '../../io/system-error.js';

/** PEM files of one host. */
export interface HostTls {
  /** Authorities to trust beside the usual ones. */
  readonly ca?: readonly string[] | undefined;
  /** Client certificates. Without `key`, the certificate's own file holds the key. */
  readonly client?: readonly { readonly cert: string; readonly key: string | undefined }[] | undefined;
  readonly skipVerify?: boolean | undefined;
  /** Milliseconds that a connection may take to open, with TLS or without. */
  readonly dialTimeoutMs?: number | undefined;
}

/** The TLS settings of `hosts.toml` for a host, by its name and port (none for 443). */
export type TlsByHost = (host: string) => Promise<HostTls | undefined>;

export interface TrustOptions {
  /** PEM files of authorities to trust for every host, beside the usual ones. */
  readonly ca?: readonly string[] | undefined;
  /** Authorities in place of those that come with Node: a file, folders of files, or both. */
  readonly roots?: Roots | undefined;
  /** The machine's authorities, beside all others: PEM files, of which the first that exists is used. */
  readonly systemFiles?: readonly string[] | undefined;
  /** Folders that hold a folder for each host, as Docker's `/etc/docker/certs.d`; absent ones are skipped. */
  readonly certDirs?: readonly string[] | undefined;
}

export interface Roots {
  readonly file: string | undefined;
  readonly folders: readonly string[];
}

/** The settings of a TLS connection to one host. */
export interface TlsSettings {
  /** Undefined for Node's own defaults. */
  readonly secureContext: SecureContext | undefined;
  readonly rejectUnauthorized: boolean;
}

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/;

/**
 * Reading all authorities of a machine takes a tenth of a second, which most runs need not spend. So there are stages: a host whose
 * certificate one stage does not trust is tried with the next, and the last stage trusts all that any stage does.
 */
export class Trust {
  readonly #options: TrustOptions;
  readonly #insecure: boolean;
  /** From `hosts.toml`, by host and port. */
  readonly #hosts: TlsByHost;
  readonly #files = new Map<string, Promise<HostFiles>>();
  #system: Promise<string | undefined> | undefined;
  #roots: Promise<readonly string[]> | undefined;

  constructor(options: TrustOptions, insecure: boolean, hosts: TlsByHost = nothingFor) {
    this.#options = options;
    this.#insecure = insecure;
    this.#hosts = hosts;
  }

  /**
   * The settings of a stage, from 0 on; undefined beyond the last one. `host` has its port unless that is 443. A proxy's certificate
   * is always verified: a user who waives that for a registry has not waived it for the proxy. Throws LocalIoError and FormatError
   * for files that cannot be used.
   */
  async settingsFor(
    host: string,
    kind: 'registry' | 'proxy',
    stage: number,
  ): Promise<TlsSettings | undefined> {
    const files = await this.#filesOf(host);
    const rejectUnauthorized = !(kind === 'registry' && files.skipVerify);
    if (!rejectUnauthorized)
      return stage === 0
        ? { secureContext: await contextOf(host, undefined, files), rejectUnauthorized }
        : undefined;
    const { ca: everywhere = [], roots } = this.#options;
    const usual = (): Promise<readonly string[]> | undefined =>
      roots === undefined ? undefined : (this.#roots ??= readRoots(roots));
    const everything = async (): Promise<readonly string[] | undefined> => {
      const system = roots === undefined ? await this.#systemFile() : undefined;
      if (system === undefined && files.ca.length === 0 && everywhere.length === 0) return undefined;
      return [
        ...(await certificatesIn([...files.ca, ...everywhere])),
        ...((await usual()) ?? rootCertificates),
        ...(system === undefined ? [] : [system]),
      ];
    };
    const stages: (() => Promise<readonly string[] | undefined> | undefined)[] = [
      ...(files.ca.length === 0 ? [] : [() => certificatesIn(files.ca)]),
      usual,
      ...(everywhere.length === 0 ? [] : [() => certificatesIn(everywhere)]),
    ];
    const authorities = stages[stage];
    if (authorities !== undefined)
      return { secureContext: await contextOf(host, await authorities(), files), rejectUnauthorized };
    const all = stage === stages.length ? await everything() : undefined;
    return all === undefined
      ? undefined
      : { secureContext: await contextOf(host, all, files), rejectUnauthorized };
  }

  /** Undefined when the host has no settings of its own. */
  async dialTimeoutMs(host: string): Promise<number | undefined> {
    return (await this.#hosts(host))?.dialTimeoutMs;
  }

  #systemFile(): Promise<string | undefined> {
    this.#system ??= readFirst(this.#options.systemFiles ?? []);
    return this.#system;
  }

  #filesOf(host: string): Promise<HostFiles> {
    const known = this.#files.get(host);
    if (known !== undefined) return known;
    const found = this.#findFiles(host);
    this.#files.set(host, found);
    return found;
  }

  async #findFiles(host: string): Promise<HostFiles> {
    const { ca = [], client = [], skipVerify = this.#insecure } = (await this.#hosts(host)) ?? {};
    const found = { ca: [...ca], client: [...client], skipVerify };
    // A registry may lead to a host named `..`, which is no folder of its own.
    const isName = !/^\.*$/.test(host);
    const names = /:[0-9]+$/.test(host) ? [host] : [...(isName ? [host] : []), `${host}:443`];
    for (const folder of this.#options.certDirs ?? []) {
      for (const name of names) {
        const files = await certificateFiles(join(folder, name));
        found.ca.push(...files.ca);
        found.client.push(...files.client);
      }
    }
    return found;
  }
}

const nothingFor: TlsByHost = () => Promise.resolve(undefined);

/** `*.crt` are authorities, `*.cert` with `*.key` client certificates; docs.docker.com, "Verify repository client with certificates". */
export async function certificateFiles(
  folder: string,
): Promise<{ readonly ca: readonly string[]; readonly client: NonNullable<HostTls['client']> }> {
  const files = (await namesIn(folder)) ?? [];
  const at = (file: string): string => join(folder, file);
  const clients = files.filter((file) => file.endsWith('.cert'));
  return {
    ca: files.filter((file) => file.endsWith('.crt')).map(at),
    client: clients.map((cert) => {
      const key = cert.replace(/\.cert$/, '.key');
      return { cert: at(cert), key: files.includes(key) ? at(key) : undefined };
    }),
  };
}

interface HostFiles {
  readonly ca: readonly string[];
  readonly client: readonly { readonly cert: string; readonly key: string | undefined }[];
  readonly skipVerify: boolean;
}

/**
 * The fault of a verified certificate that is not for `host`. A certificate without `subjectAltName` is for no host, as in Go and
 * in browsers: its common name is no name that an authority has looked at (RFC 9525, 2).
 */
export function identityFault(host: string, certificate: PeerCertificate): Error | undefined {
  // Node 22.23 takes an IPv6 address for a name, which no certificate has then.
  if (isIPv6(host)) {
    if (new X509Certificate(certificate.raw).checkIP(host) !== undefined) return undefined;
    return identityError(`the certificate is not for the address ${host}`);
  }
  const { subject, ...named } = certificate;
  // Node takes the common name where subjectAltName holds mail addresses or the like alone.
  if ((named.subjectaltname ?? '') !== '')
    return checkServerIdentity(host, { ...named, subject: { ...subject, CN: '' } });
  return identityError(`the certificate has no subjectAltName, and so is not for ${host}`);
}

function identityError(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
}

/** Undefined when nothing differs from Node's own defaults. */
async function contextOf(
  host: string,
  ca: readonly string[] | undefined,
  { client }: HostFiles,
): Promise<SecureContext | undefined> {
  if (ca === undefined && client.length === 0) return undefined;
  const cert = await certificatesIn(client.map((pair) => pair.cert));
  const key = await Promise.all(client.map((pair) => readPem(pair.key ?? pair.cert)));
  try {
    return createSecureContext({
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(client.length === 0 ? {} : { cert: [...cert], key }),
    });
  } catch (cause) {
    const which = client.map((pair) => pair.cert).join(', ');
    // The cause is left out, because it may quote the file, such as a key.
    throw new FormatError(
      `the certificates for ${host} cannot be used${which === '' ? '' : `: ${which}`} (${errorCode(cause) ?? 'malformed'})`,
    );
  }
}

async function readRoots(roots: Roots): Promise<readonly string[]> {
  const found: string[] = [];
  if (roots.file !== undefined) found.push(await readCertificates(roots.file, ROOTS_ADVICE));
  for (const folder of roots.folders) {
    const names = await namesIn(folder);
    if (names === undefined)
      throw localIoError(`cannot read ${folder}`, new Error('no such folder'), ROOTS_ADVICE);
    for (const name of names) {
      const text = await readSettings(join(folder, name)).catch(() => ''); // a folder, or a link to nowhere
      if (CERTIFICATE.test(text)) found.push(text);
    }
  }
  return found;
}

const ROOTS_ADVICE = { remedy: { kind: 'trust-roots' } } as const;

/** The first of the files that can be read, if any. */
async function readFirst(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await readSettings(path).catch(() => '');
    if (CERTIFICATE.test(text)) return text;
  }
  return undefined;
}

function certificatesIn(paths: readonly string[]): Promise<readonly string[]> {
  return Promise.all(paths.map((path) => readCertificates(path)));
}

/** Sorted; undefined when there is no such folder. */
async function namesIn(folder: string): Promise<string[] | undefined> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return undefined;
    throw localIoError(`cannot read ${folder}`, cause);
  }
}

async function readCertificates(path: string, advice?: Pick<NydusErrorOptions, 'remedy'>): Promise<string> {
  const text = await readPem(path, advice);
  if (CERTIFICATE.test(text)) return text;
  throw new FormatError(`${path}: no certificate in PEM form`, {
    hint: 'convert DER with: openssl x509 -inform der -in FILE -out FILE.pem',
  });
}

async function readPem(path: string, advice?: Pick<NydusErrorOptions, 'remedy'>): Promise<string> {
  try {
    return await readSettings(path);
  } catch (cause) {
    throw localIoError(`cannot read ${path}`, cause, advice);
  }
}
