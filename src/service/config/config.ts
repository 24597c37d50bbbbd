/** The configuration of the service: upstream's file, with our additions, as one value that the rest of the service reads. */
import { readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { stringify } from 'yaml';
import { NydusError, UsageError } from '../../errors.js';
import { localIoError } from '../../io/system-error.js';
import { type Environment, given, homeFolder } from '../../io/variables.js';
import type { RuleSet } from '../rules/rule.js';
import { expander } from './expand.js';
import { type Hosts, readHosts } from './hosts.js';
import { readRules } from './rules.js';
import { type Settings, SETTINGS } from './settings.js';
import { type Findings, UNSUPPORTED } from './shape.js';
import { readSweeps, type Sweep } from './sweeps.js';
import { readWebhooks, type Webhook } from './webhooks.js';
import { readYaml } from './yaml.js';

export interface ServiceConfig {
  readonly settings: Settings;
  readonly hosts: Hosts;
  readonly rules: RuleSet;
  readonly webhooks: ReadonlyMap<string, Webhook>;
  readonly sweeps: ReadonlyMap<string, Sweep>;
  /** The folder of this service alone. */
  readonly workDir: string;
  readonly warnings: readonly string[];
}

/** The configuration is right, and asks for what cannot be done here. */
export class UnsupportedConfigError extends NydusError {
  readonly code = 'UNSUPPORTED';
  readonly exitCode = 2;
}

/** Throws LocalIoError, UsageError with every fault, and UnsupportedConfigError. */
export function readServiceFile(path: string, env: Environment): ServiceConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw localIoError(`cannot read the configuration ${path}`, cause);
  }
  return readServiceConfig(text, path, env);
}

export function readServiceConfig(text: string, name: string, env: Environment): ServiceConfig {
  const findings: Findings = { faults: [], warnings: [], expand: expander(env) };
  const settings = SETTINGS.read(readYaml(text, name), '', findings);
  const { type } = settings.converter.driver;
  const unsupported: string[] = [];
  if (type !== 'nydus') {
    if (type !== 'estargz') throw new UsageError(`${name}: unsupported driver ${type}`);
    unsupported.push('converter.driver.type estargz is not supported: only Nydus images are made');
  }
  const hosts = readHosts(settings, findings);
  const rules = unsupported.length > 0 ? EMPTY_RULES : readRules(settings, findings);
  const webhooks = readWebhooks(settings, hosts, findings);
  const sweeps = readSweeps(settings, hosts, findings);
  const { tls } = settings.server;
  if (tls !== undefined && (tls.cert === '' || tls.key === ''))
    findings.faults.push('server.tls needs both cert and key');
  unsupported.push(...findings.faults.filter((fault) => fault.includes(UNSUPPORTED)));
  if (unsupported.length > 0)
    throw new UnsupportedConfigError(`${name}: ${unsupported.join('; ').replaceAll(UNSUPPORTED, '')}`);
  const { faults, warnings } = findings;
  if (faults.length > 0)
    throw new UsageError(`${name}: ${faults.join('; ')}`, {
      hint: 'docs/service.md lists every key',
    });
  const workDir = workDirOf(settings, env);
  for (const folder of new Set(rules.rules.map(({ driver }) => driver.workDir)))
    if (folder !== undefined && !isWithin(folder, workDir))
      warnings.push(
        `driver.config.work_dir ${folder} is outside of ${workDir}: provider.gcpolicy.threshold does not count what conversions keep there while they run`,
      );
  for (const { name: host, settings: source } of hosts.byName.values()) {
    if (source.webhook.auth_header === '' && settings.api.tokens.length === 0)
      warnings.push(
        `provider.source.${host} has no webhook.auth_header: anybody may ask for its conversions`,
      );
  }
  return { settings, hosts, rules, webhooks, sweeps, workDir, warnings };
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, resolve(path));
  return way !== '..' && !way.startsWith(`..${sep}`);
}

const EMPTY_RULES: RuleSet = { rules: [], suffixes: [], cacheTags: new Set() };

/** Upstream's templates say `/tmp`, which others share, so the service has a folder of its own below it. */
function workDirOf({ provider }: Settings, env: Environment): string {
  if (provider.work_dir !== '') return join(resolve(provider.work_dir), 'nydusify');
  const state = given(env, 'XDG_STATE_HOME');
  return join(state ?? join(homeFolder(env) ?? '/var/lib', '.local', 'state'), 'nydusify');
}

/** The configuration as it is in force, as YAML, without secrets. */
export function effectiveConfig({ settings }: ServiceConfig): string {
  return stringify(SETTINGS.show(settings), { lineWidth: 0 });
}
