/** A body for senders of one's own: `{"images":[{"reference":"registry.example/app:1.0"},{"repository":"registry.example/app"}]}`. */
import { jsonObject } from '../json-object.js';
import * as v from 'valibot';
import { NydusError } from '../../errors.js';
import { parseReference } from '../../oci/reference.js';
import { imageIn, MAX_IMAGES, type Named, parsed, pushed, type Received, type Receiver } from './receiver.js';

const IMAGES = jsonObject({
  images: v.pipe(
    v.array(v.union([jsonObject({ reference: v.string() }), jsonObject({ repository: v.string() })])),
    v.maxLength(MAX_IMAGES),
  ),
});

export const GENERIC: Receiver = {
  read: ({ json }, { registry }): Received =>
    pushed(
      parsed(IMAGES, json).images.map((image): Named => {
        const name = 'reference' in image ? image.reference : image.repository;
        const host = hostOf(name);
        if (registry !== '' && host !== undefined && host !== registry)
          return { source: name, fault: `${host} is not the registry of this receiver` };
        const found = imageIn(host ?? registry, name);
        return 'repository' in image && 'registry' in found ? { ...found, tag: undefined } : found;
      }),
    ),
};

function hostOf(name: string): string | undefined {
  try {
    return parseReference(name).registry;
  } catch (error) {
    if (error instanceof NydusError) return undefined; // the image has a fault then
    throw error;
  }
}
