/**
 * Finds documents that clients read in different ways. Clients in Go take `Layers` for `layers`, and merge two members of one name, of
 * which others see the last alone: one image would be converted and judged, and another one run.
 */
import { FormatError } from '../../errors.js';

/** The members of manifests, indexes, configs, and of the objects in them, that clients decode into fields. */
const FIELDS: ReadonlyMap<string, string> = new Map(
  [
    ...[
      'schemaVersion',
      'mediaType',
      'artifactType',
      'config',
      'layers',
      'manifests',
      'subject',
      'annotations',
    ],
    ...[
      'digest',
      'size',
      'urls',
      'data',
      'platform',
      'architecture',
      'os',
      'variant',
      'os.version',
      'os.features',
    ],
    ...['rootfs', 'diff_ids', 'history', 'empty_layer'],
  ].map((name) => [folded(name), name]),
);

/** Below these members, and `config` of an image's config, stand names that image authors choose. */
const FREE: ReadonlySet<string> = new Set(['annotations', 'container_config']);

/** Upper and lower case are one, and so are the two letters beyond ASCII that Go takes for `s` and `k`. */
function folded(name: string): string {
  return name.toLowerCase().replaceAll('ſ', 's');
}

/** The number of values as `boundShape` counts them in the text: less than there if a member occurs twice. */
export function countValues(json: unknown): number {
  let count = 1;
  const waiting: unknown[] = [json];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
    count += 1 + Math.max(0, members.length - 1);
    for (const member of members) if (typeof member === 'object' && member !== null) waiting.push(member);
  }
  return count;
}

/** Throws FormatError for a member whose name is that of a field in another case. `isConfig`: the document is an image's config. */
export function refuseOtherCase(json: object, what: string, isConfig: boolean): void {
  const waiting: object[] = [json];
  for (let object = waiting.pop(); object !== undefined; object = waiting.pop()) {
    for (const [name, value] of Object.entries(object)) {
      const field = Array.isArray(object) ? undefined : FIELDS.get(folded(name));
      if (field !== undefined && field !== name)
        throw new FormatError(`${what}: "${name}" is "${field}" to some clients, and nothing to others`);
      const isFree = FREE.has(name) || (isConfig && name === 'config');
      if (typeof value === 'object' && value !== null && !isFree) waiting.push(value as object); // neither null nor a primitive
    }
  }
}
