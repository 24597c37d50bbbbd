/** Harbor's webhooks: its default payload, and CloudEvents. */
import { jsonObject } from '../json-object.js';
import * as v from 'valibot';
import {
  BodyError,
  ignored,
  imageIn,
  MAX_IMAGES,
  parsed,
  pushed,
  type Received,
  type Receiver,
} from './receiver.js';

const TYPE = jsonObject({ type: v.string() });
const DATA = jsonObject({
  resources: v.pipe(v.array(jsonObject({ resource_url: v.string() })), v.maxLength(MAX_IMAGES)),
});
const DEFAULT_EVENT = jsonObject({ event_data: DATA });
const CLOUD_EVENT = jsonObject({ data: DATA });

export const HARBOR: Receiver = {
  read: ({ mediaType, json }, { registry }): Received => {
    const isCloud = mediaType === 'application/cloudevents+json';
    if (!isCloud && mediaType !== 'application/json')
      throw new BodyError('the content type is not one of Harbor');
    const { type } = parsed(TYPE, json);
    if (type !== (isCloud ? 'harbor.artifact.pushed' : 'PUSH_ARTIFACT')) return ignored('event-type');
    const { resources } = isCloud ? parsed(CLOUD_EVENT, json).data : parsed(DEFAULT_EVENT, json).event_data;
    // An artifact without a tag has its digest as the tag, and is named by it.
    return pushed(resources.map(({ resource_url }) => imageIn(registry, resource_url)));
  },
};
