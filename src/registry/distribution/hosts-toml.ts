/**
 * Reads containerd's `hosts.toml`: the mirrors of a registry, their order, their capabilities and their connection settings.
 * containerd docs/hosts.md; core/remotes/docker/config/hosts.go.
 */
import { isAbsolute, join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { FormatError } from '../../errors.js';
import { ALL_CAPABILITIES, type Capability, type HostEntry, hostRoot } from './host-entry.js';

const oneOrMore = v.union([v.string(), v.array(v.string())]);
const hostFields = {
  capabilities: v.optional(v.array(v.string())),
  ca: v.optional(oneOrMore),
  client: v.optional(
    v.union([v.string(), v.array(v.union([v.string(), v.tuple([v.string(), v.string()])]))]),
  ),
  skip_verify: v.optional(v.boolean()),
  header: v.optional(v.record(v.string(), oneOrMore)),
  override_path: v.optional(v.boolean(), false),
  dial_timeout: v.optional(v.string()),
};
const hostSchema = v.looseObject(hostFields);
const fileSchema = v.looseObject({
  ...hostFields,
  server: v.optional(v.string()),
  host: v.optional(v.record(v.string(), hostSchema), {}),
});
type HostFields = v.InferOutput<typeof hostSchema>;

/** In the order in which to try them; the registry itself, or the `server` in its place, is the last. */
export function parseHostsToml(text: string, path: string, folder: string): readonly HostEntry[] {
  let toml: unknown;
  try {
    toml = parse(text);
  } catch (cause) {
    // The parser's message is left out, because it quotes the text, whose headers may hold secrets.
    const where = cause instanceof TomlError ? `: line ${cause.line}, column ${cause.column}` : '';
    throw new FormatError(`${path} is no TOML${where}`);
  }
  const result = v.safeParse(fileSchema, toml);
  if (!result.success) {
    const [issue] = result.issues;
    throw new FormatError(`${path}: ${v.getDotPath(issue) ?? 'the file'} is not as containerd has it`);
  }
  const file = { path, folder };
  // The object has its keys in the order of the file, which is the order of the mirrors.
  const mirrors = Object.entries(result.output.host).map(([name, fields]) => entryOf(name, fields, file));
  return [...mirrors, entryOf(result.output.server, result.output, file)];
}

interface File {
  readonly path: string;
  /** The folder that relative names in the file start from. */
  readonly folder: string;
}

function entryOf(name: string | undefined, fields: HostFields, file: File): HostEntry {
  const { ca, client, skip_verify: skipVerify } = fields;
  const at = (path: string): string => (isAbsolute(path) ? path : join(file.folder, path));
  return {
    root: name === undefined || name === '' ? undefined : rootOf(name, fields.override_path, file),
    capabilities: capabilitiesOf(fields.capabilities, file),
    tls: {
      ca: listOf(ca).map(at),
      client: (typeof client === 'string' ? [client] : (client ?? [])).map((pair) =>
        typeof pair === 'string'
          ? { cert: at(pair), key: undefined }
          : { cert: at(pair[0]), key: at(pair[1]) },
      ),
      // The user's settings for the registry do not apply to its mirrors.
      skipVerify: name === undefined || name === '' ? skipVerify : (skipVerify ?? false),
      dialTimeoutMs: fields.dial_timeout === undefined ? undefined : durationMs(fields.dial_timeout, file),
    },
    headers: Object.fromEntries(
      Object.entries(fields.header ?? {}).map(([key, value]) => [
        key.toLowerCase(),
        listOf(value).join(', '),
      ]),
    ),
  };
}

function listOf(value: string | string[] | undefined): string[] {
  return typeof value === 'string' ? [value] : (value ?? []);
}

function rootOf(name: string, overridePath: boolean, { path }: File): URL {
  try {
    return hostRoot(name, overridePath);
  } catch (error) {
    throw error instanceof FormatError ? new FormatError(`${path}: ${error.message}`) : error;
  }
}

function capabilitiesOf(names: readonly string[] | undefined, { path }: File): readonly Capability[] {
  if (names === undefined || names.length === 0) return ALL_CAPABILITIES;
  return names.map((name) => {
    const known = ALL_CAPABILITIES.find((capability) => capability === name.toLowerCase());
    if (known === undefined)
      throw new FormatError(`${path}: capability "${name}" is none of ${ALL_CAPABILITIES.join(', ')}`);
    return known;
  });
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Parses the forms of Go's durations that are common here: `500ms`, `5s`, `1m`. */
function durationMs(text: string, { path }: File): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/.exec(text);
  const ms = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? Number.NaN);
  if (Number.isNaN(ms)) throw new FormatError(`${path}: dial_timeout "${text}" is no duration such as 5s`);
  return ms;
}
