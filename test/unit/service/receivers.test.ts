/** Receivers: bodies as senders write them, and what must not be made of them. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Webhook } from '../../../src/service/config/webhooks.js';
import { imageText } from '../../../src/service/intake.js';
import { BodyError, ForeignRegistryError, type Received } from '../../../src/service/receivers/receiver.js';
import { RECEIVERS } from '../../../src/service/receivers/receivers.js';
import { projectRoot } from '../../support/project.js';
import { mutated, seeded } from '../../support/service/mutated-json.js';

const TYPES = ['harbor', 'distribution', 'dockerhub', 'github', 'quay', 'ecr', 'acr', 'generic'] as const;
const FOLDER = join(projectRoot, 'fixtures', 'webhooks');

/** The registry that a receiver of each type is for. */
const REGISTRY: Readonly<Record<Webhook['type'], string>> = {
  harbor: 'registry.test:5443',
  distribution: '127.0.0.1:5204',
  dockerhub: 'docker.io',
  github: 'ghcr.test',
  quay: 'quay.test',
  ecr: '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
  acr: 'team.azurecr.test',
  generic: '',
};

interface Sample {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

function sample(name: string): Sample {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as Sample;
}

function receive(type: Webhook['type'], { headers, body }: Sample, registry = REGISTRY[type]): Received {
  const webhook: Webhook = { name: type, type, registry, auth: undefined, allow: undefined };
  const mediaType = (headers['content-type'] ?? '').split(';')[0] ?? '';
  return RECEIVERS[type].read({ headers, mediaType, json: body }, webhook);
}

/** The images of an event, or the reason why it is ignored. */
function outcome(received: Received): readonly string[] | string {
  if (received.kind === 'ignored') return received.reason;
  return received.images.map((image) => ('fault' in image ? `fault: ${image.source}` : imageText(image)));
}

/** Samples of `fixtures/webhooks`, and what each means. */
const MEANINGS: Readonly<Record<string, readonly string[] | string>> = {
  'acr-push': ['team.azurecr.test/team/app:1.0'],
  'distribution-blob-push': 'media-type',
  'distribution-index-push-foreign-host': ['127.0.0.1:5204/lib/app:multi'],
  'distribution-manifest-push-digest': ['127.0.0.1:5204/lib/app'],
  'distribution-manifest-push-tag': ['127.0.0.1:5204/lib/app:latest'],
  'distribution-mount': 'action',
  'distribution-pull': 'action',
  'dockerhub-push': ['docker.io/team/app:latest'],
  'ecr-delete': 'action',
  'ecr-push': ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.0'],
  generic: ['registry.test:5443/team/web/app:1.0', 'registry.test:5443/team/web/app'],
  'github-npm': 'no-image',
  'github-package': ['ghcr.test/team/app:1.0'],
  'github-ping': 'ping',
  'github-registry_package': ['ghcr.test/team/app:1.0'],
  'github-untagged': ['ghcr.test/team/app'],
  'harbor-cloudevents': ['registry.test:5443/team/web/app:1.0'],
  'harbor-own-push': ['registry.test:5443/team/web/app:1.0-nydus'],
  'harbor-pull': 'event-type',
  'harbor-push-digest-only': ['registry.test:5443/team/web/app'],
  'harbor-push-tag': ['registry.test:5443/team/web/app:1.0'],
  'harbor-push-two': ['registry.test:5443/team/web/app:1.0', 'registry.test:5443/team/web/app:1.1'],
  'quay-list': ['quay.test/team/app:latest', 'quay.test/team/app:1.0'],
  'quay-map': ['quay.test/team/app:latest'],
};

for (const [name, meaning] of Object.entries(MEANINGS)) {
  test(`${name} means ${String(meaning)}`, () => {
    const type = Object.keys(RECEIVERS).find((one) => name.startsWith(one)) as Webhook['type'];
    assert.deepEqual(outcome(receive(type, sample(name))), meaning);
  });
}

test('every sample has a meaning here', () => {
  const files = readdirSync(FOLDER).map((name) => name.replace(/\.json$/, ''));
  assert.deepEqual(
    files.filter((name) => !Object.hasOwn(MEANINGS, name)),
    ['harbor-no-event-data'],
  );
  assert.throws(() => receive('harbor', sample('harbor-no-event-data')), /event_data/);
});

test("an event of ECR may come through Amazon's notification service, whose addresses are never called", () => {
  const { headers, body } = sample('ecr-push');
  const wrap = (Type: string, Message: unknown): Sample => ({
    headers,
    body: { Type, Message, SubscribeURL: 'https://evil.example/', TopicArn: 'arn:aws:sns:eu-west-1:1:t' },
  });
  assert.deepEqual(outcome(receive('ecr', wrap('Notification', JSON.stringify(body)))), [
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.0',
  ]);
  assert.equal(outcome(receive('ecr', wrap('SubscriptionConfirmation', 'You have chosen'))), 'ping');
  assert.throws(() => receive('ecr', wrap('Notification', '{')), /Message: no JSON/);
  assert.throws(() => receive('ecr', wrap('Notification', '[]')), BodyError);
});

test("the registry is the receiver's, whatever host the body names", () => {
  const evil = { resource_url: 'evil.example:9999/team/app:1' };
  const body = { type: 'PUSH_ARTIFACT', event_data: { resources: [evil] } };
  const headers = { 'content-type': 'application/json' };
  assert.deepEqual(outcome(receive('harbor', { headers, body })), ['registry.test:5443/team/app:1']);
  const other = receive(
    'generic',
    { headers, body: { images: [{ reference: 'evil.example/a:1' }] } },
    'r.example',
  );
  assert.deepEqual(outcome(other), ['fault: evil.example/a:1']);
  assert.throws(() => receive('ecr', sample('ecr-push'), 'other.example'), ForeignRegistryError);
});

test('a name that is none is the fault of one image, and not of the others', () => {
  const headers = { 'content-type': 'application/json' };
  const names = ['r.test/Upper:1', 'r.test/ok:1', 'r.test/a b:1', 'r.test/x:\u001b[31m', '../../etc/passwd'];
  const body = {
    type: 'PUSH_ARTIFACT',
    event_data: { resources: names.map((resource_url) => ({ resource_url })) },
  };
  const received = receive('harbor', { headers, body });
  const good = received.kind === 'pushed' ? received.images : [];
  assert.deepEqual(
    good.flatMap((image) => ('registry' in image ? [imageText(image)] : [])),
    ['registry.test:5443/ok:1'],
  );
});

test('a repository cannot smuggle a tag, a digest or a host', () => {
  const headers = { 'content-type': 'application/json' };
  for (const repository of ['a:evil', `a@sha256:${'0'.repeat(64)}`, '/a', 'a//b', '']) {
    const received = receive('quay', { headers, body: { repository, updated_tags: ['1'] } });
    assert.match(String(outcome(received)), /^fault: /, repository);
  }
});

/** Values that a fuzzed body takes in place of one of its own. */
const ODD: readonly unknown[] = [
  null,
  1,
  '',
  'x'.repeat(5000),
  [],
  {},
  [[]],
  true,
  { __proto__: 1 },
  '\u0000',
  -0,
];

test('bodies with any member replaced are read, ignored or refused, and nothing else', () => {
  let tried = 0;
  for (const name of readdirSync(FOLDER)) {
    const type = Object.keys(RECEIVERS).find((one) => name.startsWith(one)) as Webhook['type'];
    const { headers, body } = sample(name.replace(/\.json$/, ''));
    for (const changed of variants(body)) {
      tried++;
      try {
        receive(type, { headers, body: changed });
      } catch (error) {
        assert.ok(error instanceof BodyError || error instanceof ForeignRegistryError, String(error));
      }
    }
  }
  assert.ok(tried > 2000, String(tried));
});

function* variants(value: unknown): Generator {
  yield* ODD;
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries())
      for (const changed of variants(item)) yield value.map((one: unknown, j) => (i === j ? changed : one));
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    for (const [name, item] of entries) {
      yield Object.fromEntries(entries.filter(([other]) => other !== name));
      for (const changed of variants(item)) yield { ...value, [name]: changed };
    }
  }
}

test('a list in place of an object is refused, and not taken for one without members', () => {
  const body = { headers: { 'content-type': 'application/json' } };
  for (const [type, value] of [
    ['generic', []],
    ['generic', { images: [[]] }],
    ['harbor', []],
    ['harbor', { type: 'PUSH_ARTIFACT', event_data: [] }],
    ['quay', []],
    ['acr', []],
  ] as const)
    assert.throws(
      () => receive(type, { ...body, body: value }),
      BodyError,
      `${type} ${JSON.stringify(value)}`,
    );
});

test('bodies of any other shape are refused with the member named, or ignored, and nothing else', () => {
  const random = seeded(1);
  for (const name of Object.keys(MEANINGS)) {
    const { headers, body } = sample(name);
    const type = TYPES.find((one) => name.startsWith(one));
    assert.ok(type !== undefined, name);
    for (let i = 0; i < 200; i++) {
      const bent = mutated(body, random);
      try {
        assert.ok(['pushed', 'ignored'].includes(receive(type, { headers, body: bent }).kind));
      } catch (error) {
        assert.ok(
          error instanceof BodyError || error instanceof ForeignRegistryError,
          `${name}: ${JSON.stringify(bent)}: ${String(error)}`,
        );
      }
    }
  }
});
