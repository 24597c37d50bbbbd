/** The sweeps of the configuration, checked: repositories that are looked through at set times. */
import { Cron } from 'croner';
import { NydusError } from '../../errors.js';
import { parseReference, parseRegistry } from '../../oci/reference.js';
import type { DriverFindings } from './driver.js';
import { type Hosts, knownHost } from './hosts.js';
import type { Settings, SweepSettings } from './settings.js';

export interface Sweep {
  readonly name: string;
  readonly cron: string;
  readonly zone: string;
  readonly registry: string;
  /** Globs; never empty, and neither are `tags`. */
  readonly repositories: readonly string[];
  readonly tags: readonly string[];
}

export function readSweeps(
  { sweeps }: Settings,
  hosts: Hosts,
  { faults }: DriverFindings,
): ReadonlyMap<string, Sweep> {
  const byName = new Map<string, Sweep>();
  for (const [index, given] of sweeps.entries()) {
    const key = `sweeps[${index}]`;
    const { name, cron, zone } = given;
    if (!/^[A-Za-z0-9_.-]+$/.test(name))
      faults.push(`${key}.name "${name}" should be letters, digits, ".", "_" and "-"`);
    if (byName.has(name)) faults.push(`${key}.name "${name}" is there twice`);
    const fault = faultOfTimes(given);
    if (fault !== undefined) faults.push(`${key}.${fault}`);
    const repositories = given.repositories.length === 0 ? ['**'] : given.repositories;
    const registry = registryOf(given, key, hosts, faults);
    for (const repository of repositories) {
      if (!isGlob(repository) && !isRepository(repository))
        faults.push(`${key}.repositories: "${repository}" is not a repository`);
    }
    byName.set(name, {
      name,
      cron,
      zone,
      registry,
      repositories,
      tags: given.tags.length === 0 ? ['*'] : given.tags,
    });
  }
  return byName;
}

export function isGlob(text: string): boolean {
  return text.includes('*');
}

function isRepository(text: string): boolean {
  try {
    return parseReference(`registry.example/${text}`).repository === text;
  } catch (error) {
    if (error instanceof NydusError) return false;
    throw error;
  }
}

function faultOfTimes({ cron, zone }: SweepSettings): string | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch {
    return `zone "${zone}" is not a time zone such as Europe/Berlin`;
  }
  try {
    // The library takes a date, and seconds, too.
    if (
      cron.trim().split(/\s+/).length === 5 &&
      new Cron(cron, { timezone: zone, paused: true }).nextRun() !== null
    )
      return undefined;
  } catch {
    // the same sentence as for the wrong number of fields
  }
  return `cron "${cron}" is not a time such as "0 2 * * *": minute, hour, day, month and weekday`;
}

function registryOf({ host }: SweepSettings, key: string, hosts: Hosts, faults: string[]): string {
  if (host === '') {
    faults.push(`${key}.host is missing`);
    return '';
  }
  try {
    const known = knownHost(hosts, parseRegistry(host));
    if (known !== undefined) return known;
    faults.push(`${key}.host ${host} is not in provider.source`);
  } catch (error) {
    if (!(error instanceof NydusError)) throw error;
    faults.push(`${key}.host: ${error.message}`);
  }
  return '';
}
