/** A small Nydus image without faults, for commands that take two images. */
import { file, layer } from '../images/tar.js';
import { gzipped } from './layers.js';
import { converted } from './of-bootstraps.js';
import { image } from './write.js';

/** Writes it into the folder, and returns its location. */
export function soundImage(folder: string): Promise<string> {
  return converted(image(() => gzipped(layer(file('small', 'hi')))))(folder);
}
