/**
 * Reads `nydusify.toml`: defaults of flags, registries and profiles. A key that no command has, and a value of a wrong type, are errors
 * with a line and a column; whether a value makes sense is decided by the parser of its flag, as on the command line.
 */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { UsageError } from '../../errors.js';
import { readSettings } from '../../io/settings-file.js';
import { localIoError } from '../../io/system-error.js';
import { type Environment, homeFolder } from '../../io/variables.js';
import { parseRegistry } from '../../oci/reference.js';
import { hostUrl, type RegistrySettings } from '../../registry/distribution/registry-settings.js';
import type { FileSettings, Flag, Setting } from '../flags/flags.js';
import { nearestWord } from '../../similar.js';
import { isTable, TomlPlaces } from './toml-places.js';

export interface ConfigRequest {
  readonly path: string;
  readonly profile: string | undefined;
  /** The command that runs, and the one whose settings hold for it as well. */
  readonly command: string;
  readonly follows?: string | undefined;
  /** The flags of every command by its name, those of the program among them. */
  readonly commands: ReadonlyMap<string, readonly Flag[]>;
  readonly env: Environment;
}

/** Flags that decide about the file itself. */
const NOT_IN_FILE: ReadonlySet<string> = new Set(['config', 'profile', 'print-config']);
const REGISTRY_KEYS = ['plain-http', 'insecure', 'ca', 'mirrors'] as const;
const SECRET = /pass(?:word|wd|phrase)?$|secret|token|credential|^auth$/i;

/** Throws UsageError and LocalIoError. */
export async function readConfigFile(request: ConfigRequest): Promise<FileSettings> {
  return new ConfigFile(request, await textOf(request.path)).settings();
}

async function textOf(path: string): Promise<string> {
  try {
    return (await readSettings(path)).replace(/^\ufeff/, '');
  } catch (cause) {
    throw localIoError(`cannot read ${path}`, cause);
  }
}

type Table = Readonly<Record<string, unknown>>;
/** The settings of one table, by the name of the flag. */
type Settings = ReadonlyMap<string, Setting>;

class ConfigFile {
  readonly #request: ConfigRequest;
  readonly #root: Table;
  readonly #text: string;
  #places: TomlPlaces | undefined;

  constructor(request: ConfigRequest, text: string) {
    this.#request = request;
    this.#text = text;
    this.#root = parsed(text, request.path);
  }

  settings(): FileSettings {
    const { path, profile, command, follows, commands } = this.#request;
    const { profile: profiles, registries, ...defaults } = this.#root;
    const top = this.#defaults(defaults, []);
    const inProfiles = this.#profiles(profiles);
    const chosen = profile === undefined ? undefined : inProfiles.get(profile);
    if (profile !== undefined && chosen === undefined) throw this.#noProfile(profile, [...inProfiles.keys()]);
    const levels = [chosen, top].flatMap((level) => [
      level?.get(command),
      ...(follows === undefined ? [] : [level?.get(follows)]),
      level?.get(''),
    ]);
    const found = new Map<string, Setting>();
    for (const [i, level] of levels.entries())
      for (const [name, setting] of level ?? [])
        if (!found.has(name)) found.set(name, { ...setting, rank: levels.length - i });
    const own = new Set(commands.get(command)?.map(({ name }) => name));
    return {
      path,
      profile,
      of: (name) => (own.has(name) ? found.get(name) : undefined),
      registries: this.#registries(registries),
    };
  }

  /** The defaults of a table, by command; those for all commands are under the empty name. */
  #defaults(table: Table, path: readonly string[]): ReadonlyMap<string, Settings> {
    const { commands, command } = this.#request;
    const all = new Map<string, Setting>();
    const found = new Map<string, Settings>([['', all]]);
    const everywhere = [...(commands.get(command) ?? []), ...[...commands.values()].flat()];
    for (const [key, value] of Object.entries(table)) {
      const at = [...path, key];
      const flags = commands.get(key);
      if (flags !== undefined && isTable(value)) {
        const own = new Map<string, Setting>();
        for (const [name, inner] of Object.entries(value)) this.#set(own, flags, inner, [...at, name]);
        found.set(key, own);
      } else {
        const others = path.length === 0 ? ['profile', 'registries'] : [];
        this.#set(all, everywhere, value, at, [...commands.keys(), ...others]);
      }
    }
    return found;
  }

  #profiles(value: unknown): ReadonlyMap<string, ReadonlyMap<string, Settings>> {
    if (value === undefined) return new Map();
    if (!isTable(value)) {
      throw this.#fault(this.#at.valueAt(['profile']), 'profile holds the profiles, each a table', {
        hint: 'a run chooses one by --profile NAME',
      });
    }
    return new Map(
      Object.entries(value).map(([name, inner]) => {
        if (isTable(inner)) return [name, this.#defaults(inner, ['profile', name])] as const;
        throw this.#wrongType(['profile', name], `profile "${name}" should be a table`, inner);
      }),
    );
  }

  /** Sets the value of the flag that the last key of `path` names; `tables` are other words that could stand there. */
  #set(
    into: Map<string, Setting>,
    flags: readonly Flag[],
    value: unknown,
    path: readonly string[],
    tables: readonly string[] = [],
  ): void {
    const key = path.at(-1) ?? '';
    const flag = flags.find(({ name, alias }) => name === key || alias === key);
    if (flag === undefined || NOT_IN_FILE.has(flag.name)) throw this.#unknown(path, flags, tables);
    if (flag.secret === true) throw this.#secret(path);
    const text = this.#valueOf(flag, value, path);
    // An empty text counts as not set, as an empty variable does.
    if (text === '') return;
    const { line } = this.#at.valueAt(path);
    into.set(flag.name, { value: text, line, table: path.slice(0, -1).join('.'), rank: 0 });
  }

  #valueOf(flag: Flag, value: unknown, path: readonly string[]): string | boolean {
    if (flag.type === 'boolean') {
      if (typeof value === 'boolean') return value;
      throw this.#wrongType(path, `${flag.name} should be true or false`, value);
    }
    const text = flag.pair === true ? this.#pairs(value) : this.#textOf(value, ',');
    if (text !== undefined) return text;
    const list = flag.pair === true ? 'a list of pairs of texts' : 'a text, a number, or a list of these';
    throw this.#wrongType(path, `${flag.name} should be ${list}`, value);
  }

  #textOf(value: unknown, separator: string): string | undefined {
    if (typeof value === 'string') return this.#fromHome(value);
    if (typeof value === 'number') return String(value);
    if (!Array.isArray(value)) return undefined;
    const items = value.map((item) => (Array.isArray(item) ? undefined : this.#textOf(item, separator)));
    return items.every((item) => item !== undefined) ? items.join(separator) : undefined;
  }

  /** As `FlagValues.pairs` reads them. */
  #pairs(value: unknown): string | undefined {
    if (!Array.isArray(value)) return undefined;
    const pairs = value.map((pair) =>
      Array.isArray(pair) && pair.length === 2 ? this.#textOf(pair, ' ') : undefined,
    );
    return pairs.every((pair) => pair !== undefined) ? pairs.join('\n') : undefined;
  }

  /** No shell has looked at the file. */
  #fromHome(text: string): string {
    const home = text.startsWith('~/') ? homeFolder(this.#request.env) : undefined;
    return home === undefined ? text : join(home, text.slice(2));
  }

  #registries(value: unknown): Readonly<Record<string, RegistrySettings>> {
    if (value === undefined) return {};
    if (!isTable(value)) throw this.#wrongType(['registries'], 'registries should be a table', value);
    return Object.fromEntries(
      Object.entries(value).map(([host, table]) => {
        const path = ['registries', host];
        if (!isTable(table))
          throw this.#wrongType(path, `the settings of "${host}" should be a table`, table);
        return [this.#registry(host, path), this.#registrySettings(table, path)];
      }),
    );
  }

  #registry(host: string, path: readonly string[]): string {
    try {
      return parseRegistry(host);
    } catch (error) {
      throw this.#fault(this.#at.keyAt(path), error instanceof Error ? error.message : String(error));
    }
  }

  #registrySettings(table: Table, path: readonly string[]): RegistrySettings {
    const unknown = Object.keys(table).find((key) => !REGISTRY_KEYS.some((known) => known === key));
    if (unknown !== undefined) throw this.#unknown([...path, unknown], [], REGISTRY_KEYS);
    const on = (key: (typeof REGISTRY_KEYS)[number]): boolean => {
      const value = table[key] ?? false;
      if (typeof value === 'boolean') return value;
      throw this.#wrongType([...path, key], `${key} should be true or false`, value);
    };
    const list = (key: (typeof REGISTRY_KEYS)[number]): readonly string[] => {
      const value = table[key] ?? [];
      const items: readonly unknown[] = Array.isArray(value) ? value : [value];
      return items.map((item) => {
        if (typeof item === 'string' && item !== '') return item;
        throw this.#wrongType([...path, key], `${key} should be a text or a list of texts`, value);
      });
    };
    const folder = dirname(resolve(this.#request.path));
    return {
      plainHttp: on('plain-http'),
      insecure: on('insecure'),
      ca: list('ca').map((file) => {
        const found = this.#fromHome(file);
        return isAbsolute(found) ? found : join(folder, found);
      }),
      mirrors: list('mirrors').map((text) => {
        try {
          return hostUrl(text).href;
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          throw this.#fault(this.#at.valueAt([...path, 'mirrors']), why);
        }
      }),
    };
  }

  get #at(): TomlPlaces {
    this.#places ??= new TomlPlaces(this.#text);
    return this.#places;
  }

  #fault(
    { line, column }: { readonly line: number; readonly column: number },
    message: string,
    options: { readonly hint?: string | undefined } = {},
  ): UsageError {
    return new UsageError(`${this.#request.path}:${line}:${column}: ${message}`, options);
  }

  #unknown(path: readonly string[], flags: readonly Flag[], others: readonly string[]): UsageError {
    const key = path.at(-1) ?? '';
    if (SECRET.test(key)) return this.#secret(path);
    const names = flags
      .filter(({ hidden, name }) => hidden !== true && !NOT_IN_FILE.has(name))
      .map(({ name }) => name);
    const nearest = nearestWord(key.replaceAll('_', '-'), [...names, ...others]);
    const table = path.slice(0, -1).join('.');
    const where = table === '' ? '' : ` in [${table}]`;
    const isFlag = NOT_IN_FILE.has(key);
    return this.#fault(
      this.#at.keyAt(path),
      isFlag ? `"${key}" has no place in a configuration file` : `unknown key "${key}"${where}`,
      { hint: isFlag || nearest === undefined ? undefined : `did you mean "${nearest}"?` },
    );
  }

  #secret(path: readonly string[]): UsageError {
    return this.#fault(
      this.#at.keyAt(path),
      `"${path.at(-1) ?? ''}": secrets have no place in a configuration file`,
      { hint: 'nydusify login stores them, readable for you alone or with a credential helper' },
    );
  }

  #wrongType(path: readonly string[], expected: string, value: unknown): UsageError {
    return this.#fault(this.#at.valueAt(path), `${expected}, and is ${kindOf(value)}`);
  }

  #noProfile(name: string, known: readonly string[]): UsageError {
    const nearest = nearestWord(name, known);
    const list = known.length === 0 ? 'it has no profiles' : `it has ${known.join(', ')}`;
    return new UsageError(`${this.#request.path} has no profile "${name}"`, {
      hint: nearest === undefined ? list : `did you mean "${nearest}"?`,
    });
  }
}

function parsed(text: string, path: string): Table {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    // The parser's message quotes the text, which may hold a secret by mistake.
    throw new UsageError(`${path}:${cause.line}:${cause.column}: this is no TOML`, {
      hint: 'texts stand in quotes; https://toml.io shows the rest',
    });
  }
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Date) return 'a date';
  if (typeof value === 'string') return 'a text';
  return typeof value === 'object' ? 'a table' : `a ${typeof value}`;
}
