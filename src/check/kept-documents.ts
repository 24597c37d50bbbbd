/** Hands the documents that were read to the caller, under the names that upstream's `check` gives them in its work directory. */
import { formatPlatform } from '../oci/platform.js';
import type { CheckOptions } from './options.js';
import type { Opening } from './opened.js';
import type { ImageSubject, ReferenceSubject } from './subject.js';
import { bootstrapFiles } from './work-files.js';

export class KeptDocuments {
  readonly #keep: CheckOptions['keep'];
  /** The platform whose documents need no folder of their own; undefined when there is only one. */
  readonly #plain: string | undefined;

  constructor({ keep, keptPlatform }: CheckOptions, images: readonly ImageSubject[]) {
    this.#keep = keep;
    const names = [...new Set(images.map(({ platformName }) => platformName))];
    const wanted = keptPlatform === undefined ? undefined : formatPlatform(keptPlatform);
    this.#plain = names.length < 2 ? undefined : (names.find((name) => name === wanted) ?? names[0]);
  }

  async indexes(target: ReferenceSubject, sources: ReferenceSubject | undefined): Promise<void> {
    for (const [side, subject] of [
      ['target', target],
      ['source', sources],
    ] as const) {
      if (subject?.index === undefined) continue;
      // Upstream writes the index once for each kind of image in it.
      for (const kind of new Set(subject.images.map((image) => image.kind))) {
        await this.#keep?.(`${side}/${kind}_index.json`, subject.index.index.bytes);
      }
    }
    for (const image of sources?.images ?? []) await this.image(image);
  }

  async image(image: ImageSubject): Promise<void> {
    await this.#ofImage(image, `${image.kind}_manifest.json`, image.manifest.bytes);
    if (image.config !== undefined)
      await this.#ofImage(image, `${image.kind}_config.json`, image.config.bytes);
  }

  async bootstrap(image: ImageSubject, { layer, opened }: Opening): Promise<void> {
    if (layer === undefined || this.#keep === undefined) return;
    for (const [path, bytes] of bootstrapFiles(layer, opened)) await this.#ofImage(image, path, bytes);
  }

  async #ofImage(image: ImageSubject, path: string, bytes: Uint8Array): Promise<void> {
    const { platformName } = image;
    const isPlain = this.#plain === undefined || platformName === this.#plain;
    const folder = isPlain ? '' : `${platformName.replaceAll('/', '-')}/`;
    await this.#keep?.(`${image.side}/${folder}${path}`, bytes);
  }
}
