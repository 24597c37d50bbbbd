/** The pages of the site: the README, the pages of docs/ and those for developers, in the groups of the navigation. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';

export interface SitePage {
  /** Of the Markdown file, from the root of the project. */
  readonly source: string;
  /** Of the page, from the root of the site. */
  readonly path: string;
  readonly title: string;
  readonly text: string;
}

export interface PageGroup {
  readonly name: string;
  readonly pages: readonly SitePage[];
}

const GROUPS: readonly (readonly [name: string, sources: readonly string[]])[] = [
  ['Start', ['README.md', 'docs/tasks.md', 'docs/running.md', 'docs/upstream.md', 'CHANGELOG.md']],
  [
    'Use',
    [
      'docs/checks.md',
      'docs/clients.md',
      'docs/config.md',
      'docs/registries.md',
      'docs/terminal.md',
      'docs/looking.md',
      'docs/serving.md',
      'docs/dictionaries.md',
      'docs/flatten.md',
      'docs/optimize.md',
      'docs/commit.md',
      'docs/reverse.md',
    ],
  ],
  [
    'Proofs',
    ['docs/performance.md', 'docs/reliability.md', 'docs/security.md', 'docs/bombs.md', 'docs/every-byte.md'],
  ],
  [
    'Inside',
    [
      'docs/ARCHITECTURE.md',
      'docs/format.md',
      'docs/traps.md',
      'CONTRIBUTING.md',
      'examples/README.md',
      'test/README.md',
      'tools/README.md',
    ],
  ],
];
const DECISIONS = 'docs/decisions';

/** Every page of docs/ is in a group: one that no list names stands in the second. */
export function siteGroups(): readonly PageGroup[] {
  const listed = new Set(GROUPS.flatMap(([, sources]) => sources));
  const others = markdownIn('docs').filter((source) => !listed.has(source));
  const groups = GROUPS.map(([name, sources], i) => ({
    name,
    pages: [...sources, ...(i === 1 ? others : [])].map(pageOf),
  }));
  return [...groups, { name: 'Decisions', pages: markdownIn(DECISIONS).map(pageOf) }];
}

/** The place of the page that is made of a Markdown file. */
export function pagePath(source: string): string {
  return source === 'README.md' ? 'index.html' : source.replace(/\.md$/, '.html');
}

function markdownIn(folder: string): readonly string[] {
  return readdirSync(join(projectRoot, folder))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `${folder}/${name}`);
}

function pageOf(source: string): SitePage {
  const text = readFileSync(join(projectRoot, source), 'utf8');
  const title = /^# (.+)$/m.exec(text)?.[1]?.replaceAll('`', '') ?? basename(source, '.md');
  return { source, path: pagePath(source), title, text };
}
