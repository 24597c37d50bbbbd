/** How conversions speak with registries: as the configuration says of each host, and not at all with others. */
import { RateLimit } from '../../io/rate.js';
import { parseReference, parseRegistry, type Reference } from '../../oci/reference.js';
import type { Credential, CredentialStore } from '../../registry/auth/credentials.js';
import type { OpenOptions } from '../../registry/open.js';
import { type Hosts, knownHost } from '../config/hosts.js';
import type { RegistryAccess } from './request.js';

const NOTHING_SAID: RegistryAccess = {
  insecure: false,
  plainHttp: false,
  ca: '',
  maxConnections: 16,
  endpoint: '',
  rate: 0,
};

/** The settings of the registries that these images are in; undefined if one of them is not configured. */
export function accessTo(
  hosts: Hosts,
  images: readonly Pick<Reference, 'registry'>[],
): Readonly<Record<string, RegistryAccess>> | undefined {
  const found: Record<string, RegistryAccess> = {};
  for (const { registry } of images) {
    if (knownHost(hosts, registry) !== registry) return undefined;
    const host = hosts.byName.get(registry);
    found[registry] =
      host === undefined
        ? NOTHING_SAID
        : {
            credential: host.credential,
            insecure: host.settings.insecure,
            plainHttp: host.settings.plain_http,
            ca: host.settings.ca,
            maxConnections: host.settings.max_connections,
            endpoint: host.settings.endpoint,
            rate: host.settings.rate,
          };
  }
  return found;
}

/** `base` has what holds for every registry: proxies, authorities, and Docker's logins for hosts without one of their own. */
export function openOptionsFor(
  access: Readonly<Record<string, RegistryAccess>>,
  image: Reference | string,
  base: OpenOptions,
): OpenOptions {
  const { registry } = typeof image === 'string' ? parseReference(image) : image;
  const hosts = Object.entries(access);
  return {
    ...base,
    credentials: credentialsOf(access, base.credentials),
    connections: access[registry]?.maxConnections,
    rate: rateOf(access[registry]),
    registries: Object.fromEntries(
      hosts.map(([name, { plainHttp, insecure, ca, endpoint }]) => [
        name,
        {
          plainHttp,
          insecure,
          ca: ca === '' ? [] : [ca],
          ...(endpoint === '' ? {} : { endpoint }),
        },
      ]),
    ),
  };
}

/** By the settings of a job, so that everything that one job opens of a registry shares one limit. */
const rates = new WeakMap<RegistryAccess, RateLimit>();

function rateOf(access: RegistryAccess | undefined): RateLimit | undefined {
  if (access === undefined || access.rate === 0) return undefined;
  const known = rates.get(access) ?? new RateLimit(access.rate);
  rates.set(access, known);
  return known;
}

/** A credential goes to the host that it is for, port included, and to no other. */
function credentialsOf(
  access: Readonly<Record<string, RegistryAccess>>,
  others: CredentialStore | undefined,
): CredentialStore {
  return {
    description: 'provider.source of the configuration',
    get: async (host, repository, call): Promise<Credential | undefined> => {
      const name = parseRegistry(host);
      if (!Object.hasOwn(access, name)) return undefined;
      return access[name]?.credential ?? (await others?.get(host, repository, call));
    },
  };
}
