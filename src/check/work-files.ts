/**
 * The files that upstream's `check` leaves in its work directory: the unpacked bootstrap layer, and the builder's
 * report on it.
 */
import { bootstrapPathOf, type BootstrapLayer } from '../image/bootstrap-layer.js';
import { versions } from '../native/program.js';
import type { ReadBootstrap } from './opened.js';

/**
 * Yields paths in the folder of the image, and their content. `read` is undefined when the bootstrap cannot be read.
 */
export function* bootstrapFiles(
  layer: BootstrapLayer,
  read: ReadBootstrap | undefined,
): Generator<readonly [path: string, bytes: Uint8Array]> {
  for (const [name, bytes] of layer.files) yield [inFolder(name), bytes];
  if (read !== undefined) yield ['nydus_output.json', Buffer.from(builderOutput(layer, read))];
}

function inFolder(name: string): string {
  return `nydus_bootstrap/${name}`;
}

/** Writes the report of `nydus-image check --output-json`; its path of the bootstrap is relative to the report. */
function builderOutput(layer: BootstrapLayer, { bootstrap, version }: ReadBootstrap): string {
  const output = {
    version: `nydusify-ts ${versions().addon}`,
    bootstrap: inFolder(bootstrapPathOf(layer) ?? ''),
    blobs: bootstrap.blobs.map(({ record }) => record.id),
    external_bootstrap: '',
    external_blobs: [],
    trace: {},
    fs_version: String(version),
    compressor: bootstrap.compressor,
  };
  return `${JSON.stringify(output, null, 2)}\n`;
}
