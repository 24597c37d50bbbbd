/** docs/security.md: what is promised to whom, and the attack and the test behind each promise. One table file for each area. */
import { markdownTable } from '../../../test/support/markdown-table.js';
import { LOCAL } from './local.js';
import { PEER } from './peer.js';
import { MEMORY } from './memory.js';
import { fuzzCounts } from './fuzz-counts.js';
import type { AttackTable } from './row.js';
import { SERVED } from './served.js';
import { SERVICE_TABLES } from './service.js';
import { THREADS } from './threads.js';
import { TRIED_ANSWERS } from './tried-answers.js';
import { TRIED_UPLOADS } from './tried-uploads.js';
import { TRIED_WAYS } from './tried-ways.js';
import { TRIED_LOCAL } from './tried-local.js';
import { TRIED_TEXT } from './tried-text.js';
import { TRIED_DOCUMENTS } from './tried-documents.js';
import { TRIED_LAYERS } from './tried-layers.js';
import { TRIED_BOOTSTRAPS } from './tried-bootstraps.js';
import { TRIED_CALLERS } from './tried-callers.js';

const TABLES: readonly AttackTable[] = [
  ...PEER,
  ...THREADS,
  ...LOCAL,
  ...MEMORY,
  ...SERVED,
  ...SERVICE_TABLES,
  TRIED_ANSWERS,
  TRIED_UPLOADS,
  TRIED_WAYS,
  TRIED_LOCAL,
  TRIED_TEXT,
  TRIED_DOCUMENTS,
  TRIED_LAYERS,
  TRIED_BOOTSTRAPS,
  TRIED_CALLERS,
];

export const SECURITY_TESTS = TABLES.flatMap(({ rows }) => rows.map(({ test }) => test));

const HEAD = `<!-- Written by tools/docs/security/page.ts from the tables beside it. Do not edit: npm run docs. -->

# Security

What a hostile party can and cannot do, and the test that proves it. Seven parties may be hostile, each with what it controls:

- **image author**: every byte of manifests, configs, layers, bootstraps and blobs, and the names in them;
- **registry**: every answer, and the pace of it; the same holds for mirrors, token servers, proxies, and for hosts to which one of them leads;
- **storage backend**: every answer of an object store, and the files of a folder that keeps blobs;
- **client**: every request to \`serve\`, and the pace at which it takes answers;
- **web page**: a page of any site that a browser on this machine shows while \`serve\` runs;
- **local user**: another account of the machine that writes to folders which all may write to, such as \`/tmp\`;
- **webhook sender**: the reference of an image that is to be converted, and nothing else. What holds for an image author holds for it.

A **caller** (a program that uses the library) and a **dependency** are no enemies, but may be careless.

A **power failure** at any moment means no harm, but does it; its rows are here too.

A run that is attacked ends with one sentence and the exit code of docs/reliability.md. It uses bounded memory, time and disk, sends
credentials to no host that the user has not named, and leaves no half image behind.`;

export function securityPage(): string {
  const sections = TABLES.map(({ title, promise, rows }) => {
    const lines = rows.map(({ by, attack, before, now, test }) => [
      by,
      attack,
      before,
      now,
      `\`${test.file}\`: ${test.words}`,
    ]);
    return `## ${title}\n\n${promise}\n\n${markdownTable(['by', 'attack', 'before', 'now', 'test'], lines)}`;
  });
  return [HEAD, ...sections, fuzzCounts(), ''].join('\n\n');
}
