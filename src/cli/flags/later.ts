/** Flags that upstream has and this command has not yet: refused by name, never ignored. */
import { UsageError } from '../../errors.js';
import type { Flag, FlagValues } from './flags.js';

export interface LaterFlag extends Flag {
  /** True for a value that asks for what happens anyway. */
  readonly asksForNothing: (value: string) => boolean;
}

/** A row of the tables below. */
export function laterFlag(
  name: string,
  type: Flag['type'],
  env?: string,
  asksForNothing: LaterFlag['asksForNothing'] = () => false,
): LaterFlag {
  const group = 'Accepted without effect:';
  const fromEnvironment = env === undefined ? {} : { env };
  return { name, type, ...fromEnvironment, group, hidden: true, help: 'not supported yet', asksForNothing };
}

/** Flags about places and work; those about the format stand with the others of their kind. */
export const LATER_PLACES: readonly LaterFlag[] = [
  laterFlag('source-backend-type', 'string', 'BACKEND_TYPE'),
  laterFlag('source-backend-config', 'string', 'BACKEND_CONFIG'),
  laterFlag('backend-type', 'string', 'BACKEND_TYPE'),
  laterFlag('backend-config', 'string', 'BACKEND_CONFIG'),
  laterFlag('backend-config-file', 'string', 'BACKEND_CONFIG_FILE'),
  laterFlag('backend-force-push', 'boolean', 'BACKEND_FORCE_PUSH'),
  laterFlag('build-cache', 'string', 'BUILD_CACHE'),
  laterFlag('build-cache-tag', 'string', 'BUILD_CACHE_TAG'),
  laterFlag('build-cache-version', 'string', 'BUILD_CACHE_VERSION'),
  laterFlag('build-cache-insecure', 'boolean', 'BUILD_CACHE_INSECURE'),
  laterFlag('build-cache-max-records', 'string', 'BUILD_CACHE_MAX_RECORDS'),
  laterFlag('reverse', 'boolean', 'REVERSE'),
];

/** Throws UsageError for the first of these flags that asks for something. */
export function refuseLater(flags: FlagValues, later: readonly LaterFlag[]): void {
  for (const { name, type, asksForNothing } of later) {
    if (!flags.isGiven(name)) continue;
    const text = flags.text(name);
    const asked = type === 'boolean' ? flags.isOn(name) : text !== undefined;
    if (!asked || (text !== undefined && asksForNothing(text))) continue;
    throw notYet(flags, name);
  }
}

/** The hint names where the value comes from. */
export function notYet(flags: FlagValues, name: string, because = ''): UsageError {
  const variable = flags.variableOf(name);
  return new UsageError(`--${name} is not supported yet${because}`, {
    hint: variable === undefined ? 'leave it out' : `unset the environment variable ${variable}`,
  });
}
