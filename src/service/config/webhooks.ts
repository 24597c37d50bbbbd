/** The receivers of the configuration, checked. */
import { BlockList, isIP } from 'node:net';
import { NydusError } from '../../errors.js';
import { parseRegistry } from '../../oci/reference.js';
import type { DriverFindings } from './driver.js';
import { type Hosts, knownHost } from './hosts.js';
import type { Settings, WebhookSettings } from './settings.js';

export interface Webhook {
  readonly name: string;
  readonly type: WebhookSettings['type'];
  /** The registry that all its events are about; empty for a generic one, whose images name theirs. */
  readonly registry: string;
  /** Undefined where the file says that anybody may send. */
  readonly auth: { readonly header: string; readonly value: string } | undefined;
  /** Undefined where every address may send. */
  readonly allow: BlockList | undefined;
}

export function readWebhooks(
  { webhooks }: Settings,
  hosts: Hosts,
  findings: DriverFindings,
): ReadonlyMap<string, Webhook> {
  const byName = new Map<string, Webhook>();
  for (const [index, given] of webhooks.entries()) {
    const key = `webhooks[${index}]`;
    const { name, type, auth, unauthenticated } = given;
    if (!/^[A-Za-z0-9_.-]+$/.test(name))
      findings.faults.push(`${key}.name "${name}" should be letters, digits, ".", "_" and "-"`);
    if (byName.has(name)) findings.faults.push(`${key}.name "${name}" is there twice`);
    if (auth === undefined || auth.value === '') {
      if (!unauthenticated)
        findings.faults.push(`${key} has no auth.value; unauthenticated: true lets anybody send`);
    } else if (unauthenticated) findings.faults.push(`${key} has both auth and unauthenticated: true`);
    byName.set(name, {
      name,
      type,
      registry: registryOf(given, key, hosts, findings),
      auth:
        auth === undefined || auth.value === '' ? undefined : { ...auth, header: auth.header.toLowerCase() },
      allow: networksOf(given.allow, `${key}.allow`, findings),
    });
  }
  return byName;
}

function registryOf(
  { registry, type }: WebhookSettings,
  key: string,
  hosts: Hosts,
  { faults }: DriverFindings,
): string {
  if (registry === '') {
    if (type !== 'generic')
      faults.push(`${key}.registry is missing: events of ${type} do not say whose they are`);
    return '';
  }
  try {
    const known = knownHost(hosts, parseRegistry(registry));
    if (known !== undefined) return known;
    faults.push(`${key}.registry ${registry} is not in provider.source`);
  } catch (error) {
    if (!(error instanceof NydusError)) throw error;
    faults.push(`${key}.registry: ${error.message}`);
  }
  return '';
}

function networksOf(
  networks: readonly string[],
  key: string,
  { faults }: DriverFindings,
): BlockList | undefined {
  if (networks.length === 0) return undefined;
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const version = isIP(address);
    const bits = prefix === undefined ? (version === 4 ? 32 : 128) : Number(prefix);
    if (version === 0 || !Number.isInteger(bits) || bits < 0 || bits > (version === 4 ? 32 : 128)) {
      faults.push(`${key}: "${network}" is not a network such as 10.0.0.0/8`);
      continue;
    }
    list.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
