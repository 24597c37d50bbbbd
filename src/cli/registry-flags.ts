/** How to speak with registries: the same flags for every command that does. */
import { type Flag, type FlagValues } from './flags.js';

export const REGISTRY = 'Registries:';

export const REGISTRY_FLAGS: readonly Flag[] = [
  {
    name: 'source-insecure',
    type: 'boolean',
    env: 'SOURCE_INSECURE',
    group: REGISTRY,
    help: "do not verify the source registry's certificate",
  },
  {
    name: 'target-insecure',
    type: 'boolean',
    env: 'TARGET_INSECURE',
    group: REGISTRY,
    help: "do not verify the target registry's certificate",
  },
  {
    name: 'plain-http',
    type: 'boolean',
    env: 'PLAIN_HTTP',
    group: REGISTRY,
    help: 'speak HTTP with both registries; needless for those on this machine',
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
];

/** What the flags say of how to speak with a registry. */
export interface RegistryFlags {
  readonly insecure: boolean;
  readonly plainHttp: boolean;
  /** PEM files. */
  readonly ca?: readonly string[] | undefined;
  readonly hostsDir?: string | undefined;
}

/** What the flags say of one side. */
export function registryFlags(flags: FlagValues, side: 'source' | 'target'): RegistryFlags {
  const ca = flags.text('ca');
  return {
    insecure: flags.isOn(`${side}-insecure`),
    plainHttp: flags.isOn('plain-http'),
    ca: ca === undefined ? [] : ca.split(',').filter((path) => path !== ''),
    hostsDir: flags.text('hosts-dir'),
  };
}
