/** Notifications of the CNCF's registry and of those built on it. */
import { jsonObject } from '../json-object.js';
import * as v from 'valibot';
import { isIndexType, isManifestType } from '../../oci/manifest.js';
import { ignored, imageOf, MAX_IMAGES, parsed, pushed, type Received, type Receiver } from './receiver.js';

const TYPE = 'application/vnd.docker.distribution.events.v1+json';
const EVENTS = jsonObject({
  events: v.pipe(
    v.array(
      jsonObject({
        action: v.string(),
        target: v.optional(
          jsonObject({
            mediaType: v.optional(v.string(), ''),
            repository: v.optional(v.string(), ''),
            tag: v.optional(v.string()),
          }),
        ),
      }),
    ),
    v.maxLength(MAX_IMAGES),
  ),
});

export const DISTRIBUTION: Receiver = {
  read: ({ mediaType, json }, { registry }): Received => {
    if (mediaType !== TYPE && mediaType !== 'application/json') return ignored('media-type');
    const { events } = parsed(EVENTS, json);
    const pushes = events.filter(({ action }) => action === 'push');
    if (pushes.length === 0) return ignored('action');
    const images = pushes.flatMap(({ target }) => {
      const isImage =
        target !== undefined && (isManifestType(target.mediaType) || isIndexType(target.mediaType));
      // The target's URL has the host that the pushing client has named.
      return isImage ? [imageOf(registry, target.repository, target.tag)] : [];
    });
    return images.length === 0 ? ignored('media-type') : pushed(images);
  },
};
