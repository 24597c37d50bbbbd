/**
 * Chooses the proxy of a request by the rules of Go's httpproxy package, which other registry clients follow: `HTTP_PROXY` for
 * http, `HTTPS_PROXY` for https, none for loopback, exceptions in `NO_PROXY`. `ALL_PROXY` is added as curl knows it.
 */
import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { UsageError } from '../../errors.js';
import { isLoopback } from './hosts.js';

/** The user's proxies, with values as in the environment variables of these names. */
export interface Proxies {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  /** Used where the proxy of the scheme is absent or empty. */
  readonly all?: string | undefined;
  readonly no?: string | undefined;
}

/** Undefined when the request goes directly. Throws UsageError for a proxy that is no URL, or of an unknown kind. */
export function proxyFor(url: URL, { http, https, all, no }: Proxies): URL | undefined {
  const [own, ownName] = url.protocol === 'https:' ? [https, 'HTTPS_PROXY'] : [http, 'HTTP_PROXY'];
  const [text, name] = own === undefined || own === '' ? [all, 'ALL_PROXY'] : [own, ownName];
  if (text === undefined || text === '' || isLoopback(url.host) || isExcepted(url, no ?? ''))
    return undefined;
  // In `proxy.example:3128`, a common spelling, the host is no scheme.
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  let proxy: URL;
  try {
    proxy = new URL(whole);
  } catch {
    throw new UsageError(`${name} is no URL`); // the value may hold a password, so it is not shown
  }
  if (!KINDS.has(proxy.protocol)) {
    throw new UsageError(`${name}: a proxy of kind ${proxy.protocol} is not supported`, {
      hint: 'http://, https://, socks5:// and socks5h:// proxies are',
    });
  }
  if (proxy.hostname === '') throw new UsageError(`${name} names no host`);
  return proxy;
}

const KINDS: ReadonlySet<string> = new Set(['http:', 'https:', 'socks5:', 'socks5h:']);

export function isSocks({ protocol }: URL): boolean {
  return protocol.startsWith('socks5');
}

/** `*`; `host` with its subdomains; `.host` for the subdomains alone; addresses; networks such as `10.0.0.0/8`; all with or without a port. */
export function isExcepted(url: URL, list: string): boolean {
  const name = unmapped(url.hostname.replace(/^\[|\]$/g, '').toLowerCase());
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => entry === '*' || matches(entry.toLowerCase(), name, port));
}

function matches(entry: string, name: string, port: string): boolean {
  if (entry.includes('/')) return isInNetwork(entry, name);
  const { host, port: wanted } = splitEntry(entry);
  if (wanted !== undefined && wanted !== port) return false;
  if (isIP(host) !== 0) return isIP(name) !== 0 && canonical(host) === canonical(name);
  const bare = host.replace(/^\*?\./, '');
  // URLs have names beyond ASCII in Punycode.
  const ascii = domainToASCII(bare) || bare;
  if (ascii === '') return false;
  return name.endsWith(`.${ascii}`) || (bare === host && name === ascii);
}

/** Splits `host:port` and `[v6]:port`; the colons of a bare `v6` separate no port. */
function splitEntry(entry: string): { readonly host: string; readonly port: string | undefined } {
  if (isIP(entry) === 6) return { host: entry, port: undefined };
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::([0-9]+))?$/.exec(entry);
  return { host: match?.[1] ?? match?.[2] ?? entry, port: match?.[3] };
}

function isInNetwork(network: string, address: string): boolean {
  const [base = '', bits = ''] = network.split('/');
  const family = isIP(base);
  if (family === 0 || isIP(address) !== family || !/^[0-9]{1,3}$/.test(bits)) return false;
  if (Number(bits) > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const block = new BlockList();
  block.addSubnet(base, Number(bits), type);
  return block.check(address, type);
}

/** Brings an address into one spelling. */
function canonical(address: string): string {
  if (isIP(address) !== 6) return new URL(`http://${address}/`).hostname;
  return unmapped(new URL(`http://[${address}]/`).hostname.slice(1, -1));
}

/** Makes `10.1.2.3` of `::ffff:a01:203`, which is the same address; Go's net package takes the two for equal. */
function unmapped(address: string): string {
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  return [high, low].flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]).join('.');
}
