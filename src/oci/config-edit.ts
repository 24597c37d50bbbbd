/**
 * The image configuration, edited as text: `rootfs.diff_ids` and `history` change, every other byte stays. Upstream decodes
 * into a struct and so loses what the OCI specification does not name (Healthcheck, Shell, OnBuild, …).
 *
 * OCI image-spec, config.md: one diffID a layer; history entries without `empty_layer` are as many as layers.
 */
import type { Node } from 'jsonc-parser';
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
  parseJsonText,
  prependChild,
  rawOf,
  removeFirst,
  replaceNode,
  type Splice,
  stringOf,
} from './json/text.js';

/** No time stamps: the same input gives the same bytes. */
const BOOTSTRAP_HISTORY = jsonSource({ created_by: 'Nydus Converter', comment: 'Nydus Bootstrap Layer' });
const EMPTY_LAYER_HISTORY = jsonSource({ created_by: 'Nydus Converter', comment: 'Nydus Empty Layer' });
/** For a layer of which the source's history says nothing. */
const UNTOLD_HISTORY = jsonSource({ created_by: 'Nydus Converter', comment: 'Layer without history' });

/**
 * The configuration of the Nydus image: the diffID of a blob is its digest (nobody ever decompresses one), the bootstrap
 * layer's comes last, and the history fits.
 */
export function nydusConfig(
  source: Uint8Array,
  blobs: readonly DiffId[],
  bootstrap: DiffId,
  what: string,
): Uint8Array {
  const doc = parseJsonText(source, what);
  const array = diffIdsOf(doc);
  const diffIds = [...blobs, bootstrap].map((diffId) => jsonSource(diffId));
  return applySplices(doc, [
    replaceNode(array, arrayLike(doc, array, diffIds)),
    ...historySplices(doc, blobs.length),
  ]);
}

/**
 * Makes the history tell of `layers` layers and of the bootstrap. Too short a one gets entries that say nothing; of too
 * long a one (a squashed image) the oldest surplus entries are marked as empty.
 */
function historySplices(doc: JsonText, layers: number): readonly Splice[] {
  const history = member(doc.root, 'history');
  const entries = history?.type === 'array' ? childrenOf(history) : [];
  const told = entries.filter((entry) => !isEmptyLayer(entry));
  const missing = Math.max(0, layers - told.length);
  const added = [...Array<string>(missing).fill(UNTOLD_HISTORY), BOOTSTRAP_HISTORY];
  if (history === undefined) {
    return [appendChild(doc, doc.root, memberSource(doc, doc.root, 'history', `[${added.join(',')}]`))];
  }
  if (history.type !== 'array') return [replaceNode(history, `[${added.join(',')}]`)];
  const surplus = told.slice(0, Math.max(0, told.length - layers));
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
 * The configuration of an image with an empty layer below all others. A history that says nothing at all stays so: then
 * nothing disagrees with the layers.
 */
export function prependEmptyLayerToConfig(source: Uint8Array, what: string): Uint8Array {
  const doc = parseJsonText(source, what);
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
 * Undoes `prependEmptyLayerToConfig`: every config that it may have been made from, the likeliest first. None when the first diffID is
 * not the empty layer's.
 */
export function removeEmptyLayerFromConfig(bytes: Uint8Array, what: string): readonly Uint8Array[] {
  const doc = parseJsonText(bytes, what);
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

/** An array, or the null that Go writes for an image without layers. */
function diffIdsOf(doc: JsonText): Node {
  const array = member(member(doc.root, 'rootfs'), 'diff_ids');
  if (array?.type !== 'array' && array?.type !== 'null') {
    throw new FormatError(`${doc.what} is no image configuration: it has no rootfs.diff_ids`);
  }
  return array;
}
