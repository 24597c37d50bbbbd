/**
 * Flags that upstream has and this command has not yet: refused by name, unless what they ask for happens anyway. Scripts set
 * them for upstream's sake, and must not break over a value that changes nothing.
 */
import { UsageError } from '../../errors.js';
import type { Flag, FlagValues } from './flags.js';

export interface LaterFlag extends Flag {
  /** True for a value that asks for what happens anyway. */
  readonly asksForNothing: (value: string) => boolean;
  /** Without any of these flags this one has no effect, here as in upstream. */
  readonly partOf: readonly string[];
}

type Harmless = Partial<Pick<LaterFlag, 'asksForNothing' | 'partOf'>>;

/** A row of the tables below. */
export function laterFlag(
  name: string,
  type: Flag['type'],
  env?: string,
  harmless: Harmless = {},
): LaterFlag {
  const { asksForNothing = () => false, partOf = [] } = harmless;
  const group = 'Accepted without effect:';
  const fromEnvironment = env === undefined ? {} : { env };
  const help = 'not supported yet';
  return { name, type, ...fromEnvironment, group, hidden: true, help, asksForNothing, partOf };
}

/** Returns notes about flags without effect. Throws UsageError for the first flag that asks for something. */
export function refuseLater(flags: FlagValues, later: readonly LaterFlag[]): readonly string[] {
  const notes: string[] = [];
  for (const { name, asksForNothing, partOf } of later) {
    if (!asks(flags, name)) continue;
    const text = flags.text(name);
    if (text !== undefined && asksForNothing(text)) continue;
    if (partOf.length === 0 || partOf.some((owner) => asks(flags, owner))) throw notYet(flags, name);
    notes.push(`--${name} has no effect without ${partOf.map((owner) => `--${owner}`).join(' or ')}`);
  }
  return notes;
}

/** Upstream needs `nydus-image` beside it; scripts that say where it is go on. */
export function secondBinaryNotes(flags: FlagValues): readonly string[] {
  return flags.isGiven('nydus-image') ? ['--nydus-image has no effect: no second binary is needed'] : [];
}

/** A switch that is off and an empty text ask for nothing. */
function asks(flags: FlagValues, name: string): boolean {
  return flags.isGiven(name) && (flags.isOn(name) || flags.text(name) !== undefined);
}

/** The hint names where the value comes from. */
function notYet(flags: FlagValues, name: string): UsageError {
  const origin = flags.originOf(name);
  const leaveOut = {
    'command line': 'leave it out',
    default: undefined,
    variable: `unset the environment variable ${flags.variableOf(name) ?? ''}`,
    file: 'take it out of the configuration file',
  };
  return new UsageError(`--${name} is not supported yet`, { hint: leaveOut[origin?.kind ?? 'default'] });
}
