/** The document that the target's tag shall name: the source's root as it is, or what is left of it for some platforms. */
import { UsageError } from '../errors.js';
import { imageEntries, platformNames } from '../image/choose.js';
import { isIdentity, IDENTITY_MEMBERS } from '../image/identity.js';
import { type Entry, loadConfig } from '../image/image.js';
import { isContainerImage, isImageKind } from '../image/kinds.js';
import { demand, loadDocument } from '../image/loaded.js';
import { readReferenceAt, type ReferenceTree } from '../image/reference-tree.js';
import type { Descriptor, Platform } from '../oci/descriptor.js';
import { sha256 } from '../oci/digest.js';
import { isJsonObject, type Json, type JsonObject, printJson } from '../oci/json/value.js';
import { formatPlatform, formatSelection, isSelected, type PlatformSelection } from '../oci/platform.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';

export interface Root {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/**
 * All platforms give the root byte for byte. Otherwise, as upstream has it, one entry that is left gives its manifest, and several
 * an index with these entries and all other members as they were. Throws UsageError for a platform that the source lacks.
 */
export async function rootToCopy(
  source: ImageSource,
  platforms: PlatformSelection,
  call: CallOptions,
): Promise<Root> {
  const root = await source.resolve(call);
  call.reporter?.emit({ type: 'resolved', source: source.location, manifest: root });
  if (platforms.kind === 'all') return asRoot(demand(await loadDocument(source, root, call)));
  const tree = await readReferenceAt(source, root, call);
  if (tree.index === undefined) return single(tree, platforms, call);
  const found = await selected(tree, platforms, call);
  const missing = platforms.platforms.filter(
    (wanted) => !found.some(({ platform }) => platform !== undefined && isSelected(only(wanted), platform)),
  );
  if (missing.length > 0) {
    const available = platformNames(imageEntries(tree));
    throw new UsageError(`${source.location} holds no image for ${missing.map(formatPlatform).join(', ')}`, {
      remedy: { kind: 'choose-platform', available },
    });
  }
  warnOfRest(
    tree,
    found.map(({ entry }) => entry),
    call,
  );
  if (found.length === tree.entries.length) return asRoot(tree.index);
  const [first] = found;
  if (first !== undefined && found.length === 1)
    return asRoot(demand(await loadDocument(source, first.entry.descriptor, call)));
  await tree.loadJson(call.signal);
  const bytes = withEntries(
    tree.indexJson() ?? new Map(),
    found.map(({ entry }) => tree.entryJson(entry)),
  );
  const { mediaType } = tree.index.value;
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, bytes };
}

function asRoot({
  descriptor,
  bytes,
  value,
}: {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly value: { readonly mediaType: string };
}): Root {
  const { digest, size } = descriptor;
  return { descriptor: { mediaType: value.mediaType, digest, size }, bytes };
}

function only(platform: Platform): PlatformSelection {
  return { kind: 'list', platforms: [platform] };
}

/** An image alone is copied whatever its platform is, because upstream filters only the entries of an index. */
async function single(tree: ReferenceTree, platforms: PlatformSelection, call: CallOptions): Promise<Root> {
  const [entry] = tree.entries;
  if (entry === undefined) throw new UsageError(`${tree.store.location} holds no image`);
  const image = await tree.image(entry, call);
  const platform = await platformOf(tree, entry, call);
  if (platform !== undefined && !isSelected(platforms, platform)) {
    call.reporter?.emit({
      type: 'warning',
      code: 'PLATFORM',
      message: `the image is for ${formatPlatform(platform)} and no other platform; ${formatSelection(platforms)} was asked for`,
    });
  }
  return asRoot(image.manifest);
}

interface SelectedEntry {
  readonly entry: Entry;
  /** Undefined for an entry that is for no platform, such as an artifact, or whose config cannot be read. */
  readonly platform: Platform | undefined;
}

async function selected(
  tree: ReferenceTree,
  platforms: PlatformSelection,
  call: CallOptions,
): Promise<readonly SelectedEntry[]> {
  const found: SelectedEntry[] = [];
  for (const entry of tree.entries) {
    const platform = entry.platform ?? (await platformOf(tree, entry, call));
    if (isSelected(platforms, platform)) found.push({ entry, platform });
  }
  return found;
}

/** The platform in the config of an image whose entry states none. */
async function platformOf(
  tree: ReferenceTree,
  entry: Entry,
  call: CallOptions,
): Promise<Platform | undefined> {
  if (!isImageKind(entry.kind)) return undefined;
  const { value: image } = await tree.loadImage(entry, call);
  if (image === undefined || !isContainerImage(image.manifest.value)) return undefined;
  const { value: config } = await loadConfig(image, call);
  return config === undefined || config.value.platform.os === '' ? undefined : config.value.platform;
}

/** Attestations are for no platform, so that a choice of platforms leaves them out. */
function warnOfRest(tree: ReferenceTree, found: readonly Entry[], call: CallOptions): void {
  const left = tree.entries.filter((entry) => !found.includes(entry) && !isImageKind(entry.kind)).length;
  if (left === 0) return;
  const what = left === 1 ? 'one entry that is' : `${left} entries that are`;
  call.reporter?.emit({
    type: 'warning',
    code: 'ENTRIES_LEFT_OUT',
    message: `${what} no image (attestations or artifacts) left out, as only some platforms are copied`,
  });
}

/** The part of an index claims nothing that is true of the whole index alone. */
function withEntries(index: JsonObject, entries: readonly Json[]): Uint8Array {
  const members = [...index].flatMap(([key, value]): [string, Json][] => {
    if (IDENTITY_MEMBERS.some((member) => member === key)) return [];
    if (key === 'manifests') return [[key, entries]];
    if (key !== 'annotations' || !isJsonObject(value)) return [[key, value]];
    return [[key, new Map([...value].filter(([name, text]) => !isIdentity(name, text, new Set())))]];
  });
  return printJson(new Map(members));
}
