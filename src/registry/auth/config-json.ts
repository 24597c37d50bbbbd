/** Docker's configuration file, as far as it is about logins: read for their values, and edited as text, so that all else in it stays. */
import * as v from 'valibot';
import { FormatError } from '../../errors.js';
import { readSettings } from '../../io/settings-file.js';
import { errorCode, localIoError } from '../../io/system-error.js';
import {
  appendChild,
  applySplices,
  childrenOf,
  type JsonText,
  jsonSource,
  member,
  memberSource,
  parseJsonText,
  removeChildren,
  replaceNode,
  type Splice,
  stringOf,
} from '../../oci/json/text.js';
import { isKeyOf, storedKey } from './hosts-of-logins.js';

const entrySchema = v.looseObject({
  auth: v.nullish(v.string()),
  username: v.nullish(v.string()),
  password: v.nullish(v.string()),
  identitytoken: v.nullish(v.string()),
  registrytoken: v.nullish(v.string()),
});
const configSchema = v.looseObject({
  auths: v.nullish(v.record(v.string(), v.nullish(entrySchema))),
  credHelpers: v.nullish(v.record(v.string(), v.string())),
  credsStore: v.nullish(v.string()),
});

type Optional<T> = T | null | undefined;

/** What the file has for a host. Written out, since declarations of the library need the types of no package. */
export interface LoginEntry {
  readonly auth?: Optional<string>;
  readonly username?: Optional<string>;
  readonly password?: Optional<string>;
  readonly identitytoken?: Optional<string>;
  readonly registrytoken?: Optional<string>;
}

export interface DockerConfig {
  readonly auths?: Optional<Readonly<Record<string, Optional<LoginEntry>>>>;
  readonly credHelpers?: Optional<Readonly<Record<string, string>>>;
  readonly credsStore?: Optional<string>;
}

/** Undefined where there is no such file. Throws FormatError and LocalIoError. */
export async function readConfig(path: string): Promise<DockerConfig | undefined> {
  let text: string;
  try {
    text = await readSettings(path);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT' || errorCode(cause) === 'ENOTDIR') return undefined;
    throw localIoError(`cannot read ${path}`, cause);
  }
  return parseConfig(text, path);
}

/** Parses the text of a file, which errors call `path`. Throws FormatError. */
export function parseConfig(text: string, path: string): DockerConfig {
  // Scripts create the file before the first login; Docker takes an empty one for none.
  if (text.trim() === '') return {};
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw notJson(path);
  }
  const result = v.safeParse(configSchema, json);
  if (result.success) return result.output;
  const where = v.getDotPath(result.issues[0]);
  throw new FormatError(`${path}: ${where ?? 'the file'} is not as Docker writes it`);
}

/** The file with this entry for the host, in place of all that it has for it; `bytes` are undefined where there is no file. */
export function withEntry(
  bytes: Uint8Array | undefined,
  path: string,
  host: string,
  entry: Readonly<Record<string, string>>,
): Uint8Array {
  const key = storedKey(host);
  // Keys of other spellings would leave two logins, of which each client takes another one.
  const doc = isBlank(bytes) ? undefined : parsed(withoutEntries(bytes, path, host, key).bytes, path);
  if (doc === undefined || childrenOf(doc.root).length === 0)
    return Buffer.from(`${JSON.stringify({ auths: { [key]: entry } }, undefined, '\t')}\n`);
  return applySplices(doc, [entrySplice(doc, key, entry)]);
}

function entrySplice(doc: JsonText, key: string, entry: Readonly<Record<string, string>>): Splice {
  const auths = member(doc.root, 'auths');
  const style = styleOf(doc);
  if (auths?.type !== 'object' || childrenOf(auths).length === 0) {
    const value = print({ [key]: entry }, style, 1);
    return auths === undefined
      ? appendChild(doc, doc.root, memberSource(doc, doc.root, 'auths', value))
      : replaceNode(auths, value);
  }
  const there = member(auths, key);
  const value = print(entry, style, 2);
  return there === undefined
    ? appendChild(doc, auths, memberSource(doc, auths, key, value))
    : replaceNode(there, value);
}

export interface Removed {
  readonly bytes: Uint8Array;
  /** The keys that are gone. */
  readonly keys: readonly string[];
}

/** The file without all entries of the host, in any spelling; `keep` is a key that stays. */
export function withoutEntries(bytes: Uint8Array, path: string, host: string, keep?: string): Removed {
  const doc = parsed(bytes, path);
  const keys: string[] = [];
  const kept =
    keep === undefined
      ? undefined
      : childrenOf(member(doc.root, 'auths')).findLast((one) => keyOf(doc, one) === keep);
  // A member that is written twice would come back when its last form is gone.
  const splices = childrenOf(doc.root)
    .filter((property) => keyOf(doc, property) === 'auths')
    .flatMap((property) => {
      const auths = property.children?.[1];
      if (auths?.type !== 'object') return [];
      const found = childrenOf(auths).filter((one) => one !== kept && isKeyOf(keyOf(doc, one), host));
      keys.push(...found.map((one) => keyOf(doc, one)));
      return removeChildren(auths, found);
    });
  return { bytes: keys.length === 0 ? bytes : applySplices(doc, splices), keys };
}

export function isBlank(bytes: Uint8Array | undefined): bytes is undefined {
  return bytes === undefined || Buffer.from(bytes).toString('latin1').trim() === '';
}

type JsonNode = JsonText['root'];

function keyOf(doc: JsonText, property: JsonNode): string {
  return stringOf(doc, property.children?.[0]) ?? '';
}

function parsed(bytes: Uint8Array, path: string): JsonText {
  try {
    return parseJsonText(bytes, path);
  } catch {
    throw notJson(path);
  }
}

/** Without a cause: the parser's message quotes the text, which holds secrets. */
function notJson(path: string): FormatError {
  return new FormatError(`${path}: not JSON`);
}

interface Style {
  /** Undefined for a document on one line. */
  readonly indent: string | undefined;
  readonly newline: string;
  readonly blank: string;
}

/** The members of the outermost object show how the file is indented. */
function styleOf({ text, root }: JsonText): Style {
  const first = root.children?.[0];
  const lead = /^(\r?\n)([ \t]{1,16})$/.exec(text.slice(root.offset + 1, first?.offset ?? root.offset + 1));
  const colon = first?.colonOffset;
  return {
    indent: lead?.[2],
    newline: lead?.[1] ?? '\n',
    blank: colon !== undefined && text.startsWith(' ', colon + 1) ? ' ' : '',
  };
}

type Printed = string | { readonly [key: string]: Printed };

/** Prints a value that stands `depth` levels deep, in latin1 as splices are. */
function print(value: Printed, style: Style, depth: number): string {
  if (typeof value === 'string') return jsonSource(value);
  const { indent, newline, blank } = style;
  const members = Object.entries(value).map(
    ([key, inner]) => `${jsonSource(key)}:${blank}${print(inner, style, depth + 1)}`,
  );
  if (indent === undefined || members.length === 0) return `{${members.join(`,${blank}`)}}`;
  const [inside, end] = [depth + 1, depth].map((level) => `${newline}${indent.repeat(level)}`);
  return `{${inside ?? ''}${members.join(`,${inside ?? ''}`)}${end ?? ''}}`;
}
