/** Man pages of the program and of each command, from the tables that its help is made of. */
import type { CommandTable } from '../../src/cli/command.js';
import { COMMANDS, PROGRAM } from '../../src/cli/command-list.js';
import { type Flag, flagHelp, flagSyntax } from '../../src/cli/flags/flags.js';
import { GLOBAL_FLAGS } from '../../src/cli/flags/global.js';
import { type HelpBlock, helpBlocks } from '../../src/cli/text/help-text.js';
import { bold, filled, item, roff, section, syntax, verbatim } from './roff.js';

/** The edition that the foot of a page names. */
export interface Edition {
  readonly version: string;
  /** As 2026-01-31. */
  readonly date: string;
}

/** The text of each page by the name of its file. */
export async function manPages(edition: Edition): Promise<ReadonlyMap<string, string>> {
  const pages = new Map([['nydusify.1', programPage(edition)]]);
  for (const { name, summary, load } of COMMANDS)
    pages.set(`nydusify-${name}.1`, commandPage(name, summary, await load(), edition));
  return pages;
}

function programPage(edition: Edition): string {
  const [examples = '', ...notes] = afterHelp(PROGRAM.examples);
  return page('nydusify', edition, [
    section('NAME', `nydusify \\- ${roff('convert container images to Nydus images, and check them')}`),
    section(
      'SYNOPSIS',
      `${bold('nydusify')} ${syntax('<command>')} [${syntax('<options>')}] [${syntax('<word>')}...]`,
    ),
    section(
      'DESCRIPTION',
      filled(PROGRAM.description),
      '.PP',
      `${bold('nydusify')} ${syntax('<command>')} ${bold('--help')} prints what the page of the command says.`,
    ),
    section(
      'COMMANDS',
      ...COMMANDS.map(({ name, summary }) => item(`\\fBnydusify\\-${roff(name)}\\fR(1)`, summary)),
    ),
    ...flagSections(GLOBAL_FLAGS),
    section('EXAMPLES', examples),
    section('EXIT STATUS', ...notes.slice(-1).map((note) => note.replace(/^Exit codes: /, ''))),
    environment(),
    seeAlso(COMMANDS.map(({ name }) => `nydusify-${name}`)),
  ]);
}

function commandPage(name: string, summary: string, table: CommandTable, edition: Edition): string {
  const { description, usage = '[options]', words, flags, examples } = table;
  const [example = '', ...notes] = afterHelp(examples);
  return page(`nydusify-${name}`, edition, [
    section('NAME', filled(`nydusify-${name} - ${summary}`)),
    section('SYNOPSIS', `${bold(`nydusify ${name}`)} ${roff(usage)}`),
    section('DESCRIPTION', paragraphs(description), ...notes.map((note) => `.PP\n${note}`)),
    ...(words.length === 0
      ? []
      : [
          section(
            'ARGUMENTS',
            ...words.map(([word, help]) =>
              item(syntax(`<${word.replace(/[<>[\].]/g, '').toUpperCase()}>`), help),
            ),
          ),
        ]),
    ...flagSections([...flags, ...GLOBAL_FLAGS]),
    section('EXAMPLES', example),
    environment(),
    seeAlso(['nydusify']),
  ]);
}

function page(name: string, { version, date }: Edition, sections: readonly string[]): string {
  const head = `.TH "${roff(name.toUpperCase())}" "1" "${date}" "nydusify\\-ts ${roff(version)}" "User Commands"`;
  // Names and flags are not cut at the ends of lines, so that they can be searched and copied.
  return [`.\\" Written by tools/packages/man.ts.`, head, '.nh', '.ad l', ...sections, ''].join('\n');
}

/** Flags under the headings of the help. */
function flagSections(flags: readonly Flag[]): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const flag of flags) {
    if (flag.hidden === true) continue;
    const group = groups.get(flag.group) ?? [];
    groups.set(flag.group, [...group, item(syntax(flagSyntax(flag)), flagHelp(flag))]);
  }
  const parts = [...groups].map(([title, items]) =>
    [`.SS "${roff(title.replace(/:$/, ''))}"`, ...items].join('\n'),
  );
  return parts.length === 0 ? [] : [section('OPTIONS', ...parts)];
}

/** The examples first, then the paragraphs around them. */
function afterHelp(text: string): readonly string[] {
  const blocks = helpBlocks(text);
  const examples = blocks.filter(({ kind }) => kind === 'examples').flatMap(({ lines }) => lines);
  const rest = blocks.filter(({ kind }) => kind !== 'examples');
  return [verbatim(examples.map((line) => line.replace(/^ {2}/, ''))), ...rest.map(paragraph)];
}

function paragraphs(text: string): string {
  return helpBlocks(text).map(paragraph).join('\n.PP\n');
}

function paragraph({ kind, lines }: HelpBlock): string {
  return kind === 'prose' ? filled(lines.join(' ')) : verbatim(lines);
}

function environment(): string {
  return section(
    'ENVIRONMENT',
    filled(
      'Every flag can be given as a variable: NYDUSIFY_ and its name in capitals, with _ for each -. The names in the list of flags are those of upstream, read where images are named by flags.',
    ),
  );
}

function seeAlso(names: readonly string[]): string {
  return section('SEE ALSO', names.map((name) => `\\fB${roff(name)}\\fR(1)`).join(',\n'));
}
