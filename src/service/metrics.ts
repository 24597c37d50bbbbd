/** What Prometheus reads: upstream's names, and ours. No label holds an image, a tag, a digest or a sender's text. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { TaskQueue } from './queue/queue.js';
import { TASK_KINDS, TASK_STATES } from './queue/task.js';

const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Conversions take minutes, which the default buckets do not tell apart. */
const LONG_BUCKETS = [...DEFAULT_BUCKETS, 30, 60, 120, 300, 600, 1800, 3600];
const SIZE_BUCKETS = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7];

export interface MetricSources {
  /** `server.name`. */
  readonly name: string;
  readonly version: string;
  readonly queue: Pick<TaskQueue, 'count'>;
  readonly workers: () => { readonly busy: number; readonly free: number };
  readonly storeBytes: () => number;
}

export type Metrics = ReturnType<typeof openMetrics>;

export function openMetrics(sources: MetricSources) {
  const registry = new Registry();
  const registers = [registry];
  const prefix = `acceleration_service_${metricName(sources.name)}`;
  const request = ['code', 'method', 'host', 'url'] as const;
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]): Counter<T> =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const histogram = <T extends string>(
    name: string,
    help: string,
    labelNames: readonly T[],
    buckets: readonly number[],
  ): Histogram<T> =>
    new Histogram({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers });
  new Gauge({
    name: 'nydusify_queue_jobs',
    help: 'Tasks by state and kind.',
    labelNames: ['state', 'kind'],
    registers,
    async collect() {
      const { kinds, oldestMs } = await sources.queue.count();
      for (const kind of TASK_KINDS)
        for (const state of TASK_STATES) this.set({ state, kind }, kinds[kind][state]);
      oldest.set(oldestMs / 1000);
    },
  });
  const oldest = new Gauge({
    name: 'nydusify_queue_oldest_seconds',
    help: 'Age of the oldest task that could begin.',
    registers,
  });
  new Gauge({
    name: 'nydusify_workers',
    help: 'Processes that convert.',
    labelNames: ['state'],
    registers,
    collect() {
      const { busy, free } = sources.workers();
      this.set({ state: 'busy' }, busy);
      this.set({ state: 'free' }, free);
    },
  });
  new Gauge({
    name: 'nydusify_store_bytes',
    help: 'Bytes in the work folder.',
    registers,
    collect() {
      this.set(sources.storeBytes());
    },
  });
  new Gauge({ name: 'nydusify_build_info', help: 'The version.', labelNames: ['version'], registers }).set(
    { version: sources.version },
    1,
  );
  return {
    registry,
    requests: counter(`${prefix}_requests_total`, 'HTTP requests.', request),
    requestSeconds: histogram(
      `${prefix}_request_duration_seconds`,
      'Time of HTTP requests.',
      request,
      DEFAULT_BUCKETS,
    ),
    requestBytes: histogram(`${prefix}_request_size_bytes`, 'Size of HTTP requests.', request, SIZE_BUCKETS),
    responseBytes: histogram(`${prefix}_response_size_bytes`, 'Size of HTTP answers.', request, SIZE_BUCKETS),
    conversions: counter('acceleration_service_core_conversions_op_total', 'Conversions.', ['op']),
    conversionErrors: counter('acceleration_service_core_conversions_op_error_total', 'Failed conversions.', [
      'op',
    ]),
    conversionSeconds: histogram(
      'acceleration_service_core_conversions_op_duration_seconds',
      'Time of successful conversions.',
      ['op'],
      LONG_BUCKETS,
    ),
    jobs: counter('nydusify_jobs_total', 'Attempts that ended, by outcome.', ['kind', 'outcome']),
    jobSeconds: histogram('nydusify_job_seconds', 'Time of attempts.', ['kind', 'outcome'], LONG_BUCKETS),
    failures: counter('nydusify_job_attempts_total', 'Failed attempts, by code.', ['code']),
    events: counter('nydusify_events_total', 'Events, by receiver.', ['receiver', 'outcome']),
    skips: counter('nydusify_events_skipped_total', 'Images that are not converted, by reason.', ['reason']),
    sweepMissing: counter(
      'nydusify_sweep_missing_total',
      'Images that sweeps found without a result of their present content.',
      [],
    ),
    bytes: counter('nydusify_bytes_total', 'Bytes of converted images.', ['direction']),
    cacheRecords: counter('nydusify_cache_records_total', 'Layers looked up in build caches.', ['result']),
    restarts: counter('nydusify_worker_restarts_total', 'Processes that were replaced.', ['reason']),
  };
}

/** Only these characters may stand in a name. */
function metricName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');
}
