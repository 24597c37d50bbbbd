/**
 * A page of Markdown as HTML: with anchors as GitHub spells them, links to pages of the site, and its text in sections for the search.
 * The parser is marked, since markdown-it brings argparse, whose licence (PSF-2.0) is not on our list.
 */
import { dirname, join } from 'node:path/posix';
import { Marked, type Token, type Tokens } from 'marked';
import type { SitePage } from './pages.js';

export interface Section {
  /** Empty for what stands before the first heading. */
  readonly anchor: string;
  readonly title: string;
  readonly text: string;
}

export interface Rendered {
  readonly html: string;
  readonly sections: readonly Section[];
  /** The headings of the second level. */
  readonly contents: readonly Pick<Section, 'anchor' | 'title'>[];
}

/** Where a link of a page leads to on the site; `path` is from the root of the project. */
export type LinkOf = (path: string) => string;

export function renderPage({ source, text }: SitePage, linkOf: LinkOf): Rendered {
  const anchors = anchorsOf(text);
  const left = [...anchors];
  const address = (href: string): string => {
    if (/^[a-z]+:/i.test(href) || href.startsWith('#')) return href;
    const [file = '', anchor] = href.split('#');
    return `${linkOf(join(dirname(source), file))}${anchor === undefined ? '' : `#${anchor}`}`;
  };
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth }) {
        const anchor = left.shift() ?? '';
        return `<h${depth} id="${escaped(anchor)}"><a href="#${escaped(anchor)}">${this.parser.parseInline(withoutLinks(tokens))}</a></h${depth}>\n`;
      },
      link({ href, tokens }) {
        return `<a href="${escaped(address(href))}">${this.parser.parseInline(tokens)}</a>`;
      },
      image({ href, text: alt }) {
        return `<img src="${escaped(address(href))}" alt="${escaped(alt)}" />`;
      },
    },
    // An address in a text is an example, and leads nowhere.
    tokenizer: { url: () => undefined },
  });
  const html = marked
    .parse(text, { async: false })
    .replaceAll('<table>', '<div class="scroll" tabindex="0" role="group" aria-label="table"><table>')
    .replaceAll('</table>', '</table></div>')
    .replaceAll('<th></th>', '<td></td>')
    .replaceAll('<pre>', '<pre tabindex="0">');
  const sections = sectionsOf(marked.lexer(text), anchors);
  const contents = sections.filter(({ depth }) => depth === 2);
  return { html, sections, contents };
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A heading is a link itself, to its own anchor. */
function withoutLinks(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token) => (token.type === 'link' ? (token.tokens ?? []) : [token]));
}

function headingsOf(tokens: readonly Token[]): readonly Tokens.Heading[] {
  return tokens.filter((token): token is Tokens.Heading => token.type === 'heading');
}

/** In the order of the headings; one that appears again has a number. */
function anchorsOf(text: string): readonly string[] {
  const counts = new Map<string, number>();
  return headingsOf(new Marked().lexer(text)).map(({ text: title }) => {
    const anchor = title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
}

function sectionsOf(
  tokens: readonly Token[],
  anchors: readonly string[],
): readonly (Section & { readonly depth: number })[] {
  const sections: { anchor: string; title: string; text: string; depth: number }[] = [];
  for (const token of tokens) {
    if (token.type === 'heading') {
      const { text: title, depth } = token as Tokens.Heading; // by its type
      const anchor = anchors[sections.length] ?? '';
      sections.push({ anchor, title: plain(title), text: '', depth });
    } else {
      const last = sections.at(-1);
      if (last !== undefined) last.text += `${plain(token.raw)} `;
    }
  }
  return sections;
}

/** Words alone, without the signs of Markdown and the targets of links. */
function plain(markdown: string): string {
  return markdown
    .replace(/<!--.*?-->/gs, '')
    .replace(/\]\([^)]*\)/g, ' ')
    .replace(/^```.*$|^[|: -]+$/gm, ' ')
    .replace(/[`*|#>[\]]|^ *- /gm, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}
