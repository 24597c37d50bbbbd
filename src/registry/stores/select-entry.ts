/** Selects an image of an OCI layout, which may hold several. */
import { RegistryError } from '../../errors.js';
import type { ListedDescriptor } from '../../oci/manifest.js';
import { ANNOTATION } from '../../oci/media-types.js';
import type { Selector } from '../location.js';

/**
 * The entry that the selector means. `names` gives the names of an entry. Throws RegistryError when there is no such entry, or more
 * than one.
 */
export function selectEntry(
  entries: readonly ListedDescriptor[],
  selector: Selector,
  where: string,
  names: (entry: ListedDescriptor) => readonly string[],
): ListedDescriptor {
  const listed = entries.map((entry) => names(entry)[0] ?? entry.digest).join(', ');
  const candidates = entries.filter(
    (entry) =>
      (selector.digest === undefined || entry.digest === selector.digest) &&
      (selector.name === undefined || names(entry).includes(selector.name)),
  );
  // One image may have several names.
  if (new Set(candidates.map((entry) => entry.digest)).size > 1) {
    throw new RegistryError(`${where} holds several images`, {
      hint: `say which one, by :TAG or @DIGEST: ${listed}`,
    });
  }
  const [entry] = candidates;
  if (entry !== undefined) return entry;
  throw new RegistryError(`${where} holds no such image`, {
    status: 404,
    hint: entries.length === 0 ? 'its index is empty' : `it holds ${listed}`,
  });
}

/** The names of an entry of `index.json`: its tag, and the whole name that containerd and Docker add. */
export function entryNames(entry: ListedDescriptor): string[] {
  const { [ANNOTATION.ociRefName]: tag, [ANNOTATION.containerdImageName]: name } = entry.annotations ?? {};
  return [tag, name].filter((text) => text !== undefined);
}
