/**
 * Flags as upstream's users know them, declared once: names, environment variables, defaults, help. A value comes from the
 * command line, else from the environment, else from the configuration file, else from the default. Commander does the parsing; before it, `rewriteArgv` turns
 * what Go programs also take (`--flag=false`, `-flag`, second names) into what commander knows.
 */
import { type Command, Option } from 'commander';
import { UsageError } from '../../errors.js';
import { type Environment, given as variable } from '../../io/variables.js';
import type { SettingsByRegistry } from '../../registry/distribution/registry-settings.js';

export interface Flag {
  /** Without dashes. */
  readonly name: string;
  /** Second name, without dashes. */
  readonly alias?: string;
  readonly short?: string;
  readonly type: 'boolean' | 'string';
  /** Shown in the help; what holds when nothing is given. */
  readonly default?: string;
  /** The name of the value in the help, for a flag of type string. Completion offers paths for `file`, `files` and `folder`. */
  readonly value?: string;
  /** The value of a flag of type string that stands alone: another one is given behind `=` only, so that no word is taken for it. */
  readonly bare?: string;
  /** Values that completion offers; of a pair, those of its first word. */
  readonly choices?: readonly string[];
  /** Upstream's environment variable. `NYDUSIFY_` before this name, or before the flag's own in capitals, is read always. */
  readonly env?: string;
  /** Takes two words, as in `--report html FILE` or `--report html=FILE`, and may be given several times; `value` names both. */
  readonly pair?: boolean;
  /** May be given several times; the values are the lines of one text. */
  readonly list?: boolean;
  /** Of a switch: words that may stand behind `=`, with the switches that they stand for, which are turned on beside it. */
  readonly words?: Readonly<Record<string, string>>;
  readonly help: string;
  /** Heading that it stands under in the help. */
  readonly group: string;
  readonly hidden?: boolean;
  /** A value is shown nowhere. */
  readonly secret?: boolean;
  /** Flags that this one overrules: their values of the configuration file do not hold beside a value of this one that ranks higher. */
  readonly overrules?: readonly string[];
}

/** The value of a flag in the configuration file. */
export interface Setting {
  readonly value: string | boolean;
  readonly line: number;
  /** The table that it stands in, such as `profile.ci.convert`; empty at the top. */
  readonly table: string;
  /** Of two settings the one with the higher rank counts. */
  readonly rank: number;
}

/** The configuration file, as far as it is about the command that runs. */
export interface FileSettings {
  readonly path: string;
  readonly profile: string | undefined;
  readonly of: (name: string) => Setting | undefined;
  readonly registries: SettingsByRegistry;
}

/** Where a value comes from. */
export type Origin =
  | { readonly kind: 'command line' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string; readonly line: number; readonly table: string }
  | { readonly kind: 'default' };

/** The values of flags by name. A flag that was not given and has no default is absent. */
export class FlagValues {
  /** What the configuration file says of registries. */
  readonly registries: SettingsByRegistry;
  readonly #values: ReadonlyMap<string, string | boolean>;
  readonly #origins: ReadonlyMap<string, Origin>;

  constructor(
    values: ReadonlyMap<string, string | boolean>,
    origins: ReadonlyMap<string, Origin>,
    registries: SettingsByRegistry = {},
  ) {
    this.#values = values;
    this.#origins = origins;
    this.registries = registries;
  }

  /** Undefined for a flag without a value. */
  originOf(name: string): Origin | undefined {
    return this.#origins.get(name);
  }

  /** The environment variable that a flag's value comes from. */
  variableOf(name: string): string | undefined {
    const origin = this.#origins.get(name);
    return origin?.kind === 'variable' ? origin.name : undefined;
  }

  /** True for a value of the configuration file, which is a default: what stands on the command line counts instead. */
  isFromFile(name: string): boolean {
    return this.#origins.get(name)?.kind === 'file';
  }

  /** True when the flag stands on the command line, in the environment or in the configuration file. */
  isGiven(name: string): boolean {
    const origin = this.#origins.get(name);
    return origin !== undefined && origin.kind !== 'default';
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  isOn(name: string): boolean {
    return this.#values.get(name) === true;
  }

  /** Undefined when the flag is neither given nor has a default. */
  choice(name: string): boolean | undefined {
    const value = this.#values.get(name);
    return typeof value === 'boolean' ? value : undefined;
  }

  /** The values of a flag that takes two words, in order. Throws UsageError when a second word is missing. */
  pairs(name: string): readonly (readonly [first: string, second: string])[] {
    return (this.text(name)?.split('\n') ?? []).map((given) => {
      const [, first, second] = /^([^ =]+)[ =](.+)$/.exec(given) ?? [];
      if (first === undefined || second === undefined)
        throw new UsageError(`--${name} takes two words, and was given "${given.trim()}"`);
      return [first, second] as const;
    });
  }

  /** The values of a flag that may be given several times; undefined without any. */
  list(name: string): readonly string[] | undefined {
    return this.text(name)
      ?.split('\n')
      .filter((value) => value !== '');
  }

  /** A whole number. Throws UsageError. */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^-?[0-9]+$/.test(text)) throw new UsageError(`--${name} "${text}" is not a whole number`);
    return Number(text);
  }

  /** One of `choices`. Throws UsageError. */
  oneOf<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined)
      throw new UsageError(`--${name} should be one of [${choices.join(' ')}], not "${text}"`);
    return choice;
  }
}

/** A flag with its value, as in `-l, --log-level <level>`. */
export function flagSyntax({ name, short, type, bare, value = 'value' }: Flag): string {
  const rest = type === 'boolean' ? '' : bare === undefined ? ` <${value}>` : ` [=${value}]`;
  const long = `--${name}${rest}`;
  return short === undefined ? long : `-${short}, ${long}`;
}

/** The help of a flag, with its second name, its variable and its default. */
export function flagHelp({ help, alias, env, default: preset }: Flag): string {
  const notes = [
    alias === undefined ? '' : `also --${alias}`,
    env === undefined ? '' : `$${env}`,
    preset === undefined ? '' : `default ${preset}`,
  ].filter((note) => note !== '');
  return notes.length === 0 ? help : `${help} (${notes.join('; ')})`;
}

export function addFlags(command: Command, flags: readonly Flag[]): void {
  for (const flag of flags) {
    const option = new Option(flagSyntax(flag), flagHelp(flag)).helpGroup(flag.group);
    if (flag.pair === true || flag.list === true)
      option.argParser((given: string, before: string | undefined) =>
        before === undefined ? given : `${before}\n${given}`,
      );
    command.addOption(flag.hidden === true ? option.hideHelp() : option);
    if (flag.type === 'boolean') command.addOption(new Option(`--no-${flag.name}`).hideHelp());
  }
}

/** Under the last heading, instead of one of its own in the middle. */
export function addHelpFlag(command: Command, group: string): void {
  command.addHelpOption(new Option('-h, --help', 'print help').helpGroup(group));
}

/** The variables of a flag that belong to this program alone. */
function ownVariables({ name, env }: Flag): readonly string[] {
  const own = `NYDUSIFY_${name.replaceAll('-', '_').toUpperCase()}`;
  return env === undefined ? [own] : [own, `NYDUSIFY_${env}`];
}

/**
 * Upstream's variables, such as `SOURCE` and `OCI`, that would give a flag of these a value. They are names that other
 * programs use too, so they count only where flags are used as upstream uses them: without words beside them.
 */
export function upstreamVariables(flags: readonly Flag[], env: Environment): readonly string[] {
  const names = flags.flatMap((flag) =>
    flag.env === undefined || variable(env, ...ownVariables(flag)) !== undefined ? [] : [flag.env],
  );
  return [...new Set(names)].filter((name) => variable(env, name) !== undefined);
}

export interface FlagSources {
  readonly env: Environment;
  /** Whether upstream's bare variables are read. */
  readonly upstream: boolean;
  readonly file?: FileSettings | undefined;
}

/** Reads values after parsing. Throws UsageError for words in the environment that are no booleans. */
export function readFlags(
  command: Command,
  flags: readonly Flag[],
  { env, upstream, file }: FlagSources,
): FlagValues {
  const parsed = command.optsWithGlobals<Record<string, unknown>>();
  const values = new Map<string, string | boolean>();
  const origins = new Map<string, Origin>();
  for (const flag of flags) {
    const typed = parsed[camelCase(flag.name)];
    const names = [...ownVariables(flag), ...(upstream && flag.env !== undefined ? [flag.env] : [])];
    const name = names.find((one) => variable(env, one) !== undefined);
    const fromEnv = name === undefined ? undefined : variable(env, name);
    if (typeof typed === 'string' || typeof typed === 'boolean') {
      values.set(flag.name, typed);
      origins.set(flag.name, { kind: 'command line' });
    } else if (name !== undefined && fromEnv !== undefined) {
      values.set(flag.name, flag.type === 'string' ? fromEnv : envBoolean(fromEnv, name, flag));
      origins.set(flag.name, { kind: 'variable', name });
    }
  }
  if (file !== undefined) addSettings(flags, file, values, origins);
  for (const { name, type, default: value } of flags) {
    if (value === undefined || values.has(name)) continue;
    values.set(name, type === 'string' ? value : value === 'true');
    origins.set(name, { kind: 'default' });
  }
  return new FlagValues(values, origins, file?.registries);
}

/** Adds the values of the file, but for those that a flag of higher rank overrules. */
function addSettings(
  flags: readonly Flag[],
  { path, of }: FileSettings,
  values: Map<string, string | boolean>,
  origins: Map<string, Origin>,
): void {
  const given = new Set(values.keys());
  /** A switch that is off and an empty text overrule nothing. */
  const asks = (value: string | boolean | undefined): boolean => value !== false && value !== '';
  const rankOf = (name: string): number => {
    if (given.has(name)) return asks(values.get(name)) ? Infinity : -1;
    const setting = of(name);
    return setting !== undefined && asks(setting.value) ? setting.rank : -1;
  };
  for (const flag of flags) {
    const { name } = flag;
    const setting = of(name);
    if (setting === undefined || given.has(name)) continue;
    if (flags.some((other) => other.overrules?.includes(name) === true && rankOf(other.name) > setting.rank))
      continue;
    const { value, line, table } = setting;
    values.set(name, value);
    origins.set(name, { kind: 'file', path, line, table });
  }
}

/** The words of Go's `strconv.ParseBool`. */
const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

function parseGoBool(text: string): boolean | undefined {
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : undefined;
}

function envBoolean(text: string, name: string, flag: Flag): boolean {
  const value = parseGoBool(text);
  if (value === undefined) {
    throw new UsageError(`environment variable ${name}: "${text}" is no boolean for --${flag.name}`, {
      hint: 'true and false are understood, and 1, 0, t, f',
    });
  }
  return value;
}

/**
 * Second names become first ones, `-name` becomes `--name`, `--name=false` becomes `--no-name`. What follows a flag that takes
 * a value is left alone, and so is everything behind `--`.
 */
export function rewriteArgv(argv: readonly string[], flags: readonly Flag[]): string[] {
  const byName = new Map<string, Flag>();
  for (const flag of flags) {
    byName.set(flag.name, flag);
    if (flag.alias !== undefined) byName.set(flag.alias, flag);
    if (flag.short !== undefined) byName.set(flag.short, flag);
  }
  const end = argv.indexOf('--');
  const words = argv.flatMap((token, i) => (end >= 0 && i > end ? [token] : separate(token, byName)));
  return rewriteWords(words, byName);
}

/** `-lR` as `-l -R`, where all letters are flags without a value. */
function separate(token: string, byName: ReadonlyMap<string, Flag>): readonly string[] {
  const letters = /^-([A-Za-z0-9]{2,})$/.exec(token)?.[1];
  if (letters === undefined || byName.has(letters)) return [token];
  const all = Array.from(letters);
  return all.every((letter) => byName.get(letter)?.type === 'boolean')
    ? all.map((letter) => `-${letter}`)
    : [token];
}

/** Both words of a pair in one, as in `html=check.html`. */
const IN_ONE_WORD = /^[a-z]+=./;

function rewriteWords(argv: readonly string[], byName: ReadonlyMap<string, Flag>): string[] {
  const out: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i] ?? '';
    if (token === '--') return [...out, ...argv.slice(i)];
    const match = /^(-{1,2})([A-Za-z][A-Za-z0-9-]*)(?:=([^]*))?$/.exec(token);
    const flag = match?.[2] === undefined ? undefined : byName.get(match[2]);
    // `-D` and `-l` are commander's own business but for the value behind them.
    if (flag === undefined) {
      out.push(token);
      continue;
    }
    const value = match?.[3];
    if (flag.pair === true) {
      // Two words become one value; `FlagValues.pairs` refuses a pair without its second word.
      const rest = [...(value === undefined ? [] : [value]), ...argv.slice(i + 1)];
      const words = rest.slice(0, IN_ONE_WORD.test(rest[0] ?? '') ? 1 : 2);
      out.push(`--${flag.name}=${words.join(' ')}`);
      i += words.length - (value === undefined ? 0 : 1);
      continue;
    }
    if (flag.bare !== undefined) {
      out.push(`--${flag.name}=${value ?? flag.bare}`);
      continue;
    }
    if (flag.type === 'string') {
      out.push(value === undefined ? `--${flag.name}` : `--${flag.name}=${value}`);
      const next = argv[i + 1];
      if (value === undefined && next !== undefined) {
        out.push(next);
        i++;
      }
      continue;
    }
    const other = value === undefined ? undefined : flag.words?.[value];
    if (other !== undefined) {
      out.push(`--${flag.name}`, `--${other}`);
      continue;
    }
    const on = value === undefined ? true : parseGoBool(value);
    if (on === undefined) throw new UsageError(`--${flag.name}: "${value ?? ''}" is no boolean`);
    out.push(on ? `--${flag.name}` : `--no-${flag.name}`);
  }
  return out;
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Upstream's text for flags that must be there. */
export function requireFlags(missing: readonly string[]): void {
  if (missing.length === 0) return;
  throw new UsageError(
    missing.length === 1
      ? `Required flag "${missing.join('')}" not set`
      : `Required flags "${missing.join(', ')}" not set`,
  );
}
