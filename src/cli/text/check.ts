/** Prints the outcome of a check: one line a finding for programs, blocks with colour for a terminal. */
import { Chalk, type ChalkInstance } from 'chalk';
import type { CheckedPlatform, CheckResult } from '../../check/result.js';
import type { ClientVerdict, PlatformClients } from '../../check/clients.js';
import { formatFinding, type Finding } from '../../check/finding.js';
import type { CliContext } from '../context.js';
import {
  clientName,
  countsText,
  groupFindings,
  limitsText,
  OUTCOMES,
  pickText,
  placeText,
} from '../report/model.js';
import { table, wrapped } from './columns.js';
import { colourLevel, hasColours, withPaintedWord } from './colours.js';
import { painted } from './paint.js';
import { printable } from './printable.js';
import { formatBytes, plural } from './units.js';

/** At most so many findings of one kind and platform are shown; the rest is counted. */
const SHOWN = 50;

/** Lines for programs, or for the terminal that standard output is. */
export function checkLines(result: CheckResult, context: CliContext): readonly string[] {
  if (context.stdoutIsTTY === true)
    return terminalLines(result, new Chalk({ level: colourLevel(context, 'stdout') }), context.columns);
  const lines = plainLines(result);
  return hasColours(context, 'stdout') ? lines.map(withPaintedWord) : lines;
}

export function plainLines(result: CheckResult): readonly string[] {
  const lines = [...findingLines(result.findings), ...result.platforms.map(platformLine)];
  for (const tables of result.clients ?? []) lines.push(...clientLines(tables));
  lines.push(verdictLine(result));
  return lines;
}

function verdictLine(result: CheckResult): string {
  const { verdict, target, root, findings, sample } = result;
  const sampled = sample === undefined ? '' : ` (a sample: ${sample} % of the chunk data)`;
  const only = result.bootstrapOnly ? ' (bootstraps only)' : '';
  const image = target.endsWith(`@${root.digest}`) ? target : `${target}@${root.digest}`;
  return `${verdict}: ${image}: ${countsText(findings)}${sampled}${only}`;
}

function platformLine(image: CheckedPlatform): string {
  return `${image.platform}: ${platformFacts(image).join(', ')}`;
}

function platformFacts(image: CheckedPlatform): readonly string[] {
  const { layers, blobBytes, oci, ociRead, dataRead, compared } = image;
  return [
    `${plural(layers, 'layer')}, ${formatBytes(blobBytes)} of blobs`,
    ...(oci === undefined ? [] : [ociRead ? 'both halves' : 'both halves, OCI layers unread']),
    ...(dataRead ? [] : ['chunk data not read']),
    ...(compared ? ['filesystem compared with the source'] : []),
  ];
}

function* findingLines(findings: readonly Finding[]): Generator<string> {
  const shown = new Map<string, number>();
  const key = (found: Finding): string =>
    `${found.id} ${found.where.platform ?? ''} ${found.where.half ?? ''}`;
  for (const found of findings) {
    const before = shown.get(key(found)) ?? 0;
    shown.set(key(found), before + 1);
    if (before >= SHOWN) continue;
    yield formatFinding(found);
    if (before === 0 && found.hint !== undefined) yield `         hint: ${found.hint}`;
  }
  for (const [what, total] of shown) {
    if (total > SHOWN) yield `… and ${total - SHOWN} more of ${what.trim()}; --json lists them all`;
  }
}

const CLIENT_HEAD = ['client', 'versions', 'takes', 'result'];
const LEFT = new Set([0, 1, 2, 3]);

function clientCells(verdict: ClientVerdict): string[] {
  return [
    clientName(verdict),
    verdict.versions === '' ? 'all' : verdict.versions,
    pickText(verdict),
    OUTCOMES[verdict.outcome],
  ];
}

function clientLines({ platform, clients }: PlatformClients): string[] {
  return [
    `${platform}, by client:`,
    ...table([CLIENT_HEAD, ...clients.map(clientCells)], LEFT).map((line) => `  ${line}`),
  ];
}

/** For a terminal: first the findings in blocks, then the images that were checked, and last, next to the prompt, the verdict. */
export function terminalLines(result: CheckResult, chalk: ChalkInstance, columns: number): readonly string[] {
  const paint = { error: chalk.red, warning: chalk.yellow, note: chalk.blue };
  const lines: string[] = [];
  for (const { id, severity, findings } of groupFindings(result.findings)) {
    const times = findings.length === 1 ? '' : painted(chalk.dim, ` × ${findings.length}`);
    lines.push(`${painted(paint[severity].bold, severity.padEnd(7))} ${painted(chalk.bold, id)}${times}`);
    for (const found of findings.slice(0, SHOWN)) lines.push(...findingBlock(found, chalk, columns));
    if (findings.length > SHOWN)
      lines.push(painted(chalk.dim, `  … and ${findings.length - SHOWN} more; --report html FILE has them`));
    const hint = findings.find((found) => found.hint !== undefined)?.hint;
    if (hint !== undefined)
      lines.push(...wrapped(`hint: ${hint}`, columns, 2).map((line) => painted(chalk.blue, line)));
    lines.push('');
  }
  for (const image of result.platforms) {
    const bad = result.findings.some(
      ({ severity, where }) => severity === 'error' && where.platform === image.platform,
    );
    const mark = bad ? painted(chalk.red, '✗') : painted(chalk.green, '✓');
    lines.push(
      `${mark} ${painted(chalk.bold, image.platform)}  ${platformFacts(image).join(painted(chalk.dim, ' · '))}`,
    );
  }
  for (const tables of result.clients ?? []) lines.push('', ...clientTable(tables, chalk));
  const limits = limitsText(result);
  lines.push('');
  if (limits !== undefined)
    lines.push(...wrapped(limits, columns, 0).map((line) => painted(chalk.dim, line)));
  const good = result.verdict === 'good';
  const badge = good ? painted(chalk.black.bgGreen, ' good ') : painted(chalk.white.bgRed, ' bad ');
  lines.push(`${badge} ${painted(chalk.bold, result.target)}  ${countsText(result.findings)}`);
  lines.push(painted(chalk.dim, result.root.digest));
  return lines;
}

function findingBlock(found: Finding, chalk: ChalkInstance, columns: number): string[] {
  const lines = wrapped(`${placeText(found)}: ${found.message}`, columns, 2);
  const place = printable(placeText(found));
  const block = lines.map((line, i) =>
    i === 0 ? line.replace(place, () => painted(chalk.cyan, place)) : line,
  );
  for (const [name, value] of [
    ['expected', found.expected],
    ['found', found.found],
  ] as const) {
    if (value !== undefined) block.push(`    ${painted(chalk.dim, name.padEnd(8))} ${value}`);
  }
  return block;
}

function clientTable({ platform, clients }: PlatformClients, chalk: ChalkInstance): string[] {
  const [head = '', ...rows] = table([CLIENT_HEAD, ...clients.map(clientCells)], LEFT);
  const paint = { lazily: chalk.green, unpacked: chalk.white, copied: chalk.white, fails: chalk.red };
  return [
    painted(chalk.bold, platform),
    painted(chalk.dim, `  ${head}`),
    ...rows.map((row, i) => {
      const outcome = clients[i]?.outcome ?? 'copied';
      const words = OUTCOMES[outcome];
      return `  ${row.slice(0, row.length - words.length)}${painted(paint[outcome], words)}`;
    }),
  ];
}
