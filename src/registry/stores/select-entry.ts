/** Selects an image of an OCI layout, which may hold several. */
import { RegistryError } from '../../errors.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { ListedDescriptor } from '../../oci/manifest.js';
import { ANNOTATION } from '../../oci/media-types.js';
import type { Selector } from '../location.js';
import { type MadeDocument, type MadeDocuments, platformIndex } from './platform-index.js';

/**
 * The entry that the selector means, or the index of all that it means if they are one image for several platforms. `names` gives
 * the names of an entry. Throws RegistryError when there is no such entry, or more than one.
 */
export function selectEntry(
  entries: readonly ListedDescriptor[],
  selector: Selector,
  where: string,
  names: (entry: ListedDescriptor) => readonly string[],
): ListedDescriptor | MadeDocument {
  const position = positionOf(selector.name);
  const fitting = entries.filter(
    (entry, i) =>
      (selector.digest === undefined || entry.digest === selector.digest) &&
      (selector.name === undefined || i === position || names(entry).includes(selector.name)),
  );
  // An image beside its referrers is the one that a location without a name means.
  const images = fitting.filter((entry) => !isAttached(entry));
  const candidates = images.length > 0 ? images : fitting;
  // One image may have several names.
  if (new Set(candidates.map((entry) => entry.digest)).size > 1) {
    const isOneImage = new Set(candidates.map((entry) => names(entry).join('\n'))).size === 1;
    const index = isOneImage ? platformIndex(candidates) : undefined;
    if (index !== undefined) return index;
    throw new RegistryError(`${where} holds several images${named(selector)}`, {
      hint: `say which one, by :TAG, :@POSITION or @DIGEST: ${listText(entries, names)}`,
    });
  }
  const [entry] = candidates;
  if (entry !== undefined) return entry;
  throw new RegistryError(`${where} holds no such image`, {
    status: 404,
    hint: entries.length === 0 ? 'its index is empty' : `it holds ${listText(entries, names)}`,
  });
}

/** Selects an image by its names in the layout; a document made for it goes into `made`. */
export function selectImage(
  entries: readonly ListedDescriptor[],
  selector: Selector,
  where: string,
  made: MadeDocuments,
): Descriptor {
  const selected = selectEntry(entries, selector, where, entryNames);
  if ('bytes' in selected) return made.add(selected);
  // The descriptor that a registry would give has neither the entry's annotations nor its raw form.
  const { mediaType, digest, size } = selected;
  return { mediaType, digest, size };
}

/** True for an entry that is listed so that readers find it as a referrer: it has a type of its own, and neither name nor platform. */
export function isAttached(entry: Descriptor): boolean {
  return entry.artifactType !== undefined && entry.platform === undefined && entryNames(entry).length === 0;
}

/** Reads skopeo's `:@0`, which selects an image by its position in the list, with or without a name. */
export function positionOf(name: string | undefined): number | undefined {
  const digits = /^@([0-9]+)$/.exec(name ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function named({ name }: Selector): string {
  return name === undefined ? '' : ` named ${name}`;
}

/** Every entry by words that mean it alone: its name, or its place where others have the same name or it has none. */
function listText(
  entries: readonly ListedDescriptor[],
  names: (entry: ListedDescriptor) => readonly string[],
): string {
  const firsts = entries.map((entry) => names(entry)[0]);
  const counts = new Map<string | undefined, number>();
  for (const name of firsts) counts.set(name, (counts.get(name) ?? 0) + 1);
  return shortList(firsts, (name, i) => {
    const isOwn = name !== undefined && counts.get(name) === 1;
    return isOwn ? name : `@${i}${name === undefined ? '' : ` (${name})`}`;
  });
}

/** Names in a message; a store may hold thousands. */
const LISTED = 50;

/** The first items as words, and the number of the others. */
export function shortList<T>(items: readonly T[], words: (item: T, position: number) => string): string {
  const shown = items.slice(0, LISTED).map(words).join(', ');
  return items.length > LISTED ? `${shown} and ${items.length - LISTED} more` : shown;
}

/** The names of an entry of `index.json`: its tag, and the whole name that containerd and Docker add. */
export function entryNames(entry: Descriptor): string[] {
  const { [ANNOTATION.ociRefName]: tag, [ANNOTATION.containerdImageName]: name } = entry.annotations ?? {};
  return [tag, name].filter((text) => text !== undefined);
}
