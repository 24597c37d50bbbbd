/**
 * Keeps a registry from leading requests into networks that only this machine reaches: its own services, those of its private
 * network, and the metadata service of its cloud, which hands out credentials. Hosts that the user has named are exempt, and so is
 * the kind of network that they are in: a registry in a private network keeps its blobs and its tokens there too.
 */
import { lookup as resolveName, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { isLoopback, splitHost } from './hosts.js';

/** `public` stands for all addresses that are none of the others. */
export type Network = 'public' | 'private' | 'link-local' | 'loopback';

const NETWORKS: readonly (readonly [network: Network, base: string, bits: number])[] = [
  // The metadata services of clouds that are in no link-local network. The first match counts.
  ['link-local', '100.100.100.200', 32],
  ['link-local', '168.63.129.16', 32],
  ['link-local', '192.0.0.192', 32],
  ['link-local', 'fd00:ec2::254', 128],
  ['link-local', 'fd20:ce::254', 128],
  ['loopback', '0.0.0.0', 8], // this machine, to most systems
  ['loopback', '127.0.0.0', 8],
  ['link-local', '169.254.0.0', 16],
  ['private', '10.0.0.0', 8],
  ['private', '100.64.0.0', 10], // between a provider and its customers; some clouds have their metadata here
  ['private', '172.16.0.0', 12],
  ['private', '192.0.0.0', 24],
  ['private', '192.168.0.0', 16],
  ['private', '198.18.0.0', 15],
  ['loopback', '::', 127],
  ['link-local', 'fe80::', 10],
  ['private', '64:ff9b:1::', 48], // NAT64 of a network's own (RFC 8215)
  ['private', 'fc00::', 7],
  ['private', 'fec0::', 10],
];

const LISTS = NETWORKS.map(([network, base, bits]) => {
  const list = new BlockList();
  list.addSubnet(base, bits, isIP(base) === 4 ? 'ipv4' : 'ipv6');
  return { network, list };
});

/** The network of an address. An IPv6 address that holds an IPv4 address is in the network of that one. */
export function networkOf(address: string): Network {
  const family = isIP(address);
  const inner = family === 6 ? innerAddress(address) : undefined;
  if (inner !== undefined) return networkOf(inner);
  const type = family === 4 ? 'ipv4' : 'ipv6';
  return LISTS.find(({ list }) => list.check(address, type))?.network ?? 'public';
}

/** The IPv4 address in `::ffff:a.b.c.d`, in `::a.b.c.d`, or behind the prefix of NAT64 (RFC 6052) or 6to4 (RFC 3056). */
function innerAddress(address: string): string | undefined {
  const name = new URL(`http://[${address.replace(/%.*$/, '')}]/`).hostname.slice(1, -1);
  const [, high, low] =
    /^(?:::ffff:|::ffff:0:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(name) ??
    /^::([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(name) ??
    /^2002:([0-9a-f]{1,4}):([0-9a-f]{1,4}):/.exec(name) ??
    [];
  if (high === undefined || low === undefined) return undefined;
  return [high, low].flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]).join('.');
}

/** The code of the error with which `lookup` ends. */
export const PRIVATE_ADDRESS = 'ERR_PRIVATE_ADDRESS';

type Answer = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** The hosts of one side of a run. Without any named host nothing is refused. */
export class NamedHosts {
  readonly #names = new Set<string>();
  readonly #allowed: ReadonlySet<string>;
  readonly #networks = new Set<Network>(['public']);

  /** `allowed`: hosts, with a port or without, to which a registry may lead. */
  constructor(allowed: readonly string[] = []) {
    this.#allowed = new Set(allowed.map(hostName));
  }

  /** Notes a host, with its port or without, that the user has named. */
  add(host: string): void {
    const name = hostName(host);
    this.#names.add(name);
    const network = networkOfName(name);
    if (network !== undefined) this.#note(network);
  }

  /** True when requests may go to the host, as far as its name shows. */
  allows(host: string): boolean {
    const name = hostName(host);
    if (this.#isKnown(name)) return true;
    const network = networkOfName(name);
    return network === undefined || this.#networks.has(network);
  }

  /** True for a host that the user has named, or allowed. */
  has(host: string): boolean {
    const name = hostName(host);
    return this.#names.has(name) || this.#allowed.has(name);
  }

  /**
   * Looks up a name for a connection. The addresses that the connection uses are those that are judged, since a name may have another
   * address at each question.
   */
  readonly lookup = (name: string, options: LookupOptions, answer: Answer): void => {
    resolveName(name, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        answer(error, []);
        return;
      }
      const networks = found.map(({ address }) => networkOf(address));
      if (this.#names.has(hostName(name))) for (const network of networks) this.#note(network);
      const fit = this.#isKnown(hostName(name))
        ? found
        : found.filter((_, i) => this.#networks.has(networks[i] ?? 'public'));
      const [first] = fit;
      if (first === undefined) {
        answer(Object.assign(new Error('a private address'), { code: PRIVATE_ADDRESS }), []);
        return;
      }
      if (options.all === true) answer(null, fit);
      else answer(null, first.address, first.family);
    });
  };

  #isKnown(name: string): boolean {
    return this.#names.size === 0 || this.#names.has(name) || this.#allowed.has(name);
  }

  /** Link-local addresses are for the host alone that the user has named. */
  #note(network: Network): void {
    if (network !== 'link-local') this.#networks.add(network);
  }
}

function hostName(host: string): string {
  return splitHost(host).name.toLowerCase().replace(/\.$/, '');
}

/** Undefined for a name that only a look-up can judge. */
function networkOfName(name: string): Network | undefined {
  if (isLoopback(isIP(name) === 6 ? `[${name}]` : name)) return 'loopback';
  return isIP(name) === 0 ? undefined : networkOf(name);
}
