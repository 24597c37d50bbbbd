/** Docker Hub, Quay, Amazon's and Azure's registries. None of the addresses in their bodies is ever called. */
import { jsonObject } from '../json-object.js';
import * as v from 'valibot';
import {
  BodyError,
  ForeignRegistryError,
  ignored,
  imageOf,
  MAX_IMAGES,
  parsed,
  pushed,
  type Received,
  type Receiver,
} from './receiver.js';

const HUB = jsonObject({
  push_data: jsonObject({ tag: v.string() }),
  repository: jsonObject({ repo_name: v.string() }),
});

export const DOCKER_HUB: Receiver = {
  read: ({ json }, { registry }): Received => {
    const { push_data, repository } = parsed(HUB, json);
    return pushed([imageOf(registry, repository.repo_name, push_data.tag)]);
  },
};

const TAGS = v.union([
  v.pipe(v.array(v.string()), v.maxLength(MAX_IMAGES)),
  v.pipe(v.record(v.string(), v.unknown()), v.maxEntries(MAX_IMAGES)),
]);
const QUAY_PUSH = jsonObject({ repository: v.string(), updated_tags: TAGS });

export const QUAY: Receiver = {
  read: ({ json }, { registry }): Received => {
    const { repository, updated_tags } = parsed(QUAY_PUSH, json);
    const tags = Array.isArray(updated_tags) ? updated_tags : Object.keys(updated_tags);
    return tags.length === 0
      ? ignored('no-image')
      : pushed(tags.map((tag) => imageOf(registry, repository, tag)));
  },
};

/** Amazon's notification service wraps an event in a body of its own. */
const NOTIFICATION = jsonObject({ Type: v.string(), Message: v.string() });
const ECR_EVENT = jsonObject({ 'detail-type': v.string() });
const ECR_ACTION = jsonObject({
  account: v.string(),
  region: v.string(),
  detail: jsonObject({
    'action-type': v.string(),
    result: v.string(),
    'repository-name': v.string(),
    'image-tag': v.nullish(v.string()),
  }),
});

export const ECR: Receiver = {
  read: ({ json: given }, { registry }): Received => {
    const wrapped = v.safeParse(NOTIFICATION, given);
    // A subscription is confirmed by its owner: the address in the body is not called.
    if (wrapped.success && wrapped.output.Type !== 'Notification') return ignored('ping');
    const json = wrapped.success ? eventIn(wrapped.output.Message) : given;
    if (parsed(ECR_EVENT, json)['detail-type'] !== 'ECR Image Action') return ignored('event-type');
    const { account, region, detail } = parsed(ECR_ACTION, json);
    if (detail['action-type'] !== 'PUSH') return ignored('action');
    if (detail.result !== 'SUCCESS') return ignored('result');
    if (!registry.startsWith(`${account}.dkr.ecr.${region}.`))
      throw new ForeignRegistryError('account and region are not those of the registry');
    return pushed([imageOf(registry, detail['repository-name'], detail['image-tag'])]);
  },
};

/** Throws BodyError. */
function eventIn(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    throw new BodyError('Message: no JSON');
  }
}

const ACR_EVENT = jsonObject({ action: v.string() });
const ACR_PUSH = jsonObject({
  target: jsonObject({ repository: v.string(), tag: v.nullish(v.string()) }),
});

export const ACR: Receiver = {
  read: ({ json }, { registry }): Received => {
    const { action } = parsed(ACR_EVENT, json);
    if (action === 'ping') return ignored('ping');
    if (action !== 'push') return ignored('action');
    const { repository, tag } = parsed(ACR_PUSH, json).target;
    return pushed([imageOf(registry, repository, tag)]);
  },
};
