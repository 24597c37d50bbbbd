/** A study of a slow link, as text for docs/reliability.md. */
import { linkRatio, type LinkReport, MAX_RATIO, megabytes } from '../../test/support/faults/link-study.js';
import { markdownTable } from '../../test/support/markdown-table.js';

export function linkText(report: LinkReport): string {
  const { study, download, upload, direct, linked, broken, areEqual } = report;
  const { name, bytesPerSecond, roundTripMs } = study;
  const rows = [direct, download, upload, linked, ...broken].map(({ what, wall, traffic }) => [
    what,
    wall.toFixed(1),
    ...(traffic === undefined
      ? ['', '', '', '', '']
      : [
          megabytes(traffic.down),
          megabytes(traffic.up),
          String(traffic.connections),
          String(traffic.requests),
          String(traffic.resets),
        ]),
  ]);
  const costs = broken.map(({ what, wall, traffic }) => {
    const more = wall - linked.wall;
    const each = traffic === undefined || traffic.resets === 0 ? 0 : more / traffic.resets;
    return `${what.replace('the same, ', '')}: ${signed(more)} s (${signed((more / linked.wall) * 100)} %), ${signed(each)} s a reset`;
  });
  return [
    `${name} over ${(bytesPerSecond * 8) / 1e6} Mbit/s in each direction with a round trip of ${roundTripMs} ms: ` +
      `**${linkRatio(report).toFixed(2)} times** the longest of download, upload and conversion without the link (promised: ${MAX_RATIO}). ` +
      `All conversions gave ${areEqual ? 'the same layers' : 'DIFFERENT layers'}.`,
    markdownTable(['what', 'seconds', 'MB down', 'MB up', 'connections', 'requests', 'resets'], rows),
    `What resets cost: ${costs.join('; ')}.`,
  ].join('\n\n');
}

function signed(number: number): string {
  return `${number < 0 ? '−' : '+'}${Math.abs(number).toFixed(1)}`;
}
