/** The flags for speaking with registries, the same for every command that does. */
import { UsageError } from '../../errors.js';
import { RateLimit } from '../../io/rate.js';
import type { Flag, FlagValues } from './flags.js';
import type { SettingsByRegistry } from '../../registry/distribution/registry-settings.js';
import { parseRate } from '../text/units.js';

export const REGISTRY = 'Registries:';

/** Logins, authorities and mirrors: the same flags for commands with one registry and with two. */
export const TRUST_FLAGS: readonly Flag[] = [
  {
    name: 'authfile',
    type: 'string',
    value: 'file',
    group: REGISTRY,
    help: 'logins are in this file alone; default: $REGISTRY_AUTH_FILE, then those of Docker and podman',
  },
  {
    name: 'ca',
    type: 'string',
    value: 'files',
    group: REGISTRY,
    help: 'trust the authorities in these PEM files too (comma list)',
  },
  {
    name: 'hosts-dir',
    type: 'string',
    value: 'folder',
    group: REGISTRY,
    help: "mirrors and certificates as in containerd's certs.d: FOLDER/HOST/hosts.toml",
  },
  {
    name: 'allow-host',
    type: 'string',
    value: 'hosts',
    group: REGISTRY,
    help: 'registries and images may lead to these hosts, even to private addresses (comma list)',
  },
];

/** For commands with one registry, before `TRUST_FLAGS`. */
export const ONE_REGISTRY_FLAGS: readonly Flag[] = [
  {
    name: 'insecure',
    type: 'boolean',
    group: REGISTRY,
    help: "do not verify the registry's certificate; if it speaks no TLS, speak HTTP with it, and say so",
  },
  {
    name: 'plain-http',
    type: 'boolean',
    env: 'PLAIN_HTTP',
    group: REGISTRY,
    help: 'speak HTTP with the registry; needless for those on this machine',
  },
];

export const REGISTRY_FLAGS: readonly Flag[] = [
  {
    name: 'source-insecure',
    type: 'boolean',
    env: 'SOURCE_INSECURE',
    group: REGISTRY,
    help: "do not verify the source registry's certificate; if it speaks no TLS, speak HTTP with it, and say so",
  },
  {
    name: 'target-insecure',
    type: 'boolean',
    env: 'TARGET_INSECURE',
    group: REGISTRY,
    help: "do not verify the target registry's certificate; if it speaks no TLS, speak HTTP with it, and say so",
  },
  {
    name: 'plain-http',
    type: 'boolean',
    env: 'PLAIN_HTTP',
    group: REGISTRY,
    help: 'speak HTTP with both registries; needless for those on this machine',
  },
  ...TRUST_FLAGS,
  {
    name: 'limit-rate',
    type: 'string',
    value: 'rate',
    env: 'LIMIT_RATE',
    group: REGISTRY,
    help: 'bytes a second over all transfers, as 10MB/s or 512KiB/s; default: as fast as it goes',
  },
  {
    name: 'max-connections',
    type: 'string',
    value: 'n',
    env: 'MAX_CONNECTIONS',
    group: REGISTRY,
    help: 'connections to each host, of either side, at most; 4 or more; default: 16',
  },
];

const MIN_CONNECTIONS = 4;

/** Shared by both sides of a run. Throws UsageError. */
export function transferOptions(flags: FlagValues): {
  readonly rate: RateLimit | undefined;
  readonly connections: number | undefined;
} {
  const rate = flags.text('limit-rate');
  const connections = flags.number('max-connections');
  if (connections !== undefined && connections < MIN_CONNECTIONS) {
    throw new UsageError(`--max-connections should be ${MIN_CONNECTIONS} or more, not ${connections}`);
  }
  return { rate: rate === undefined ? undefined : new RateLimit(parseRate('limit-rate', rate)), connections };
}

/** The values of these flags for one registry. */
export interface RegistryFlags {
  readonly insecure: boolean;
  readonly plainHttp: boolean;
  /** PEM files. */
  readonly ca?: readonly string[] | undefined;
  readonly hostsDir?: string | undefined;
  /** The only file of logins; those of Docker and podman by default. */
  readonly authFile?: string | undefined;
  /** Hosts to which registries and images may lead. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** What the configuration file says of single registries. */
  readonly registries?: SettingsByRegistry | undefined;
}

/** Reads the flags for one side, or for the only registry of a command that has one. */
export function registryFlags(flags: FlagValues, side?: 'source' | 'target' | 'chunk-dict'): RegistryFlags {
  const ca = flags.text('ca');
  return {
    insecure: flags.isOn(side === undefined ? 'insecure' : `${side}-insecure`),
    plainHttp: flags.isOn('plain-http'),
    ca: listOf(ca),
    hostsDir: flags.text('hosts-dir'),
    authFile: flags.text('authfile'),
    allowedHosts: allowedHosts(flags),
    registries: flags.registries,
  };
}

export function allowedHosts(flags: FlagValues): readonly string[] {
  return listOf(flags.text('allow-host'));
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').filter((item) => item !== '');
}
