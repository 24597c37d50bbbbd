/**
 * These rules compare the config of an image with that of its source, field by field. A field by which containers run
 * must be there unchanged; the loss of any other is a warning. Fields that conversion rewrites are left to other rules.
 */
import { dataLayersOf, isIsolated } from '../image/kinds.js';
import { isJsonArray, isJsonObject, type Json, memberOf } from '../oci/json/value.js';
import { CREATED_BY, DICTIONARY_COMMENT, PREFETCH_COMMENT, RECIPES_COMMENT } from '../oci/config-edit.js';
import { finding, type Finding } from './finding.js';
import { diffJson, type JsonDifference } from './json-diff.js';
import type { Rule } from './rule.js';
import { placeIn, type ImageSubject, type PairSubject } from './subject.js';

export const configPairRules: readonly Rule<PairSubject>[] = [{ name: 'config fields', check: checkFields }];

/** The parameters of execution that the OCI image specification lists, but for `ArgsEscaped`, which is for Windows. */
const PARAMETERS: readonly string[] = [
  'User',
  'ExposedPorts',
  'Env',
  'Entrypoint',
  'Cmd',
  'Volumes',
  'WorkingDir',
  'Labels',
  'StopSignal',
];
/** Clients choose by these where no index entry states them. */
const PLATFORM: readonly string[] = ['os', 'architecture', 'variant', 'os.version', 'os.features'];

const RUN_BY = [...PLATFORM, 'config', ...PARAMETERS.map((name) => `config.${name}`)];

/** True for a field by which containers run, or by which clients choose the image. */
export function isRunBy(path: string): boolean {
  const isPart = (name: string): boolean =>
    name !== 'config' && (path.startsWith(`${name}.`) || path.startsWith(`${name}[`));
  return RUN_BY.some((name) => path === name || isPart(name));
}

/** Conversion rewrites these fields, and other rules check them. */
function isRewritten(path: string): boolean {
  return path === 'rootfs.diff_ids' || path === 'history';
}

function* checkFields({ target, source }: PairSubject): Generator<Finding> {
  const where = placeIn(target, 'config');
  for (const { path, expected, found } of fieldDifferences(source, target)) {
    yield finding(isRunBy(path) ? 'CONFIG-FIELD' : 'CONFIG-METADATA', where, {
      message: `field ${path} differs from the source`,
      expected: expected ?? 'none',
      found: found ?? 'none',
    });
  }
}

/** Both images may be conversions: what those add to a history is left out. */
export function* fieldDifferences(expected: ImageSubject, found: ImageSubject): Generator<JsonDifference> {
  if (expected.configJson === undefined || found.configJson === undefined) return;
  for (const difference of diffJson(
    withConfig(expected.configJson),
    withConfig(found.configJson),
    isRewritten,
  ))
    if (!isSameToReaders(difference)) yield difference;
  yield* historyDifferences(expected, found);
}

/** A config without parameters may leave out the object for them. */
function withConfig(json: Json): Json {
  if (!isJsonObject(json) || isJsonObject(json.get('config'))) return json;
  const config = json.get('config');
  return config === undefined || config === null
    ? new Map<string, Json>([...json, ['config', new Map<string, Json>()]])
    : json;
}

const OF_A_STRUCT = /^(?:(?:config\.|history\[\d+\]\.)?[^.[]+|os\.(?:version|features))$/;

/**
 * True for two spellings of one value: clients read an absent field, null and an empty value alike, and a time with or
 * without trailing zeros. Keys of maps (labels, volumes, ports) are no fields: there an empty value counts.
 */
function isSameToReaders({ path, expected, found }: JsonDifference): boolean {
  if (!OF_A_STRUCT.test(path)) return false;
  if (isEmpty(expected) && isEmpty(found)) return true;
  if (!/(?:^|\.)created$/.test(path) || expected === undefined || found === undefined) return false;
  return timeOf(expected) === timeOf(found);
}

const EMPTY: ReadonlySet<string> = new Set(['null', '""', '[]', '{}', 'false', '0']);

function isEmpty(text: string | undefined): boolean {
  return text === undefined || EMPTY.has(text);
}

/** RFC 3339 in one form, to the nanosecond; other text stays as it is. */
function timeOf(text: string): string {
  const parts = /^"(.+T[^.]+?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)"$/i.exec(text);
  const [, seconds = '', fraction = '', zone = ''] = parts ?? [];
  const time = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(time) ? text : `${time} ${fraction.replace(/0+$/, '')}`;
}

function* historyDifferences(expected: ImageSubject, found: ImageSubject): Generator<JsonDifference> {
  // Upstream drops the history of layers whose blobs it puts into a storage backend.
  if (found.kind === 'nydus' && dataLayersOf(found.manifest.value).length === 0) return;
  const wanted = ownHistory(expected);
  const counted = wanted.filter((entry) => !isEmptyLayer(entry)).length;
  // If the source's history does not fit its layers, the conversion repairs it instead of keeping it.
  if (counted !== dataLayersOf(expected.manifest.value).length) return;
  const present = ownHistory(found);
  // Where one blob stands for several layers, as in an image flattened into one, the steps of the others have no layer any more. That
  // the remaining ones fit the blobs is another rule's business.
  const isJoined = found.kind === 'nydus' && present.filter((entry) => !isEmptyLayer(entry)).length < counted;
  for (let i = 0; i < Math.max(wanted.length, present.length); i++)
    for (const difference of diffJson(wanted[i], present[i], undefined, `history[${i}]`))
      if (!isSameToReaders(difference) && !(isJoined && isNowEmpty(difference))) yield difference;
}

function isNowEmpty({ path, found }: JsonDifference): boolean {
  return path.endsWith('.empty_layer') && found === 'true';
}

/** True for the entry of a blob that no layer became: one of a chunk dictionary, of files to load first, or the recipes of tars. */
function isOfNoLayer(entry: Json | undefined): boolean {
  const comment = memberOf(entry, 'comment');
  const isKnown =
    comment === DICTIONARY_COMMENT || comment === RECIPES_COMMENT || comment === PREFETCH_COMMENT;
  return isKnown && memberOf(entry, 'created_by') === CREATED_BY;
}

/** The history without the entries that conversion adds. */
function ownHistory(image: ImageSubject): readonly Json[] {
  const member = memberOf(image.configJson, 'history');
  const history = isJsonArray(member) ? member : [];
  const start = isIsolated(image.manifest.value) ? 1 : 0;
  let end = history.length;
  if (image.kind === 'nydus')
    do end--;
    while (isOfNoLayer(history[end - 1]));
  return history.slice(start, Math.max(start, end));
}

export function isEmptyLayer(entry: Json): boolean {
  return memberOf(entry, 'empty_layer') === true;
}
