/** Every key of the configuration: upstream's, with its meaning and mostly its default, and ours. */
import { availableParallelism } from 'node:os';
import { DRIVER_KEYS } from './driver.js';
import { bool, choice, duration, secret, size, text, whole } from './scalars.js';
import { fields, later, listOf, named, optional, type Shown } from './shape.js';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const MAX_PORT = 65_535;

const RECEIVER_TYPES = [
  'harbor',
  'distribution',
  'dockerhub',
  'github',
  'quay',
  'ecr',
  'acr',
  'generic',
] as const;

const SERVER = fields({
  name: text({ help: 'part of the names of metrics, in lower case', preset: 'API' }),
  uds: text({ help: 'path of a Unix socket to listen on, in place of host and port', preset: '' }),
  host: text({ help: 'address to listen on', preset: '0.0.0.0' }),
  port: whole({ help: 'port to listen on', preset: 2077, min: 0, max: MAX_PORT }),
  tls: optional(
    fields({
      cert: text({ help: 'PEM file of the certificate', preset: '' }),
      key: text({ help: 'PEM file of its key', preset: '' }),
    }),
  ),
  shutdown_timeout: duration({
    help: 'how long running conversions may go on once the service is asked to stop',
    preset: 30 * SECOND,
    presetText: '30s',
  }),
  body_limit: size({ help: 'bytes of a request', preset: 1 << 20, presetText: '1MiB' }),
});

const SOURCE = fields({
  auth: secret({
    help: "`user:secret` in base64; without it, Docker's stored logins are asked",
    preset: '',
  }),
  insecure: bool({ help: 'do not verify the certificate of the registry', preset: false }),
  webhook: fields({
    auth_header: secret({
      help: 'what the header `Authorization` of a request about this registry must be',
      preset: '',
    }),
  }),
  plain_http: bool({ help: 'speak HTTP with it', preset: false }),
  ca: text({ help: 'PEM file of an authority to trust for it', preset: '' }),
  endpoint: text({
    help: 'URL at which it is reached, in place of its own name; credentials for the name hold there',
    preset: '',
  }),
  rate: size({
    help: 'bytes a second of one conversion, to it and from it together; without it as fast as it goes',
    preset: 0,
    presetText: '',
  }),
  aliases: listOf(text({ help: 'other names of the same registry, as senders write them', preset: '' })),
  max_connections: whole({ help: 'connections of one conversion to it', preset: 16, min: 4 }),
});

const PROVIDER = fields({
  source: named('HOST', SOURCE),
  allow_any_host: bool({ help: 'speak with registries that are not listed', preset: false }),
  work_dir: text({ help: 'folder in which the service has a folder `nydusify`', preset: '' }),
  gcpolicy: fields({
    threshold: size({
      help: 'bytes that the work folder may hold: beyond 80 % of it, finished tasks are removed, those that ended first before others',
      preset: 10e9,
      presetText: '10GB',
    }),
  }),
  cache_size: whole({ help: 'records of a build cache, for each platform', preset: 200, min: 0, max: 200 }),
  cache_version: text({ help: 'records of another version are ignored', preset: '' }),
});

const DRIVER_CONFIG = named(
  'OPTION',
  text({ help: 'an option of the driver, see below', preset: '' }),
  (option) => DRIVER_KEYS.some(({ name, isSecret }) => name === option && isSecret === true),
);

const RULE = fields({
  name: text({ help: 'name of the rule, for tasks and logs', preset: '' }),
  match: optional(
    fields({
      host: text({ help: 'glob of registries', preset: '*' }),
      repository: text({ help: 'glob of repositories: `*` within a part, `**` across parts', preset: '**' }),
      tag: text({ help: 'glob of tags', preset: '*' }),
      except: listOf(text({ help: 'globs of tags that are left alone', preset: '' })),
    }),
  ),
  target: optional(
    fields({
      host: text({ help: 'registry of the result', preset: '{host}' }),
      repository: text({
        help: 'repository of the result; knows {host} {repository} {namespace} {name} {tag}',
        preset: '{repository}',
      }),
      tag: text({ help: 'tag of the result', preset: '{tag}' }),
    }),
  ),
  replace: bool({ help: 'the result may take the tag of its source, as one index of both', preset: false }),
  tag_suffix: text({ help: 'the result has the tag of its source with this behind it', preset: '' }),
  cache_tag: text({ help: 'tag of the build cache in the repository of the result', preset: '' }),
  platforms: text({ help: 'in place of `converter.platforms`', preset: '' }),
  driver: fields({ config: DRIVER_CONFIG }),
  priority: whole({ help: 'lower ones first', preset: 5, min: 0, max: 100 }),
});

const CONVERTER = fields({
  worker: whole({
    help: 'conversions at once, each in a process of its own',
    preset: availableParallelism(),
    presetText: 'cores',
    min: 1,
    max: 256,
  }),
  harbor_annotation: bool({ help: "no effect, as upstream's", preset: false }),
  platforms: text({ help: 'platforms to convert, with commas between; all without it', preset: '' }),
  driver: fields({
    type: text({ help: 'nydus', preset: 'nydus' }),
    config: DRIVER_CONFIG,
  }),
  rules: listOf(RULE),
  timeout: duration({ help: 'time that one attempt may take', preset: HOUR, presetText: '1h' }),
  attempts: whole({ help: 'attempts in all, for failures that may pass', preset: 5, min: 1, max: 100 }),
  memory: size({
    help: 'resident bytes at which a process is ended during its conversion, which is tried again',
    preset: 1 << 30,
    presetText: '1GiB',
  }),
});

const SWEEP = fields({
  name: text({ help: 'name of the sweep, for tasks and logs', preset: '' }),
  cron: text({ help: 'when it begins: minute, hour, day, month and weekday', preset: '' }),
  zone: text({ help: 'time zone of `cron`, such as Europe/Berlin', preset: 'UTC' }),
  host: text({ help: 'registry to look through', preset: '' }),
  repositories: listOf(
    text({
      help: 'globs of repositories; those without `*` are looked at without asking the registry for its list; all without it',
      preset: '',
    }),
  ),
  tags: listOf(text({ help: 'globs of tags; all without it', preset: '' })),
});

const WEBHOOK = fields({
  name: text({ help: 'part of the path /api/v1/webhooks/NAME', preset: '' }),
  type: choice(RECEIVER_TYPES, { help: 'the sender', preset: 'generic' }),
  registry: text({ help: 'the registry that its events are about', preset: '' }),
  auth: optional(
    fields({
      header: text({ help: 'header that holds the secret', preset: 'Authorization' }),
      value: secret({ help: 'the secret, also as NAME/SECRET in the path; of GitHub the key', preset: '' }),
    }),
  ),
  unauthenticated: bool({ help: 'start without `auth`', preset: false }),
  allow: listOf(text({ help: 'networks that may send, such as 10.0.0.0/8; all without it', preset: '' })),
});

export const SETTINGS = fields({
  server: SERVER,
  metric: fields({ enabled: bool({ help: 'answer GET /metrics', preset: false }) }),
  api: fields({
    tokens: listOf(
      fields({
        name: text({ help: 'name of a token, for logs', preset: '' }),
        value: secret({ help: 'the token', preset: '' }),
        scope: choice(['read', 'write'], { help: 'what it may do', preset: 'read' }),
      }),
    ),
  }),
  queue: fields({
    url: later('the queue is a file in provider.work_dir'),
    max_waiting: whole({ help: 'tasks that may wait; further ones are refused', preset: 100_000, min: 1 }),
  }),
  tasks: fields({
    keep: duration({ help: 'how long finished tasks are kept', preset: 24 * HOUR, presetText: '24h' }),
    keep_count: whole({ help: 'how many finished tasks are kept', preset: 10_000, min: 0 }),
  }),
  provider: PROVIDER,
  webhooks: listOf(WEBHOOK),
  converter: CONVERTER,
  sweeps: listOf(SWEEP),
});

export type Settings = Shown<typeof SETTINGS>;
export type SourceSettings = Shown<typeof SOURCE>;
export type RuleSettings = Shown<typeof RULE>;
export type WebhookSettings = Shown<typeof WEBHOOK>;
export type SweepSettings = Shown<typeof SWEEP>;
