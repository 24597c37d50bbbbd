/**
 * The fault matrix: every request of a whole conversion × every fault. What a cell came to is judged here; which answer is the
 * right one for a kind of request stands in allowed-outcomes.ts.
 */
import { type Fault, FAULTS, type FaultRule } from '../../../src/embedded-registry/faults.js';
import { InternalError, NydusError } from '../../../src/errors.js';
import { allowed } from './allowed-outcomes.js';
import {
  CACHE_NAME,
  type FaultLab,
  type ForeignHeader,
  type Host,
  type Observation,
  PASSWORD,
  type SeenRequest,
} from './fault-lab.js';
import type { Scenario } from './fault-runs.js';

/** `once`: one request is struck. `for good`: every request of its kind and content from there on. */
export type Mode = 'once' | 'for good';

export interface Cell {
  readonly scenario: Scenario;
  readonly host: Host;
  readonly method: string;
  readonly path: string;
  /** Which of the requests with this method and path, from 1. */
  readonly at: number;
  /** The purpose of the request, as docs/reliability.md names it. */
  readonly kind: string;
  readonly fault: Fault;
  readonly mode: Mode;
}

/** `same`: the result of the run without faults. Else the code of the error, such as `REGISTRY`. */
export type Outcome = string;

export interface CellResult {
  readonly cell: Cell;
  readonly outcome: Outcome;
  /** The sentence that the user is shown. */
  readonly message: string | undefined;
  readonly retries: number;
  /** True if there was a warning about a build cache. */
  readonly isWarned: boolean;
  readonly elapsedMs: number;
  /** Promises that were broken; none, if all is well. */
  readonly faults: readonly string[];
  readonly foreign: readonly ForeignHeader[];
  /** Lines of log file that were searched. */
  readonly logLines: number;
  /** Tokens that were given out in this run, to be searched for. */
  readonly tokens: readonly string[];
}

/** Longer than every wait that the laboratory's client may make in one run. */
const TIME_LIMIT_MS = 60_000;

/** Rows of the table, in the order in which a conversion makes the requests. */
export function kindOf({ host, method, path, status }: SeenRequest, config: string): string {
  if (host === 'tokens') return 'token';
  if (status === 401) return 'first request, asked to log in';
  if (path.includes(CACHE_NAME) || path.includes(encodeURIComponent(CACHE_NAME)))
    return `build cache: ${cacheKindOf(method, path)}`;
  const from = host === 'source' ? 'source' : 'target';
  if (path.includes('/manifests/')) {
    const byDigest = path.includes('/manifests/sha256');
    if (method === 'PUT') return byDigest ? 'push a manifest' : 'set the tag';
    if (host === 'target') return byDigest ? 'look for a manifest' : 'look at the tag';
    return method === 'HEAD' ? 'resolve the source' : 'read the manifest';
  }
  if (path.includes('mount=')) return 'mount a blob';
  if (method === 'POST') return 'open an upload';
  if (method === 'PATCH') return 'send a blob (PATCH)';
  if (method === 'PUT') return 'finish an upload (PUT)';
  if (method === 'GET' && path.includes('/uploads/')) return 'ask how far an upload is';
  if (method === 'HEAD') return `look for a blob`;
  return path.includes(config) ? 'read the config' : `read a layer of the ${from}`;
}

function cacheKindOf(method: string, path: string): string {
  const isTarget = !path.startsWith(`/v2/${CACHE_NAME}/`);
  if (isTarget) return 'mount a blob of it';
  if (path.includes('/manifests/'))
    return { HEAD: 'look at its tag', PUT: 'set its tag' }[method] ?? 'read it';
  if (path.includes('mount=')) return 'mount a blob into it';
  if (method === 'POST' || method === 'PUT' || method === 'PATCH') return 'send its config';
  return method === 'HEAD' ? 'look for a blob' : 'read its config, or the end of a blob';
}

/** The rows of requests in which a scenario differs from the usual one. */
const ROWS: Readonly<
  Record<Exclude<Scenario, 'referrer' | 'cached'>, Readonly<Record<string, string>> | undefined>
> = {
  usual: undefined,
  v5: undefined,
  lz4: undefined,
  batches: undefined,
  relink: undefined,
  rebuild: undefined,
  optimize: undefined,
  referring: undefined,
  flatten: undefined,
  join: undefined,
  chunks: {
    'send a blob (PATCH)': 'send a chunk (PATCH)',
    'finish an upload (PUT)': 'finish an upload in chunks (PUT)',
  },
  large: {
    'send a blob (PATCH)': 'send a blob while it is made (PATCH)',
    'finish an upload (PUT)': 'finish an upload, a large blob among them (PUT)',
  },
  mount: { 'mount a blob': 'mount a blob' },
  copy: {
    'resolve the source': 'copy: resolve the source',
    'read the manifest': 'copy: read the manifest',
    'read the config': 'copy: read the config',
    'read a layer of the source': 'copy: read a layer',
    'look at the tag': 'copy: look at the tag',
    'look for a blob': 'copy: look for a blob',
    'open an upload': 'copy: open an upload',
    'send a blob (PATCH)': 'copy: send a blob (PATCH)',
    'finish an upload (PUT)': 'copy: send a blob (PUT)',
    'set the tag': 'copy: set the tag',
  },
  elsewhere: {
    'open an upload': 'open an upload that goes on at another host',
    'finish an upload (PUT)': 'finish an upload at another host (PUT)',
  },
};

/** All cells for the requests that a run of the scenario makes without faults. */
export function cellsOf(
  scenario: Exclude<Scenario, 'referrer'>,
  requests: readonly SeenRequest[],
  config: string,
  mode: Mode,
): Cell[] {
  const counts = new Map<string, number>();
  return requests.flatMap((request) => {
    const { host, method, path } = request;
    const key = `${host} ${method} ${path}`;
    const at = (counts.get(key) ?? 0) + 1;
    counts.set(key, at);
    const plain = kindOf(request, config);
    const kind = rowOf(scenario, plain);
    if (kind === undefined) return [];
    return faultNames().map((fault) => ({ scenario, host, method, path, at, kind, fault, mode }));
  });
}

/** Undefined for a request that another scenario covers. */
function rowOf(scenario: Exclude<Scenario, 'referrer'>, plain: string): string | undefined {
  if (scenario === 'cached') return plain.startsWith('build cache: ') ? plain : undefined;
  const rows = ROWS[scenario];
  return rows === undefined ? plain : rows[plain];
}

export function faultNames(): Fault[] {
  return Object.keys(FAULTS) as Fault[]; // the table's own keys
}

function ruleOf({ method, path, at, fault, mode }: Cell): FaultRule {
  const text = path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replace('SESSION', '[^/?]+');
  return { method, path: new RegExp(`^${text}$`), at, times: mode === 'once' ? 1 : Infinity, fault };
}

/** One conversion with one fault. `reference` is the digest that a run without faults gives. */
export async function runCell(lab: FaultLab, cell: Cell, reference: string): Promise<CellResult> {
  let seen = await lab.run({ rules: { [cell.host]: [ruleOf(cell)] } });
  // Which of two requests at the same time comes first is not decided: then the script may have missed.
  for (let again = 0; seen.struck === 0 && again < 3; again++) {
    seen = await lab.run({ rules: { [cell.host]: [ruleOf(cell)] } });
  }
  const { error } = seen;
  const outcome = error === undefined ? 'same' : error instanceof NydusError ? error.code : 'INTERNAL';
  const faults = brokenPromises(seen, reference);
  if (!allowed(cell).includes(outcome))
    faults.push(`ended with ${outcome}; may be ${allowed(cell).join(' or ')}`);
  return {
    cell,
    outcome,
    message: error instanceof Error ? error.message : undefined,
    isWarned: seen.events.some((event) => event.type === 'warning' && event.code.startsWith('CACHE_')),
    retries: seen.events.filter(({ type }) => type === 'retry').length,
    elapsedMs: seen.elapsedMs,
    faults,
    foreign: seen.foreign,
    logLines: seen.log.split('\n').length - 1,
    tokens: seen.tokens,
  };
}

/** Headers that a foreign origin may see: the client's own, and HTTP's. docs/registries.md lists them. */
const PUBLIC_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'content-length',
  'content-range',
  'content-type',
  'range',
  'user-agent',
  'connection',
  'host',
  'transfer-encoding',
]);

/** Promises that a run has broken, whatever was wrong with its requests. `reference` is the digest that a run without faults gives. */
export function brokenPromises(seen: Observation, reference: string): string[] {
  const { error, before, tagged, damage, left } = seen;
  const broken: string[] = [];
  if (seen.struck === 0) broken.push('the script struck nothing');
  if (seen.elapsedMs > TIME_LIMIT_MS) broken.push(`took ${Math.round(seen.elapsedMs / 1000)} s`);
  if (left.length > 0) broken.push(`left ${left.join(', ')}`);
  if (error === undefined) {
    if (tagged !== reference) broken.push(`the tag is ${tagged ?? 'absent'}, not ${reference}`);
  } else {
    // Only the answer to the very last request may be lost after it has been carried out.
    if (tagged !== before && tagged !== reference)
      broken.push(`it failed, and the tag is ${tagged ?? 'gone'}`);
    if (!(error instanceof NydusError) || error instanceof InternalError)
      broken.push(
        `not an error of ours: ${error instanceof Error ? (error.stack ?? error.message) : typeof error}`,
      );
    else if (/\n|\.$/.test(error.message)) broken.push(`not one sentence: ${error.message}`);
  }
  broken.push(...damage);
  const said = printed(seen);
  for (const secret of secretsOf(seen.tokens)) if (said.includes(secret)) broken.push('a secret was printed');
  for (const { name, value, method } of seen.foreign) {
    if (secretsOf(seen.tokens).some((secret) => value.includes(secret)))
      broken.push(`${method} sent another origin a secret in ${name}`);
    if (!PUBLIC_HEADERS.has(name)) broken.push(`${method} sent another origin ${name}`);
  }
  return broken;
}

/** Every way in which the password or a token may be written. */
export function secretsOf(tokens: readonly string[]): string[] {
  const basic = Buffer.from(`me:${PASSWORD}`).toString('base64');
  return [PASSWORD, encodeURIComponent(PASSWORD), JSON.stringify(PASSWORD).slice(1, -1), basic, ...tokens];
}

/** All that a program could print of the run, and what ours does. */
function printed({ error, events, log }: Observation): string {
  const values = JSON.stringify([error, events], (_, value: unknown) =>
    value instanceof Error
      ? {
          ...Object.fromEntries(Object.entries(value)),
          message: value.message,
          stack: value.stack,
          cause: value.cause,
        }
      : value,
  );
  return `${values}\n${log}`;
}
