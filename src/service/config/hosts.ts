/** The registries that the configuration names: the only ones that the service speaks with. */
import { NydusError } from '../../errors.js';
import { parseRegistry } from '../../oci/reference.js';
import { hostUrl } from '../../registry/distribution/registry-settings.js';
import type { DriverFindings } from './driver.js';
import type { Settings, SourceSettings } from './settings.js';

export interface SourceHost {
  readonly name: string;
  readonly settings: SourceSettings;
  readonly credential: { readonly username: string; readonly password: string } | undefined;
}

export interface Hosts {
  readonly byName: ReadonlyMap<string, SourceHost>;
  /** Other names of hosts, as senders write them. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly isAnyAllowed: boolean;
}

export function readHosts({ provider }: Settings, { faults }: DriverFindings): Hosts {
  const byName = new Map<string, SourceHost>();
  const aliases = new Map<string, string>();
  for (const [given, settings] of provider.source) {
    const key = `provider.source.${given}`;
    try {
      // `localhost` alone is a host here, as it is in references.
      const name = parseRegistry(given);
      byName.set(name, { name, settings, credential: credentialOf(settings.auth, key, faults) });
      const fault = faultOfEndpoint(settings);
      if (fault !== undefined) faults.push(`${key}.${fault}`);
      for (const alias of settings.aliases) aliases.set(parseRegistry(alias), name);
    } catch (error) {
      if (!(error instanceof NydusError)) throw error;
      faults.push(`${key}: ${error.message}`);
    }
  }
  return { byName, aliases, isAnyAllowed: provider.allow_any_host };
}

function faultOfEndpoint({ endpoint, plain_http }: SourceSettings): string | undefined {
  if (endpoint === '') return undefined;
  try {
    const { protocol } = hostUrl(endpoint);
    return plain_http && protocol === 'https:'
      ? 'plain_http contradicts the https:// of endpoint'
      : undefined;
  } catch (error) {
    if (!(error instanceof NydusError)) throw error;
    return `endpoint: ${error.message}`;
  }
}

/** The user ends at the first colon; a secret may hold more of them. */
function credentialOf(auth: string, key: string, faults: string[]): SourceHost['credential'] {
  if (auth === '') return undefined;
  // A shell's `echo` adds a line end, as in upstream's own template.
  const text = Buffer.from(auth, 'base64')
    .toString('utf8')
    .replace(/\r?\n$/, '');
  const colon = text.indexOf(':');
  if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  faults.push(`${key}.auth should be "user:secret" in base64`);
  return undefined;
}

/** The name by which the configuration knows a registry; undefined for one that must not be contacted. */
export function knownHost(hosts: Hosts, registry: string): string | undefined {
  const name = hosts.aliases.get(registry) ?? registry;
  return hosts.byName.has(name) || hosts.isAnyAllowed ? name : undefined;
}
