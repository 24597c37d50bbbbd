/** A report that fits the summary of a CI job: GitHub's Markdown, short where nothing is wrong. */
import type { CheckResult } from '../../check/result.js';
import { printable } from '../text/printable.js';
import { formatBytes, plural } from '../text/units.js';
import {
  clientName,
  countsText,
  groupFindings,
  limitsText,
  OUTCOMES,
  pickText,
  placeText,
  type FindingGroup,
} from './model.js';
import type { FailedCheck } from './report-run.js';

/** Findings of one id that are listed; the rest is counted. */
const SHOWN = 20;
const MARKS = { error: '❌', warning: '⚠️', note: 'ℹ️' } as const;

export function markdownReport(result: CheckResult): string {
  const limits = limitsText(result);
  const mark = result.verdict === 'good' ? '✅' : '❌';
  const parts = [
    `## ${mark} ${result.verdict}: ${code(result.target)}`,
    `${countsText(result.findings)} · ${code(result.root.digest)}${limits === undefined ? '' : ` · ${limits}`}`,
    platforms(result),
    ...groupFindings(result.findings).map(group),
    clients(result),
    layers(result),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** A summary of a check that came to no verdict. */
export function markdownOfFailure({ target, error, hint }: FailedCheck): string {
  const parts = [
    `## ❌ unknown: ${code(target)}`,
    `${code(error.code)}: ${text(error.message)}`,
    ...(hint === undefined ? [] : [`> ${text(hint)}`]),
  ];
  return `${parts.join('\n\n')}\n`;
}

function platforms(result: CheckResult): string {
  if (result.platforms.length === 0) return '';
  const rows = result.platforms.map(
    ({ platform, layers: count, blobBytes, bootstrapBytes, oci, compared }) => [
      code(platform),
      `${count}`,
      formatBytes(blobBytes),
      formatBytes(bootstrapBytes),
      oci === undefined ? 'Nydus' : 'OCI and Nydus',
      compared ? 'yes' : 'no',
    ],
  );
  return table(['platform', 'layers', 'blobs', 'bootstrap', 'images', 'compared with the source'], rows);
}

function group({ id, severity, meaning, findings }: FindingGroup): string {
  const lines = findings.slice(0, SHOWN).map((found) => {
    const sums = [
      found.expected === undefined ? undefined : `expected ${code(found.expected)}`,
      found.found === undefined ? undefined : `found ${code(found.found)}`,
    ].filter((sum) => sum !== undefined);
    return `- ${code(placeText(found))}: ${text(found.message)}${sums.length === 0 ? '' : ` (${sums.join(', ')})`}`;
  });
  if (findings.length > SHOWN) lines.push(`- … and ${findings.length - SHOWN} more`);
  const hint = findings.find((found) => found.hint !== undefined)?.hint;
  return [
    `### ${MARKS[severity]} ${id}${findings.length === 1 ? '' : ` × ${findings.length}`}`,
    ...(meaning === undefined ? [] : [text(meaning)]),
    lines.join('\n'),
    ...(hint === undefined ? [] : [`> ${text(hint)}`]),
  ].join('\n\n');
}

function clients({ clients: tables }: CheckResult): string {
  return (tables ?? [])
    .map(({ platform, clients: verdicts }) =>
      details(
        `Clients on ${platform}`,
        table(
          ['client', 'versions', 'takes', 'result', 'why'],
          verdicts.map((verdict) => [
            text(clientName(verdict)),
            text(verdict.versions === '' ? 'all' : verdict.versions),
            pickText(verdict),
            OUTCOMES[verdict.outcome],
            text(verdict.why),
          ]),
        ),
      ),
    )
    .join('\n\n');
}

function layers({ platforms: images }: CheckResult): string {
  return images
    .map(({ platform, layerSizes }) =>
      details(
        `${plural(layerSizes.length, 'layer')} of ${platform}`,
        table(
          ['layer', 'source', 'blob', 'blob digest'],
          layerSizes.map(({ source, blobBytes, blob }, i) => [
            `${i + 1}`,
            source === undefined ? '' : formatBytes(source.bytes),
            formatBytes(blobBytes),
            code(blob.slice(0, 19)),
          ]),
        ),
      ),
    )
    .join('\n\n');
}

function details(summary: string, body: string): string {
  return `<details><summary>${text(summary)}</summary>\n\n${body}\n\n</details>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '-')), ...rows.map(line)].join('\n');
}

/** Nothing that an image says is markup. */
function text(value: string): string {
  return printable(value)
    .replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c] ?? c)
    .replace(/[\\`*_[\]#~!]/g, '\\$&')
    .replace(/@/g, '@\u200b');
}

function code(value: string): string {
  const plain = printable(value);
  const longest = Math.max(0, ...Array.from(plain.matchAll(/`+/g), ([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = longest === 0 ? '' : ' ';
  return `${fence}${pad}${plain}${pad}${fence}`;
}
