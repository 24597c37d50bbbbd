/**
 * The OCI half of a merged index is the source image with an empty layer below the others, so that its chain IDs are
 * its own. With index detection the snapshotter commits hollow snapshots under these chain IDs, and an unrelated image
 * with the same layers must never find those.
 *
 * The layer is spliced into the source's own bytes, so that removing it restores the original digest. That makes
 * converting a converted image harmless.
 */
import type { Node } from 'jsonc-parser';
import { atOnce, type Steps } from '../turns.js';
import { FormatError } from '../errors.js';
import { type Digest, sha256 } from './digest.js';
import { ANNOTATION } from './media-types.js';
import { EMPTY_LAYER_BYTES, EMPTY_LAYER_DIGEST } from './nydus.js';
import { emptyLayerConfigSteps, configsWithoutEmptyLayer } from './config-edit.js';
import {
  appendChild,
  applySplices,
  childrenOf,
  jsonSource,
  type JsonText,
  member,
  memberSource,
  jsonTextSteps,
  parseJsonText,
  prependChild,
  propertyOf,
  removeChildren,
  removeFirst,
  removeLast,
  replaceNode,
  type Splice,
  stringOf,
} from './json/text.js';

/** The bytes of a manifest and of its config. */
export interface ImageBytes {
  readonly manifest: Uint8Array;
  readonly config: Uint8Array;
}

/**
 * Adds the empty layer. `layerType` is the layer type of the manifest's family; `what` names the source image in
 * messages.
 */
export function prependEmptyLayer(source: ImageBytes, layerType: string, what: string): ImageBytes {
  return atOnce(emptyLayerSteps(source, layerType, what));
}

/** `prependEmptyLayer` in steps. */
export function* emptyLayerSteps(source: ImageBytes, layerType: string, what: string): Steps<ImageBytes> {
  const config = yield* emptyLayerConfigSteps(source.config, `config of ${what}`);
  const doc = yield* jsonTextSteps(source.manifest, what);
  yield;
  const layers = member(doc.root, 'layers');
  if (layers?.type !== 'array' && layers?.type !== 'null')
    throw new FormatError(`${what} has no list of layers`);
  const layer = jsonSource({
    mediaType: layerType,
    digest: EMPTY_LAYER_DIGEST,
    size: EMPTY_LAYER_BYTES.length,
    annotations: { [ANNOTATION.nydusEmptyLayer]: 'true' },
  });
  return {
    manifest: applySplices(doc, [
      ...pointToConfig(doc, source.config, config),
      layers.type === 'null' ? replaceNode(layers, `[${layer}]`) : prependChild(doc, layers, layer),
      markSource(doc, sha256(source.manifest)),
    ]),
    config,
  };
}

/**
 * Removes the empty layer. Undefined when no way of removing it gives the digest in the manifest's annotation: then
 * another tool wrote the manifest, and encoded it anew.
 */
export function removeEmptyLayer(derived: ImageBytes, what: string): ImageBytes | undefined {
  return atOnce(withoutEmptyLayer(derived, what));
}

/** `removeEmptyLayer` in steps. */
export function* withoutEmptyLayer(derived: ImageBytes, what: string): Steps<ImageBytes | undefined> {
  const doc = yield* jsonTextSteps(derived.manifest, what);
  const layers = member(doc.root, 'layers');
  const original = sourceDigestIn(doc);
  if (layers === undefined || original === undefined) return undefined;
  // The style of the original list is lost, so all are tried, and the digest decides.
  const emptied = childrenOf(layers).length === 1 ? [replaceNode(layers, 'null')] : [];
  for (const config of yield* configsWithoutEmptyLayer(derived.config, `config of ${what}`)) {
    const pointer = pointToConfig(doc, derived.config, config);
    for (const emptying of [removeFirst(layers), ...emptied]) {
      for (const unmark of unmarkings(doc)) {
        const manifest = applySplices(doc, [...pointer, emptying, unmark]);
        if (sha256(manifest) === original) return { manifest, config };
        yield;
      }
    }
  }
  return undefined;
}

/** Returns the digest of the source manifest that the annotation records. */
export function sourceDigestOf(manifest: Uint8Array, what: string): Digest | undefined {
  return sourceDigestIn(parseJsonText(manifest, what));
}

function sourceDigestIn(doc: JsonText): Digest | undefined {
  const value = stringOf(doc, member(member(doc.root, 'annotations'), ANNOTATION.nydusSourceDigest));
  return value as Digest | undefined; // it is only compared with digests that we compute
}

/**
 * Makes the config's descriptor refer to other bytes. Embedded bytes are replaced, too. If that could not be undone
 * (they differ from the descriptor's digest, or are spelled unusually), they are left out, as are URLs.
 */
function pointToConfig(doc: JsonText, old: Uint8Array, config: Uint8Array): readonly Splice[] {
  const descriptor = member(doc.root, 'config');
  const digest = member(descriptor, 'digest');
  const size = member(descriptor, 'size');
  if (descriptor === undefined || digest === undefined || size === undefined)
    throw new FormatError(`${doc.what} names no config`);
  const splices = [replaceNode(digest, jsonSource(sha256(config))), replaceNode(size, String(config.length))];
  const data = member(descriptor, 'data');
  if (data !== undefined && stringOf(doc, data) === base64(old)) {
    splices.push(replaceNode(data, jsonSource(base64(config))));
  }
  return [...splices, ...removeChildren(descriptor, staleMembers(doc, descriptor, old))];
}

/** Returns the names of members that the config's descriptor loses when the config is edited. */
export function* staleConfigMembers(
  { manifest, config }: ImageBytes,
  what: string,
): Steps<readonly string[]> {
  const doc = yield* jsonTextSteps(manifest, what);
  return staleMembers(doc, member(doc.root, 'config'), config).map(
    (property) => stringOf(doc, property.children?.[0]) ?? '',
  );
}

function staleMembers(doc: JsonText, descriptor: Node | undefined, old: Uint8Array): readonly Node[] {
  const isStale = (key: string): boolean => {
    const value = member(descriptor, key);
    if (value === undefined || value.type === 'null') return false;
    return key === 'data' ? stringOf(doc, value) !== base64(old) : childrenOf(value).length > 0;
  };
  return ['data', 'urls']
    .filter(isStale)
    .map((key) => propertyOf(descriptor, key))
    .filter((property) => property !== undefined);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function markSource(doc: JsonText, source: Digest): Splice {
  const annotations = member(doc.root, 'annotations');
  const existing = member(annotations, ANNOTATION.nydusSourceDigest);
  if (existing !== undefined) return replaceNode(existing, jsonSource(source));
  const alone = jsonSource({ [ANNOTATION.nydusSourceDigest]: source });
  if (annotations === undefined) {
    return appendChild(doc, doc.root, memberSource(doc, doc.root, 'annotations', alone));
  }
  if (annotations.type !== 'object') return replaceNode(annotations, alone);
  const mark = memberSource(doc, annotations, ANNOTATION.nydusSourceDigest, jsonSource(source));
  return prependChild(doc, annotations, mark);
}

/** Yields the reverse of every way in which `markSource` may have added its annotation. */
function* unmarkings(doc: JsonText): Iterable<Splice> {
  const annotations = member(doc.root, 'annotations');
  if (annotations?.type !== 'object') return;
  if (childrenOf(annotations)[0] === propertyOf(annotations, ANNOTATION.nydusSourceDigest)) {
    yield removeFirst(annotations);
  }
  if (childrenOf(doc.root).at(-1) === propertyOf(doc.root, 'annotations')) yield removeLast(doc.root);
  yield replaceNode(annotations, 'null');
}
