/**
 * Compares JSON values. Numbers are compared by their digits, since a double would round them, and objects without
 * regard to the order of keys. Fields of manifests and configs that no schema of ours knows are compared too.
 */
import { compactJson, isJsonArray, isJsonNumber, isJsonObject, type Json } from '../oci/json/value.js';

export interface JsonDifference {
  /** In the form `config.Env[2]`; empty for the whole document. */
  readonly path: string;
  /** Compact JSON, cut when it is long; undefined when the field is missing. */
  readonly expected: string | undefined;
  readonly found: string | undefined;
}

/**
 * Yields every place at which two values differ, outermost first. It skips the paths for which `ignored` is true, with
 * everything below them. Undefined stands for a missing field.
 */
export function* diffJson(
  expected: Json | undefined,
  found: Json | undefined,
  ignored: (path: string) => boolean = () => false,
  path = '',
): Generator<JsonDifference> {
  if (ignored(path)) return;
  if (isJsonObject(expected) && isJsonObject(found)) {
    for (const key of new Set([...expected.keys(), ...found.keys()])) {
      yield* diffJson(expected.get(key), found.get(key), ignored, path === '' ? key : `${path}.${key}`);
    }
  } else if (isJsonArray(expected) && isJsonArray(found)) {
    for (let i = 0; i < Math.max(expected.length, found.length); i++) {
      yield* diffJson(expected[i], found[i], ignored, `${path}[${i}]`);
    }
  } else if (!isSame(expected, found)) {
    yield { path, expected: shown(expected), found: shown(found) };
  }
}

function isSame(expected: Json | undefined, found: Json | undefined): boolean {
  if (isJsonNumber(expected) && isJsonNumber(found)) return expected.digits === found.digits;
  return expected === found;
}

const SHOWN = 120;

function shown(value: Json | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = compactJson(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}
