/** Kills, hostile registries, and registries met by clients of others, as text for docs/reliability.md. */
import type { HostileResult } from '../../test/support/faults/hostile-registry.js';
import type { KillResult } from '../../test/support/faults/kill-lab.js';
import { markdownTable } from '../../test/support/markdown-table.js';
import type { Meeting } from '../../test/support/references/interop-table.js';

const MIB = 1024 * 1024;

/** `requests`: those of an undisturbed conversion. */
export function killReport(requests: number, results: readonly KillResult[]): string {
  const broken = results.filter(({ faults }) => faults.length > 0).length;
  return [
    `${results.length} kills, spread over the ${requests} requests of a conversion (${String(results[0]?.totalBytes ?? 0)} bytes of blobs); ${broken} broke a promise.`,
    markdownTable(
      [
        'signal',
        'when request',
        'for',
        'exit code',
        'tag',
        'bytes held after the kill',
        'bytes sent by the next run',
        'bytes that were missing',
      ],
      results.map((result) => [
        result.signal,
        `${result.moment.request} ${result.moment.phase === 'come' ? 'had come' : 'was answered'}`,
        result.kind,
        String(result.status ?? 'killed'),
        result.tag,
        String(result.heldBytes),
        String(result.sentBytes),
        String(result.totalBytes - result.heldBytes),
      ]),
    ),
  ].join('\n\n');
}

export function hostileReport(results: readonly HostileResult[]): string {
  return markdownTable(
    ['the registry sends', 'exit code', 'sentence', 'seconds', 'peak memory, MiB'],
    results.map(({ name, status, sentence, elapsedMs, peakBytes }) => [
      name,
      String(status),
      sentence
        .replaceAll(/sha256:[0-9a-f]{64}/g, 'DIGEST')
        .replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')
        .replaceAll(/\S*\/hostile-\w+/g, '…'),
      (elapsedMs / 1000).toFixed(1),
      String(Math.round(peakBytes / MIB)),
    ]),
  );
}

export function meetingsReport(meetings: readonly Meeting[]): string {
  const clients = [...new Set(meetings.map(({ client }) => client))];
  const registries = [...new Set(meetings.map(({ registry }) => registry))];
  return markdownTable(
    ['registry', ...clients],
    registries.map((registry) => [
      registry,
      ...clients.map((client) => {
        const meeting = meetings.find((found) => found.registry === registry && found.client === client);
        return meeting === undefined ? '' : `${meeting.outcome}: ${meeting.detail}`;
      }),
    ]),
  );
}
