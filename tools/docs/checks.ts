/** docs/checks.md: every finding that `check` can make, out of the tables that it runs on. */
import { CATALOGUE } from '../../src/check/catalogue.js';
import { AUDIT_RULES } from '../../src/rafs-builder/rules/rules.js';
import { markdownTable } from '../../test/support/markdown-table.js';

const AREAS: readonly (readonly [prefix: RegExp, title: string])[] = [
  [/^(?:CONTENT|DOCUMENT|IMAGE|SOURCE)-/, 'What the reference leads to'],
  [/^INDEX-/, 'Index'],
  [/^DETECT-/, 'What nydus-snapshotter makes of it'],
  [/^MANIFEST-/, 'Manifest'],
  [/^CONFIG-/, 'Config'],
  [/^(?:BOOTSTRAP|BLOB|CHUNK)-/, 'Blobs, and what belongs to them'],
  [/^FS-/, 'Filesystem against the source'],
];

export function checksPage(): string {
  const entries = Object.entries(CATALOGUE);
  const sections = AREAS.map(([prefix, title]) => {
    const rows = entries
      .filter(([id]) => prefix.test(id))
      .map(([id, { severity, meaning }]) => [`\`${id}\``, severity, meaning]);
    return `## ${title}\n\n${markdownTable(['id', 'severity', 'found when'], rows)}`;
  });
  const left = entries.filter(([id]) => !AREAS.some(([prefix]) => prefix.test(id)));
  if (left.length > 0) throw new Error(`findings without an area: ${left.map(([id]) => id).join(', ')}`);
  const audit = Object.entries(AUDIT_RULES).map(([id, { severity, holds }]) => [
    `\`${id}\``,
    severity,
    holds,
  ]);
  return [
    HEAD,
    ...sections,
    `## Inside a bootstrap\n\nOf the image's bootstrap and of the one in each blob. The place has the path of the file and the offset in the bootstrap;\n\`nydusify inspect --at OFFSET\` names the structure there.\n\n${markdownTable(['id', 'severity', 'found when this does not hold'], audit)}`,
    '',
  ].join('\n\n');
}

const HEAD = `<!-- Written by tools/docs/main.ts from src/check/catalogue.ts and src/rafs-builder/rules/rules.ts. Do not edit: npm run docs. -->

# Checks

Every finding of \`nydusify check\` has an id that stays, a severity, a place (platform, half of a merged index, document or layer, path,
offset), a sentence, where it makes sense what was expected and what was found, and often a hint. All of them are reported.

One rule gives the severity, whichever tool made the image:

- **error**: a client fails (it gets no image that it can run, or, knowing Nydus, not the Nydus image), or content or the way containers
  start differs from the source; or a part of the image cannot be judged. The verdict is *bad*, the exit code 1.
- **warning**: the image works, and is not as it should be: something is lost that clients do without, or only tools miss it.
- **note**: as it should be, and worth knowing.

For bootstraps the rule is read strictly: wherever the format leaves a byte no choice, another value is an error, although today's readers
may pass over it. Kernels of several ages read these bytes, each relies on other ones, and the damage behind a wrong count or a filled gap
is often a lost name or chunk (\`RAFS-GAP\` is all that is left of a directory that was cut by one byte). Two rules are warnings, since no
reader can stumble there: \`RAFS-CHUNK-UNUSED\` and \`RAFS-LINK-ATTRIBUTES\`.

What this version cannot read (images that leave their data in the source's layers, encrypted images,
parts beyond a limit) is refused with a sentence and the exit code 5 if there is nothing else. In an index with other images, it is the
error \`CONTENT-UNREAD\`, and the others are checked.

\`--report FORMAT=FILE\` (json, html, markdown, junit) writes them for programs, people, job summaries and CI servers, also when nothing can
be read; in junit each area is a test, whose name is the same in every run. \`--fail-on warning\` or \`note\` makes the exit code 1 for less
than an error; \`--clients\` adds what each client makes of the image ([clients.md](clients.md)).`;
