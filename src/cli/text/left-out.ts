/** Says what a flattened image does not have of its layers. */
import type { LeftOut } from '../../convert/flat-image.js';
import { printable } from './printable.js';
import { formatBytes, plural } from './units.js';

/** The directories that are named of a layer; the JSON has more of them. */
const NAMED = 3;

/** One line for all layers, and one for each of which something was left out. Empty unless the image is flattened. */
export function leftOutLines(
  layers: readonly { readonly leftOut?: LeftOut | undefined }[],
): readonly string[] {
  const flat = layers.flatMap(({ leftOut }, n) => (leftOut === undefined ? [] : [{ leftOut, n }]));
  if (flat.length === 0) return [];
  const all = flat.reduce((sum, { leftOut }) => sum + leftOut.storedBytes, 0);
  const lines = flat.filter(({ leftOut }) => leftOut.storedBytes + filesOf(leftOut) > 0);
  const head =
    lines.length === 0
      ? 'flattened: a container sees all that the layers hold'
      : `flattened: ${formatBytes(all)} not stored that no container sees`;
  return [head, ...lines.map(({ leftOut, n }) => `  layer ${n + 1}: ${layerText(leftOut)}`)];
}

function layerText({ storedBytes, directories, moreDirectories, overwritten }: LeftOut): string {
  const named = directories.slice(0, NAMED);
  const unnamed = directories.length - named.length + moreDirectories;
  return [
    formatBytes(storedBytes),
    ...named.map(
      ({ path, files, bytes }) => `${printable(path)} (${plural(files, 'file')}, ${formatBytes(bytes)})`,
    ),
    ...(unnamed === 0 ? [] : [`${unnamed} more ${unnamed === 1 ? 'directory' : 'directories'}`]),
    ...(overwritten.files === 0
      ? []
      : [
          `${plural(overwritten.files, 'file')} that the same layer replaces (${formatBytes(overwritten.bytes)})`,
        ]),
  ].join(', ');
}

function filesOf({ hidden, overwritten }: LeftOut): number {
  return hidden.files + overwritten.files;
}
