/** GitHub's packages, of repositories and organizations (`package`) and of GitHub Apps (`registry_package`). */
import { jsonObject } from '../json-object.js';
import * as v from 'valibot';
import { BodyError, ignored, imageIn, parsed, pushed, type Received, type Receiver } from './receiver.js';

const KIND = jsonObject({ action: v.string() });
const PACKAGE = jsonObject({
  package_type: v.string(),
  package_version: jsonObject({
    package_url: v.string(),
    container_metadata: v.nullish(
      jsonObject({ tag: v.nullish(jsonObject({ name: v.nullish(v.string()) })) }),
    ),
  }),
});
const TYPED = jsonObject({ package_type: v.string() });

const EVENTS: Readonly<Record<string, string>> = { package: 'package', registry_package: 'registry_package' };

export const GITHUB: Receiver = {
  read: ({ headers, json }, { registry }): Received => {
    const event = headers['x-github-event'];
    if (event === undefined) throw new BodyError('the header X-GitHub-Event is missing');
    if (event === 'ping') return ignored('ping');
    const member = Object.hasOwn(EVENTS, event) ? EVENTS[event] : undefined;
    if (member === undefined) return ignored('event-type');
    const { action } = parsed(KIND, json);
    if (action !== 'published' && action !== 'updated') return ignored('action');
    const { package_type } = parsed(jsonObject({ [member]: TYPED }), json)[member] ?? { package_type: '' };
    if (!['container', 'docker'].includes(package_type.toLowerCase())) return ignored('no-image');
    const found = parsed(jsonObject({ [member]: PACKAGE }), json)[member];
    if (found === undefined) return ignored('no-image');
    // Without a tag the address ends in a colon.
    const url = found.package_version.package_url.replace(/:$/, '');
    const tag = found.package_version.container_metadata?.tag?.name ?? '';
    const isTagged = /:[^/]*$/.test(url);
    const image = imageIn(registry, isTagged || tag === '' ? url : `${url}:${tag}`);
    // A name without a tag is read as `latest`, which this event does not say.
    return pushed(['registry' in image && !isTagged && tag === '' ? { ...image, tag: undefined } : image]);
  },
};
