/** The tables of docs/service.md, from the shapes that the configuration is read by and the endpoints that the server has. */
import { DRIVER_KEYS } from '../../src/service/config/driver.js';
import { SETTINGS } from '../../src/service/config/settings.js';
import {
  type Access,
  type Endpoint,
  type EndpointName,
  ENDPOINTS,
  refusalsOf,
  SCHEMAS,
} from '../../src/service/http/api/endpoints.js';
import { CODES } from '../../src/service/http/errors.js';
import { openMetrics } from '../../src/service/metrics.js';
import { markdownTable } from '../../test/support/markdown-table.js';

export function serviceKeys(): string {
  return markdownTable(
    ['key', 'takes', 'default', 'meaning'],
    SETTINGS.rows('').map(({ key, type, preset, help }) => [
      `\`${key}\``,
      type,
      preset === '' ? '' : `\`${preset}\``,
      help,
    ]),
  );
}

export function driverKeys(): string {
  return markdownTable(
    ['option', 'meaning'],
    DRIVER_KEYS.map(({ name, help }) => [`\`${name}\``, help]),
  );
}

const ACCESS: Readonly<Record<Access, string>> = {
  open: 'nothing',
  sender: 'the secret of the registry or receiver',
  list: 'a token, once there is one',
  read: 'a token',
  write: 'a token with the scope `write`',
};

export function endpointsTable(): string {
  return markdownTable(
    ['request', 'needs', 'does', 'answers', 'refusals'],
    (Object.keys(ENDPOINTS) as EndpointName[]).map((name) => {
      const { method, path, access, summary, query, body, answers }: Endpoint = ENDPOINTS[name];
      const parameters = Object.keys(query.entries);
      const asked = parameters.length === 0 ? '' : `?${parameters.map((one) => `${one}=`).join('&')}`;
      return [
        `\`${method} ${path}${asked}\`${body === undefined ? '' : ` with \`${body.schema}\``}`,
        ACCESS[access],
        summary,
        Object.entries(answers)
          .map(([status, { schema, type }]) => `${status} \`${schema ?? type}\``)
          .join(', '),
        [...new Set(refusalsOf(name).map((code) => CODES[code].status))].join(' '),
      ];
    }),
  );
}

/** The members of what v2 takes and answers. */
export function schemasTable(): string {
  const shown = ['NewTask', 'Task', 'TaskPage', 'TaskLog', 'Queue', 'Garbage', 'Ready'] as const;
  return markdownTable(
    ['schema', 'members'],
    shown.map((name) => [
      `\`${name}\``,
      Object.keys(SCHEMAS[name].entries)
        .map((one) => `\`${one}\``)
        .join(' '),
    ]),
  );
}

export function codesTable(): string {
  return markdownTable(
    ['code', 'status', 'meaning'],
    Object.entries(CODES).map(([code, { status, text }]) => [`\`${code}\``, String(status), text]),
  );
}

/** What `/metrics` has where the server has the name that is its default. */
export function metricsTable(): string {
  const { registry } = openMetrics({
    name: 'API',
    version: '',
    queue: { count: () => Promise.reject(new Error('nothing is collected')) },
    workers: () => ({ busy: 0, free: 0 }),
    storeBytes: () => 0,
  });
  return markdownTable(
    ['metric', 'type', 'labels', 'meaning'],
    registry
      .getMetricsAsArray()
      .map((metric) => [
        `\`${metric.name}\``,
        String(metric.type),
        'labelNames' in metric && Array.isArray(metric.labelNames)
          ? metric.labelNames.map((label) => `\`${String(label)}\``).join(' ')
          : '',
        metric.help,
      ]),
  );
}
