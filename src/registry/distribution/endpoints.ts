/** Finds the hosts that serve a registry's images: the mirrors that `hosts.toml` names, and then the registry itself. */
import { stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { readSettings } from '../../io/settings-file.js';
import { errorCode, localIoError } from '../../io/system-error.js';
import { type Reference, registryHost } from '../../oci/reference.js';
import { ALL_CAPABILITIES, type Capability, type HostEntry } from './host-entry.js';
import { endpointsBySettings, type SettingsByRegistry } from './registry-settings.js';
import { certificateFiles, type HostTls } from '../http/trust.js';

export interface Endpoint {
  /** Host, with port, as credentials are stored for it. */
  readonly host: string;
  /** The URL of its API, such as `https://host/v2`; undefined when it is `/v2` by a scheme that is not known yet. */
  readonly root: URL | undefined;
  readonly capabilities: readonly Capability[];
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: HostTls | undefined;
  /** The registry that this host mirrors, which requests name as `?ns=`; undefined for the registry itself. */
  readonly namespace: string | undefined;
}

export interface EndpointOptions {
  /** A folder such as containerd's `certs.d`, or several, as in `PATH`. */
  readonly hostsDir?: string | undefined;
  /** For registries that have no folder there. */
  readonly registries?: SettingsByRegistry | undefined;
}

/** In the order in which to try them. */
export async function endpointsOf(
  reference: Reference,
  { hostsDir, registries = {} }: EndpointOptions,
): Promise<readonly Endpoint[]> {
  const host = registryHost(reference);
  const itself: Endpoint = {
    host,
    root: undefined,
    capabilities: ALL_CAPABILITIES,
    headers: {},
    tls: undefined,
    namespace: undefined,
  };
  const { registry } = reference;
  const settings = Object.hasOwn(registries, registry) ? registries[registry] : undefined;
  // A folder for all hosts says less about this one than its settings do.
  const names = [
    registry.replace(/:([0-9]+)$/, '_$1_'),
    registry,
    ...(settings === undefined ? ['_default'] : []),
  ];
  const folder = hostsDir === undefined ? undefined : await hostFolder(hostsDir, names);
  if (folder === undefined)
    return settings === undefined ? [itself] : endpointsBySettings(itself, registry, settings);
  const path = join(folder, 'hosts.toml');
  const text = await readIfThere(path);
  // Without a hosts.toml it is one of Docker's folders of certificates.
  if (text === undefined || text === '') return [{ ...itself, tls: await certificateFiles(folder) }];
  const { parseHostsToml } = await import('./hosts-toml.js');
  return parseHostsToml(text, path, folder).map((entry) => toEndpoint(entry, itself, registry));
}

function toEndpoint(entry: HostEntry, itself: Endpoint, registry: string): Endpoint {
  const { root, capabilities, headers, tls } = entry;
  const host = root?.host ?? itself.host;
  return {
    host,
    root,
    capabilities,
    headers,
    tls,
    namespace: host === itself.host || host === registry ? undefined : registry,
  };
}

/** The first folder of these names: `host_port_` or `host:port`, or else the one for all hosts. */
async function hostFolder(hostsDir: string, names: readonly string[]): Promise<string | undefined> {
  for (const path of hostsDir
    .split(delimiter)
    .filter((root) => root !== '')
    .flatMap((root) => names.map((name) => join(root, name)))) {
    try {
      if ((await stat(path)).isDirectory()) return path;
    } catch (cause) {
      if (errorCode(cause) !== 'ENOENT' && errorCode(cause) !== 'ENOTDIR')
        throw localIoError(`cannot read ${path}`, cause);
    }
  }
  return undefined;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readSettings(path);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    throw localIoError(`cannot read ${path}`, cause);
  }
}
