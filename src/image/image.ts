/** One image of a reference: the entry that leads to it, its manifest, and on request its config. */
import type { Descriptor, Document, Platform } from '../oci/descriptor.js';
import type { ImageConfig, Manifest } from '../oci/manifest.js';
import { formatPlatform } from '../oci/platform.js';
import type { ImageSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { type EntryKind, halfOf, type Half, isMarkedNydus, kindOfEntry, statedPlatform } from './kinds.js';
import { demand, type Loaded, loadConfigAt, type Problem } from './loaded.js';

/**
 * One line of an index, or of an index that it lists; a reference to a single image has one entry, which no index lists. An entry of
 * kind `index` is an index that was not entered: it is an artifact, lists nothing, or could not be read.
 */
export interface Entry {
  readonly descriptor: Descriptor;
  /** The kind that the descriptor claims; the manifest may turn out to be another. */
  readonly kind: EntryKind;
  /** Bears a mark of Nydus, be it true or not. */
  readonly marked: boolean;
  /** Undefined when the entry states none, or half of one; then the image's config knows it. */
  readonly platform: Platform | undefined;
  /** Among all entries of the reference, from 0; undefined when the reference is this image alone. */
  readonly position: number | undefined;
  /** For an index that could not be read, the reason. */
  readonly problem?: Problem | undefined;
}

export interface Image {
  readonly store: ImageSource;
  readonly entry: Entry;
  readonly manifest: Document<Manifest>;
  /** By the manifest, whatever the entry claims. */
  readonly kind: Half;
}

export function entryOf(descriptor: Descriptor, position?: number): Entry {
  return {
    descriptor,
    kind: kindOfEntry(descriptor),
    marked: isMarkedNydus(descriptor),
    platform: statedPlatform(descriptor),
    position,
  };
}

export function imageOf(store: ImageSource, entry: Entry, manifest: Document<Manifest>): Image {
  return { store, entry, manifest, kind: halfOf(manifest.value) };
}

export function loadConfig(image: Image, call: CallOptions): Promise<Loaded<Document<ImageConfig>>> {
  return loadConfigAt(image.store, image.manifest.value.config, call);
}

/** Throws what fetching throws, and FormatError for bytes that are no image config. */
export async function readConfig(image: Image, call: CallOptions): Promise<Document<ImageConfig>> {
  return demand(await loadConfig(image, call));
}

/** The platform that the image is for: the entry's word, else the config's. */
export async function platformOf(image: Image, call: CallOptions): Promise<Platform> {
  return image.entry.platform ?? (await readConfig(image, call)).value.platform;
}

/** Normal form of a platform, or the words for none. */
export function platformText(platform: Platform | undefined): string {
  return platform === undefined ? 'unknown platform' : formatPlatform(platform);
}
