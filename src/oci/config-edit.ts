/**
 * Edits the image config as text: `rootfs.diff_ids` and `history` change, every other byte stays. Upstream decodes the
 * config into a struct, and so loses fields that the OCI specification does not name (Healthcheck, Shell, OnBuild, …).
 *
 * OCI image-spec, config.md: each layer has one diffID, and the history has one entry without `empty_layer` for each
 * layer.
 */
import type { Node } from 'jsonc-parser';
import { atOnce, type Steps } from '../turns.js';
import { FormatError } from '../errors.js';
import type { DiffId } from './digest.js';
import { EMPTY_LAYER_DIFF_ID } from './nydus.js';
import {
  appendChild,
  applySplices,
  arrayLike,
  childrenOf,
  jsonSource,
  type JsonText,
  member,
  memberSource,
  jsonTextSteps,
  prependChild,
  rawOf,
  removeFirst,
  replaceNode,
  type Splice,
  stringOf,
} from './json/text.js';

/** Conversion signs the entries that it adds to a history. */
export const CREATED_BY = 'Nydus Converter';
/** A build signs the entry of its directory. */
export const BUILT_BY = 'nydusify build';
/** The comment of a blob that no layer of the source became. */
export const DICTIONARY_COMMENT = 'Nydus Dictionary Blob';
/** The comment of the layer with the recipes of tars. */
export const RECIPES_COMMENT = 'Nydus Tar Recipes';
/** The comment of a blob of files to load first. */
export const PREFETCH_COMMENT = 'Nydus Prefetch Blob';
/** The comment of the bootstrap layer. */
export const BOOTSTRAP_COMMENT = 'Nydus Bootstrap Layer';
/** The comment of a layer of which the source's history has no entry. */
export const BARE_COMMENT = 'Layer without history';

/** It has no time stamp, so that the same input gives the same bytes. */
const BOOTSTRAP_HISTORY = jsonSource({ created_by: CREATED_BY, comment: BOOTSTRAP_COMMENT });
const EMPTY_LAYER_HISTORY = jsonSource({ created_by: CREATED_BY, comment: 'Nydus Empty Layer' });
const RECIPES_HISTORY = jsonSource({ created_by: CREATED_BY, comment: RECIPES_COMMENT });
const DICTIONARY_HISTORY = jsonSource({ created_by: CREATED_BY, comment: DICTIONARY_COMMENT });
/** The entry for a layer that the source's history does not mention. */
export const BARE_HISTORY = jsonSource({ created_by: CREATED_BY, comment: BARE_COMMENT });

/** The layers of a Nydus image that no layer of its source became. */
export interface LastLayers {
  readonly bootstrap: DiffId;
  /** Of the blobs, the number of those at the end that belong to a dictionary. */
  readonly borrowed?: number;
  /** The layer with the recipes of tars, which comes before the bootstrap. */
  readonly recipes?: DiffId | undefined;
  /** True if the image lists no other layer, as its blobs lie in a storage backend: then the history has one entry, as upstream has it. */
  readonly alone?: boolean;
}

/**
 * Makes the config of the Nydus image. The diffID of a blob is its digest, since no client decompresses a blob; the
 * diffID of the bootstrap layer is the last one, and the history matches the layers.
 */
export function nydusConfig(
  source: Uint8Array,
  blobs: readonly DiffId[],
  bootstrap: DiffId,
  what: string,
): Uint8Array {
  return atOnce(nydusConfigSteps(source, blobs, { bootstrap }, what));
}

/** `nydusConfig` in steps. */
export function* nydusConfigSteps(
  source: Uint8Array,
  blobs: readonly DiffId[],
  { bootstrap, borrowed = 0, recipes, alone = false }: LastLayers,
  what: string,
): Steps<Uint8Array> {
  const doc = yield* jsonTextSteps(source, what);
  yield;
  const array = diffIdsOf(doc);
  const last = recipes === undefined ? [bootstrap] : [recipes, bootstrap];
  const diffIds = [...blobs, ...last].map((diffId) => jsonSource(diffId));
  return applySplices(doc, [
    replaceNode(array, arrayLike(doc, array, diffIds)),
    ...(alone
      ? [onlyBootstrap(doc)]
      : historySplices(doc, blobs.length - borrowed, [
          ...Array<string>(borrowed).fill(DICTIONARY_HISTORY),
          ...(recipes === undefined ? [] : [RECIPES_HISTORY]),
          BOOTSTRAP_HISTORY,
        ])),
  ]);
}

function onlyBootstrap(doc: JsonText): Splice {
  const history = member(doc.root, 'history');
  const entries = `[${BOOTSTRAP_HISTORY}]`;
  return history === undefined
    ? appendChild(doc, doc.root, memberSource(doc, doc.root, 'history', entries))
    : replaceNode(history, entries);
}

/**
 * Makes the history match `layers` layers and those behind them, whose entries are `last`. Missing entries are added without text; in a history that
 * is too long (a squashed image) the oldest surplus entries are marked as empty.
 */
function historySplices(doc: JsonText, layers: number, last: readonly string[]): readonly Splice[] {
  const history = member(doc.root, 'history');
  const entries = history?.type === 'array' ? childrenOf(history) : [];
  const described = entries.filter((entry) => !isEmptyLayer(entry));
  const missing = Math.max(0, layers - described.length);
  const added = [...Array<string>(missing).fill(BARE_HISTORY), ...last];
  if (history === undefined) {
    return [appendChild(doc, doc.root, memberSource(doc, doc.root, 'history', `[${added.join(',')}]`))];
  }
  if (history.type !== 'array') return [replaceNode(history, `[${added.join(',')}]`)];
  const surplus = described.slice(0, Math.max(0, described.length - layers));
  return [...surplus.map((entry) => markEmpty(doc, entry)), appendChild(doc, history, added.join(','))];
}

function isEmptyLayer(entry: Node): boolean {
  const value: unknown = member(entry, 'empty_layer')?.value;
  return value === true;
}

function markEmpty(doc: JsonText, entry: Node): Splice {
  const value = member(entry, 'empty_layer');
  if (value !== undefined) return replaceNode(value, 'true');
  if (entry.type !== 'object') throw new FormatError(`${doc.what}: history holds ${rawOf(doc, entry)}`);
  return appendChild(doc, entry, memberSource(doc, entry, 'empty_layer', 'true'));
}

/**
 * Makes the config of an image with an empty layer below all others. A missing or empty history stays so, because it
 * contradicts no layer.
 */
export function prependEmptyLayerToConfig(source: Uint8Array, what: string): Uint8Array {
  return atOnce(emptyLayerConfigSteps(source, what));
}

/** `prependEmptyLayerToConfig` in steps. */
export function* emptyLayerConfigSteps(source: Uint8Array, what: string): Steps<Uint8Array> {
  const doc = yield* jsonTextSteps(source, what);
  const array = diffIdsOf(doc);
  const added = jsonSource(EMPTY_LAYER_DIFF_ID);
  const splices = [
    array.type === 'null' ? replaceNode(array, `[${added}]`) : prependChild(doc, array, added),
  ];
  const history = member(doc.root, 'history');
  if (history?.type === 'array' && childrenOf(history).length > 0) {
    splices.push(prependChild(doc, history, EMPTY_LAYER_HISTORY));
  }
  return applySplices(doc, splices);
}

/**
 * Undoes `prependEmptyLayerToConfig`: yields every config that this one may have been made from, the likeliest first.
 * Yields none when the first diffID is not that of the empty layer.
 */
export function removeEmptyLayerFromConfig(bytes: Uint8Array, what: string): readonly Uint8Array[] {
  return atOnce(configsWithoutEmptyLayer(bytes, what));
}

/** `removeEmptyLayerFromConfig` in steps. */
export function* configsWithoutEmptyLayer(bytes: Uint8Array, what: string): Steps<readonly Uint8Array[]> {
  const doc = yield* jsonTextSteps(bytes, what);
  const array = diffIdsOf(doc);
  if (stringOf(doc, array.children?.[0]) !== EMPTY_LAYER_DIFF_ID) return [];
  const history = member(doc.root, 'history');
  const [first] = childrenOf(history);
  const histories =
    history !== undefined && stringOf(doc, member(first, 'comment')) === 'Nydus Empty Layer'
      ? [removeFirst(history)]
      : [];
  const removals = [removeFirst(array)];
  if (childrenOf(array).length === 1) removals.push(replaceNode(array, 'null'));
  return removals.map((removal) => applySplices(doc, [removal, ...histories]));
}

/** Returns the array of diffIDs, or the null that Go writes for an image without layers. */
function diffIdsOf(doc: JsonText): Node {
  const array = member(member(doc.root, 'rootfs'), 'diff_ids');
  if (array?.type !== 'array' && array?.type !== 'null') {
    throw new FormatError(`${doc.what} is no image configuration: it has no rootfs.diff_ids`);
  }
  return array;
}
