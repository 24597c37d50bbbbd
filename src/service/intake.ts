/** From pushed images to tasks. No registry is asked: what is accepted is on disk when this returns. */
import { InvalidReferenceError } from '../errors.js';
import { formatReference, parseReference, type Reference } from '../oci/reference.js';
import type { ServiceConfig } from './config/config.js';
import { knownHost } from './config/hosts.js';
import type { Added, TaskQueue } from './queue/queue.js';
import type { NewTask, Task, TaskOrigin } from './queue/task.js';
import { type Choice, planTag, SKIP_REASONS, type SkipReason } from './rules/plan.js';

/** An image as a sender names it; without a tag, its repository is looked at. */
export interface PushedImage {
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string | undefined;
}

export interface Intake {
  readonly accepted: readonly Added[];
  readonly skipped: readonly {
    readonly image: PushedImage;
    readonly reason: SkipReason | 'host' | 'name';
    readonly message: string;
  }[];
}

export interface IntakeOptions {
  readonly origin: TaskOrigin;
  readonly force?: boolean | undefined;
  readonly priority?: number | undefined;
  /** What a person has chosen in place of what the rules say. */
  readonly choice?: Choice | undefined;
  readonly trace?: string | undefined;
  /** Milliseconds before a repository is looked at. */
  readonly lookAfterMs?: number | undefined;
}

/** A registry lists a tag a moment after it has told of its manifest, and tells of many manifests of one push. */
const LOOK_AFTER_MS = 30_000;

/** Throws InvalidReferenceError. A digest without a tag stays without one. */
export function parsePushed(text: string): PushedImage {
  const { registry, repository, tag } = parseReference(text);
  return { registry, repository, tag };
}

export function imageText({ registry, repository, tag }: PushedImage): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}`;
}

/** Throws QueueFullError and LocalIoError; then nothing is accepted. */
export async function takeIn(
  images: readonly PushedImage[],
  config: ServiceConfig,
  queue: TaskQueue,
  options: IntakeOptions,
): Promise<Intake> {
  const tasks: NewTask[] = [];
  const skipped: Intake['skipped'][number][] = [];
  for (const image of images) {
    const planned = plan(image, config, options);
    if ('key' in planned) tasks.push(planned);
    else skipped.push({ image, ...planned });
  }
  return { accepted: tasks.length === 0 ? [] : await queue.add(tasks), skipped };
}

type Skip = Pick<Intake['skipped'][number], 'reason' | 'message'>;

function plan(image: PushedImage, config: ServiceConfig, options: IntakeOptions): NewTask | Skip {
  const registry = knownHost(config.hosts, image.registry);
  if (registry === undefined)
    return { reason: 'host', message: `${image.registry} is not in provider.source` };
  const { origin, force = false, trace } = options;
  const common = { origin, force, ...(trace === undefined ? {} : { trace }) };
  const { repository, tag } = image;
  if (tag === undefined) {
    const source = `${registry}/${repository}`;
    const delayMs = options.lookAfterMs ?? LOOK_AFTER_MS;
    return {
      ...common,
      kind: 'look',
      key: `look ${source}`,
      source,
      target: '',
      rule: '',
      priority: options.priority ?? 5,
      delayMs,
    };
  }
  try {
    const planned = planTag({ registry, repository, tag }, config.rules, options.choice);
    if (planned.kind === 'skip') return { reason: planned.reason, message: SKIP_REASONS[planned.reason] };
    const { rule, target } = planned;
    if (knownHost(config.hosts, target.registry) !== target.registry)
      return { reason: 'host', message: `${target.registry} of rule ${rule.name} is not in provider.source` };
    return {
      ...common,
      kind: 'convert',
      key: formatReference(target),
      source: formatReference(planned.source),
      target: formatReference(target),
      rule: rule.name,
      priority: options.priority ?? rule.priority,
    };
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error;
    return { reason: 'name', message: error.message };
  }
}

/** Records a tag that needs no work, as upstream lists it. */
export function recordSkipped(
  queue: TaskQueue,
  image: PushedImage,
  reason: string,
  origin: TaskOrigin,
): Promise<Task> {
  const source = imageText(image);
  return queue.record(
    { kind: 'convert', key: `skipped ${source}`, source, target: '', rule: '', origin, priority: 5 },
    reason,
  );
}

/** The cache of a rule lies beside its target. */
export function cacheOf(target: Reference, cacheTag: string): string {
  return cacheTag === ''
    ? ''
    : formatReference({ registry: target.registry, repository: target.repository, tag: cacheTag });
}
