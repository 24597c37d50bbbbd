/** The matrix as text for docs/reliability.md. */
import { FAULTS } from '../../src/embedded-registry/faults.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import { type CellResult, faultNames, type Mode } from '../../test/support/faults/fault-matrix.js';
import type { MatrixRun } from '../../test/support/faults/matrix-run.js';

export function matrixReport(run: MatrixRun): string {
  const { results } = run;
  const broken = results.filter(({ faults }) => faults.length > 0).length;
  const ended = results.filter(({ outcome }) => outcome !== 'same').length;
  return [
    `${results.length} cells, none skipped: ${results.length - ended} gave the result of the run without faults, ${ended} ended with a documented error, ${broken} broke a promise. ` +
      `Requests that were tried again: ${sum(results.map(({ retries }) => retries))}. Of the cells that ended with an error, ${tagged(results)} left a tag. ` +
      `${run.debugLines} lines of debug log, ${sum(results.map(({ logLines }) => logLines))} lines as \`--log-file\` has them (plain and JSON, errors with all causes), and all errors and events as a library sees them, were searched for the password and for every token: ${run.leaks.length} hits.`,
    markdownTable(
      ['fault', 'what happens'],
      Object.entries(FAULTS).map(([name, what]) => [`\`${name}\``, what]),
    ),
    'Once, at one request. `=`: the result of the run without faults; else the code of the error; with the number of cells.',
    modeTable(results, 'once'),
    'For good, at every request of the same address from there on:',
    modeTable(results, 'for good'),
    'The sentences of the errors:',
    sentences(results),
    'All headers that reached an origin other than the two registries and the token server, in all cells: after a redirect, and where the `Location` of an upload led:',
    foreignHeaders(results),
  ].join('\n\n');
}

/** The cells of runs with a build cache, whose requests of the cache alone are struck. */
export function cachedReport({ results }: MatrixRun): string {
  const broken = results.filter(({ faults }) => faults.length > 0).length;
  const warned = results.filter(({ isWarned }) => isWarned).length;
  return [
    `${results.length} cells: ${results.length - broken} made the image of a run without a cache and left a whole cache, ${warned} of them after a warning; ${broken} broke a promise. Once, at one request:`,
    modeTable(results, 'once'),
    'For good, at every request of the same address from there on:',
    modeTable(results, 'for good'),
  ].join('\n\n');
}

function tagged(results: readonly CellResult[]): number {
  return results.filter(
    ({ outcome, faults }) => outcome !== 'same' && faults.some((fault) => fault.includes('the tag is')),
  ).length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function modeTable(results: readonly CellResult[], mode: Mode): string {
  const of = results.filter(({ cell }) => cell.mode === mode);
  const kinds = [...new Set(of.map(({ cell }) => cell.kind))];
  return markdownTable(
    ['request', ...faultNames().map((name) => `\`${name}\``)],
    kinds.map((kind) => [
      kind,
      ...faultNames().map((fault) => {
        const counts = new Map<string, number>();
        for (const { cell, outcome } of of) {
          if (cell.kind !== kind || cell.fault !== fault) continue;
          const mark = outcome === 'same' ? '=' : outcome;
          counts.set(mark, (counts.get(mark) ?? 0) + 1);
        }
        return [...counts].map(([mark, count]) => (mode === 'once' ? `${mark} ${count}` : mark)).join(', ');
      }),
    ]),
  );
}

/** Hosts, digests and sizes differ from run to run, or say nothing here. */
function general(message: string): string {
  return message
    .replaceAll(/sha256:[0-9a-f]{64}/g, 'DIGEST')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')
    .replaceAll(/\?service=\S*/g, '?…')
    .replaceAll(/\d+ of \d+ bytes/g, 'N of M bytes')
    .replace(/: a fault that was asked for$/, '');
}

function sentences(results: readonly CellResult[]): string {
  const rows = new Map<string, Set<string>>();
  for (const { outcome, message, cell } of results) {
    if (outcome === 'same') continue;
    const key = `${outcome}\t${general(message ?? '')}`;
    rows.set(key, (rows.get(key) ?? new Set()).add(`\`${cell.fault}\``));
  }
  return markdownTable(
    ['code', 'sentence', 'faults'],
    [...rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, faults]) => [...key.split('\t'), [...faults].sort().join(', ')]),
  );
}

function foreignHeaders(results: readonly CellResult[]): string {
  const rows = new Map<string, Set<string>>();
  for (const { foreign } of results) {
    for (const { name, method, value, way } of foreign) {
      const shown = /^(host|content-length|content-range|range)$/.test(name)
        ? value.replaceAll(/\d+/g, 'N')
        : value;
      const key = `\`${name}\`\t\`${shown}\``;
      rows.set(key, (rows.get(key) ?? new Set()).add(`${method} (${way})`));
    }
  }
  return markdownTable(
    ['header', 'value', 'with'],
    [...rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, methods]) => [...key.split('\t'), [...methods].sort().join(', ')]),
  );
}
